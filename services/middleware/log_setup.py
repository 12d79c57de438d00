"""Set up the log of a process from its first line on: JSON or text on standard output.

Whatever Python would print by itself (warnings, errors that end a process or a thread) is logged.
Only the standard library and msgspec are imported before that. What BentoML logs:
:mod:`services.bento.logs`.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn

from services.core.errors import SettingError
from services.core.secret_masking import masked
from services.core.settings.logs import LogSettings
from services.middleware.request_log import JsonFormatter

__all__ = ["MaskedFormatter", "fail", "is_json", "log_line", "service_of", "set_up_logs"]

logger = logging.getLogger("doorstep.services")

_TEXT = "%(asctime)s [%(levelname)s] %(message)s"


class MaskedFormatter(logging.Formatter):
    """Formats records as text without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return masked(super().format(record))


def service_of(target: str) -> str:
    """Return the name of a service for the log, before the service is loaded.

    >>> service_of("services.courier_travel:CourierTravelService"), service_of("/opt/bento")
    ('courier_travel', 'bento')
    """
    module, _, _ = target.partition(":")
    return re.split(r"[./]", module.rstrip("/"))[-1] or "doorstep"


def set_up_logs(service: str, environment: Mapping[str, str] | None = None) -> None:
    """Send all output of this process to the log from now on.

    Args:
        service: the name in each line.
        environment: has the format setting; that of the process by default.
    """
    formatter = JsonFormatter(service) if is_json(environment) else MaskedFormatter(_TEXT)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("doorstep").setLevel(logging.INFO)
    logging.captureWarnings(True)
    warnings.formatwarning = _warning_text
    sys.excepthook = _died
    sys.unraisablehook = lambda failed: _log_failure(failed.exc_value, failed.err_msg or "ignored")
    threading.excepthook = lambda failed: _log_failure(failed.exc_value, "a thread ended")


def is_json(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether the lines of the log are JSON; a setting that is wrong leaves them so."""
    try:
        return LogSettings.from_environment(environment).format == "json"
    except SettingError:  # the service says it, once it is there
        return True


def fail(text: str) -> NoReturn:
    """End the process with an error in its log, or a plain sentence on a terminal."""
    if sys.stderr.isatty():
        raise SystemExit(masked(text))
    logger.error("%s", text)
    raise SystemExit(1)


def log_line(service: str, text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a log line for output before the log is set up.

    >>> log_line("etp", "serving etp:1", {"DOORSTEP_LOG_FORMAT": "text"})
    'serving etp:1'
    """
    record = logging.LogRecord("doorstep.services", logging.INFO, "", 0, "%s", (text,), None)
    return JsonFormatter(service).format(record) if is_json(environment) else masked(text)


def _warning_text(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: Any = None
) -> str:
    return f"{category.__name__}: {message} ({filename}:{lineno})"


def _died(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        logger.info("interrupted")
        return
    logger.critical("the process ended: %s", error, exc_info=(kind, error, traceback))


def _log_failure(error: BaseException | None, what: str) -> None:
    logger.error("%s: %s", what, error, exc_info=error)

"""The log of a process from its first line on: JSON, or text, on its standard output.

BentoML configures logging several times while it starts. Its configurations get the formatter of
this package, and whatever Python would print by itself (warnings, errors that end a process or a
thread) is logged. Only the standard library and msgspec are imported before that.
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

__all__ = ["MaskedFormatter", "fail", "log_line", "service_of", "set_up_logs"]

logger = logging.getLogger("doorstep.services")

_TEXT = "%(asctime)s [%(levelname)s] %(message)s"


class MaskedFormatter(logging.Formatter):
    """Text, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return masked(super().format(record))


def service_of(target: str) -> str:
    """Return the name of a service, for the log, before it is loaded.

    >>> service_of("services.courier_travel:CourierTravelService"), service_of("/opt/bento")
    ('courier_travel', 'bento')
    """
    module, _, _ = target.partition(":")
    return re.split(r"[./]", module.rstrip("/"))[-1] or "doorstep"


def set_up_logs(service: str, environment: Mapping[str, str] | None = None) -> None:
    """Let all that this process says be lines of the log, from now on.

    Args:
        service: its name, which stands in each line.
        environment: says the format; that of the process by default.
    """
    try:
        is_json = LogSettings.from_environment(environment).format == "json"
    except SettingError:  # the service says it, once it is there
        is_json = True
    formatter: logging.Formatter = JsonFormatter(service) if is_json else MaskedFormatter(_TEXT)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("doorstep").setLevel(logging.INFO)
    logging.captureWarnings(True)
    warnings.formatwarning = _warning_text
    sys.excepthook = _died
    sys.unraisablehook = lambda failed: _log_failure(failed.exc_value, failed.err_msg or "ignored")
    threading.excepthook = lambda failed: _log_failure(failed.exc_value, "a thread ended")
    _format_bentoml_logs(service, is_json=is_json)


def fail(text: str) -> NoReturn:
    """End the process, with an error in its log; somebody at a terminal is told in plain words."""
    if sys.stderr.isatty():
        raise SystemExit(masked(text))
    logger.error("%s", text)
    raise SystemExit(1)


def log_line(service: str, text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a line of the log that is written before there is one.

    >>> log_line("etp", "serving etp:1", {"DOORSTEP_LOG_FORMAT": "text"})
    'serving etp:1'
    """
    try:
        is_json = LogSettings.from_environment(environment).format == "json"
    except SettingError:
        is_json = True
    record = logging.LogRecord("doorstep.services", logging.INFO, "", 0, "%s", (text,), None)
    return JsonFormatter(service).format(record) if is_json else masked(text)


def _format_bentoml_logs(service: str, *, is_json: bool) -> None:
    from bentoml._internal.log import CLI_LOGGING_CONFIG, SERVER_LOGGING_CONFIG

    for config in (CLI_LOGGING_CONFIG, SERVER_LOGGING_CONFIG):
        config["disable_existing_loggers"] = False
        for formatter in config["formatters"].values():
            given = {"fmt": formatter.get("format"), "datefmt": formatter.get("datefmt")}
            formatter.clear()
            if is_json:
                formatter |= {"()": JsonFormatter, "service": service}
            else:
                formatter |= {"()": MaskedFormatter, **given}
        for named in config["loggers"].values():
            named["propagate"] = False  # otherwise each of their lines is there twice
        for handler in config["handlers"].values():
            handler["stream"] = "ext://sys.stdout"
        # What nobody configures would be printed as it is.
        config["root"].setdefault("handlers", list(config["handlers"])[-1:])


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

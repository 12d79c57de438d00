"""Log requests as JSON lines: failed and slow ones, and a sample of the others.

The trace id decides which requests are sampled, so that all services log the same ones.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from services.core.context import RequestContext, current_request
from services.core.secret_masking import masked
from services.core.settings.logs import LogSettings

__all__ = ["JsonFormatter", "RequestLog", "log_as_json"]

_SERVER_ERROR = 500
_SAMPLE_DIGITS = 8
_SAMPLE_SPAN = 0x1_0000_0000  # of so many hexadecimal digits
_FIELDS = "doorstep_fields"


class JsonFormatter(logging.Formatter):
    """Formats records as JSON lines: time, level, logger, message, and the current request.

    Args:
        service: the name in every line.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, with escaped line breaks."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        request = current_request()
        if request is not None:
            line |= {"request_id": request.request_id, "trace_id": request.trace.trace_id}
            line |= {"span_id": request.trace.span_id}
        line |= getattr(record, _FIELDS, {})
        if record.exc_info:
            line["traceback"] = masked(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class RequestLog:
    """Logs answered requests.

    Args:
        settings: say which requests are logged.
        logger: takes the lines; ``doorstep.requests`` by default.
    """

    def __init__(
        self,
        settings: LogSettings,
        *,
        logger: logging.Logger | None = None,
    ) -> None:
        self._slow_s = settings.slow_ms / 1_000.0
        self._sampled_below = round(settings.sample * _SAMPLE_SPAN)
        self._logger = logger or logging.getLogger("doorstep.requests")

    def wants(self, request: RequestContext, status: int, seconds: float) -> bool:
        """Return whether a request is logged."""
        if status >= _SERVER_ERROR or seconds >= self._slow_s:
            return True
        return int(request.trace.trace_id[-_SAMPLE_DIGITS:], 16) < self._sampled_below

    def answered(
        self, request: RequestContext, *, method: str, path: str, status: int, seconds: float
    ) -> None:
        """Log one request, if :meth:`wants` it.

        Args:
            request: the context of the request.
            method: the HTTP method.
            path: a path of the service, or one word for all others.
            status: the HTTP status; 0 if the caller left without an answer.
            seconds: from its arrival to the end of its answer.
        """
        if not self.wants(request, status, seconds):
            return
        fields: dict[str, Any] = {
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": round(seconds * 1e3, 3),
            **{f"{part}_ms": round(took_s * 1e3, 3) for part, took_s in request.times_s.items()},
        }
        if request.trace.parent_id:
            fields["parent_id"] = request.trace.parent_id
        if request.key_id:
            fields["key_id"] = request.key_id
        level = logging.ERROR if status >= _SERVER_ERROR else logging.INFO
        self._logger.log(level, "request", extra={_FIELDS: fields})


def log_as_json(service: str) -> None:
    """Log every line of this process as JSON on standard output from now on.

    BentoML configures its own loggers; they keep their handlers and get this format.
    """
    formatter = JsonFormatter(service)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stdout))
    logging.getLogger("doorstep").setLevel(logging.INFO)
    for name in (None, "bentoml", "uvicorn.error"):
        for handler in logging.getLogger(name).handlers:
            if type(handler) is logging.StreamHandler:  # not those of tests
                handler.setFormatter(formatter)

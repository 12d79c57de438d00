"""Read and write W3C trace context headers.

A service takes ``traceparent`` from its caller, writes the trace id into its logs, and sends it to
the services that it calls. Only the headers are implemented: no spans are exported.

Source: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

__all__ = ["TraceContext"]

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FORBIDDEN_VERSION = "ff"
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
MAX_TRACESTATE_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span of a trace.

    Args:
        trace_id: 32 hexadecimal digits, equal in all services.
        span_id: 16 hexadecimal digits, of this service's span.
        flags: two hexadecimal digits as received; ``01``: the trace is recorded.
        parent_id: the span of the caller; empty if the trace begins here.
        state: ``tracestate`` as received.
    """

    trace_id: str
    span_id: str
    flags: str = "00"
    parent_id: str = ""
    state: str = ""

    @classmethod
    def taken(cls, traceparent: str = "", tracestate: str = "") -> TraceContext:
        """Return a child span of the trace in the headers, or a new trace.

        Invalid headers are ignored.

        >>> part = TraceContext.taken("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        >>> part.trace_id, part.parent_id, part.flags
        ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', '01')
        """
        span_id = secrets.token_hex(8)
        match = _TRACEPARENT.fullmatch(traceparent)
        if match is None:
            return cls(secrets.token_hex(16), span_id)
        version, trace_id, parent_id, flags, more = match.groups()
        wrong = version == _FORBIDDEN_VERSION or (version == "00" and more is not None)
        if wrong or trace_id == _NO_TRACE or parent_id == _NO_SPAN:
            return cls(secrets.token_hex(16), span_id)
        state = tracestate if len(tracestate) <= MAX_TRACESTATE_CHARACTERS else ""
        return cls(trace_id, span_id, flags, parent_id, state)

    @property
    def traceparent(self) -> str:
        """The header for the services that this one calls.

        >>> TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331").traceparent
        '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
        """
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def headers(self) -> dict[str, str]:
        """Return the headers of a request within this span."""
        headers = {"traceparent": self.traceparent}
        if self.state:
            headers["tracestate"] = self.state
        return headers

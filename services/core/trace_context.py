"""W3C trace context: one id for what several services do about one request.

A service takes ``traceparent`` from whoever asks it, writes its trace id into its logs, and hands
it on to whom it asks itself. Only the headers are implemented: nothing is exported anywhere.

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
    """One service's part in a trace.

    Args:
        trace_id: 32 hexadecimal digits, the same in all services.
        span_id: 16 hexadecimal digits, of this part.
        flags: two hexadecimal digits as they came; ``01``: whoever began the trace records it.
        parent_id: the part that asked; empty where this one began the trace.
        state: ``tracestate`` as it came.
    """

    trace_id: str
    span_id: str
    flags: str = "00"
    parent_id: str = ""
    state: str = ""

    @classmethod
    def taken(cls, traceparent: str = "", tracestate: str = "") -> TraceContext:
        """Return this service's part in the trace that headers name, or a new trace.

        Headers that are not as the standard wants them are as good as none.

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
        """The header for whom this service asks.

        >>> TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331").traceparent
        '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
        """
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def headers(self) -> dict[str, str]:
        """Return the headers of a request that belongs to this part."""
        headers = {"traceparent": self.traceparent}
        if self.state:
            headers["tracestate"] = self.state
        return headers

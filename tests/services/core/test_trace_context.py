"""The headers of a trace: what is taken, what is handed on."""

from __future__ import annotations

import pytest

from services.core.trace_context import MAX_TRACESTATE_CHARACTERS, TraceContext

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def test_a_trace_goes_on_under_another_span() -> None:
    part = TraceContext.taken(f"00-{TRACE}-{PARENT}-01", "vendor=1")
    assert (part.trace_id, part.parent_id, part.flags) == (TRACE, PARENT, "01")
    assert part.span_id != PARENT
    assert part.headers() == {
        "traceparent": f"00-{TRACE}-{part.span_id}-01",
        "tracestate": "vendor=1",
    }


def test_a_later_version_may_say_more() -> None:
    assert TraceContext.taken(f"01-{TRACE}-{PARENT}-00-more").trace_id == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
    ],
)
def test_what_is_no_trace_begins_one(header: str) -> None:
    part = TraceContext.taken(header, "vendor=1")
    assert part.trace_id not in ("", TRACE, "0" * 32)
    assert len(part.trace_id) == 32
    assert (part.parent_id, part.state) == ("", "")


def test_a_long_state_is_left_out() -> None:
    part = TraceContext.taken(f"00-{TRACE}-{PARENT}-01", "x" * (MAX_TRACESTATE_CHARACTERS + 1))
    assert (part.trace_id, part.state) == (TRACE, "")

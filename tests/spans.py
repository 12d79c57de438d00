"""Spans of sensible times for tests whose moments are small numbers, which are easy to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aggregators.time_span import SPAN_VARIABLE, TimeSpan, set_time_span, time_span

SINCE_1900 = "1900-01-01/2100-01-01"


@contextmanager
def spanning(text: str) -> Iterator[None]:
    """Set the span of this process, and of those that it starts."""
    before = time_span()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SPAN_VARIABLE, text)
        set_time_span(TimeSpan.parse(text))
        try:
            yield
        finally:
            set_time_span(before)


@contextmanager
def since_1970() -> Iterator[None]:
    """Take moments that are counted from 1970, and some before."""
    with spanning(SINCE_1900):
        yield

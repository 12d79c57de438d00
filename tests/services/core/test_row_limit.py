"""Batches come in while there is room for their rows, and give it back whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.core.clock import utc_now
from services.core.errors import Unavailable
from services.core.row_limit import RowLimit


def test_rows_are_held_while_the_block_lasts() -> None:
    limit = RowLimit(10)
    more = limit.of(1)
    with limit.of(6), limit.of(4), pytest.raises(Unavailable, match="10 rows are under way and 1"):
        more.__enter__()
    with limit.of(10):
        pass


def test_what_was_refused_holds_nothing() -> None:
    limit = RowLimit(10)
    with limit.of(5):
        for _ in range(3):
            with pytest.raises(Unavailable):
                limit.of(6).__enter__()
        with limit.of(5):
            pass


def test_a_failure_gives_its_rows_back() -> None:
    limit = RowLimit(10)

    def fail() -> None:
        with limit.of(10):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with limit.of(10):
        pass


def test_more_at_once_than_there_ever_is_room_for_is_refused() -> None:
    with pytest.raises(Unavailable):
        RowLimit(10).of(11).__enter__()


def test_the_present_moment_has_a_zone() -> None:
    now = utc_now()
    assert now.tzinfo is UTC
    assert abs(datetime.now(UTC) - now) < timedelta(hours=1)

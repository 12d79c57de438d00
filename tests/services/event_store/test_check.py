"""A store is asked whether it takes events; the log hears of it when that changes."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any, cast

import pytest

from aggregators.errors import StoreError
from aggregators.stores import EventStore
from services.event_store.check import EventStoreCheck


class Moody:
    """A store that fails its check with what a test wants."""

    def __init__(self) -> None:
        self.fails: Exception | None = None

    def check(self) -> None:
        if self.fails is not None:
            raise self.fails


def store() -> Any:
    return cast(EventStore, Moody())


@pytest.mark.parametrize(
    "failure", [StoreError("away"), sqlite3.OperationalError("away"), OSError("away")]
)
def test_a_store_that_fails_takes_no_events_and_says_why(failure: Exception) -> None:
    moody, check = store(), EventStoreCheck()
    assert check.takes_events(moody)
    assert check.unready_reason == ""
    moody.fails = failure
    assert not check.takes_events(moody)
    assert check.unready_reason == str(failure)
    moody.fails = None
    assert check.takes_events(moody)
    assert check.unready_reason == ""


def test_the_log_hears_of_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    moody, check = store(), EventStoreCheck()
    with caplog.at_level(logging.WARNING):
        for fails in (None, "away", "away", "gone", None, None):
            moody.fails = None if fails is None else OSError(fails)
            check.takes_events(moody)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "WARNING"]
    assert "away" in caplog.messages[0]
    assert "takes events again" in caplog.messages[-1]


def test_a_mistake_of_ours_is_not_taken_for_a_store_that_is_away() -> None:
    moody = store()
    moody.fails = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        EventStoreCheck().takes_events(moody)

"""How services start, try again and end, whatever they need."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import pytest

from aggregators import MemoryEventStore
from aggregators.standard_sources import ORDERS
from services.core.errors import SettingError, Unavailable
from services.core.settings.events import StoreSettings
from services.lifecycle import Closing, Lifecycle

EVENT = b"""{
    "specversion": "1.0", "id": "1", "source": "orders", "type": "ready", "subject": "o-1",
    "time": "2026-03-02T12:00:00Z"
}"""


class Store(MemoryEventStore):
    """A store that notes when it is closed."""

    def __init__(self, closed: list[str]) -> None:
        super().__init__(sources=[ORDERS])
        self.closed = closed

    def close(self) -> None:
        self.closed.append("store")


class Service(Lifecycle):
    """Needs a store, which is there at the third attempt."""

    kernels = ()

    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0
        self.closed: list[str] = []

    def obtain(self) -> list[str]:
        self.attempts += 1
        if self.attempts < 3:
            self.is_news("store", "no store yet")
            return ["no store yet"]
        self.take_events_into(Store(self.closed), StoreSettings())
        return []

    def closings(self) -> Iterable[Closing]:
        yield self.fail
        yield self.close_later
        yield lambda: self.closed.append("threads")

    def fail(self) -> None:
        raise RuntimeError("cannot be closed")

    async def close_later(self) -> None:
        self.closed.append("parts")


def test_a_service_tries_until_nothing_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    assert service.unready_reason == "the service is starting"
    assert [service.complete() for _ in range(4)] == [False, False, True, True]
    assert service.attempts == 3
    assert service.__is_ready__()
    assert caplog.messages.count("no store yet") == 1


def test_until_then_it_says_what_is_missing() -> None:
    service = Service()
    service.begin()
    assert service.start.wait()
    service.start.end()
    assert service.unready_reason == "no store yet"
    assert not service.__is_ready__()
    with pytest.raises(Unavailable, match="no store yet"):
        _ = service.intake


def test_an_attempt_in_the_background_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.bento.startup.RETRY_S", 0.0)
    service = Service()
    service.begin()
    assert service.start._thread is not None
    service.start._thread.join()
    assert service.attempts == 3
    assert service.__is_ready__()
    assert service.unready_reason == ""


def test_a_bad_setting_is_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    service.cannot_start(SettingError("DOORSTEP_KEEP is 'soon'"))
    assert not service.complete()
    assert service.attempts == 0
    service.start._tried.set()
    assert service.unready_reason == "the service cannot start: DOORSTEP_KEEP is 'soon'"
    assert caplog.messages == ["DOORSTEP_KEEP is 'soon'"]


def test_everything_is_closed_the_store_last(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    while not service.complete():
        pass
    asyncio.run(service.finish())
    assert service.closed == ["parts", "threads", "store"]
    failures = [one for one in caplog.records if one.levelno == logging.ERROR and one.exc_info]
    assert [str(one.exc_info[1]) for one in failures if one.exc_info] == ["cannot be closed"]
    with pytest.raises(Unavailable):
        asyncio.run(service.intake.take(EVENT, request_id="r-1"))

"""Plain messages: the quick way gives the event of the careful way, or leaves it the message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import msgspec
import pytest

from aggregators import Event, Source
from services.core.errors import InvalidRequest
from services.core.settings.events import UnknownData
from services.intake.intake import IntakeRules, read_events
from services.schemas.common import CloudEvent

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW_US = 1_772_452_800_000_000
SKEW_S = 60.0
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
    facts=("floor",),
)
EAST = timezone(timedelta(hours=5, minutes=45))

TIMES = [
    *(NOW, NOW.astimezone(EAST), NOW + timedelta(microseconds=1), NOW - timedelta(days=9_000)),
    *(NOW + timedelta(seconds=SKEW_S), NOW + timedelta(seconds=SKEW_S, microseconds=1)),
    *(datetime(1999, 12, 31, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=EAST)),
    *(datetime(2100, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=-9))),
]
VARIANTS: dict[str, list[Any]] = {
    "source": ["orders", "order", "weather"],
    "type": ["ready", "redy", "observed"],
    "subject": ["o-1", 7],
    "time": TIMES,
    "recordedtime": [None, *TIMES],
    "datacontenttype": ["application/json", None, "application/json; charset=utf-8", "text/xml"],
    "data": [None, {}, {"store_id": "s", "floor": 3}, {"amount": [1]}, {"amount": 1, "tip": 2}],
    "retracted": [None, False, True],
}


def rules(unknown_data: UnknownData) -> IntakeRules:
    weather = Source("weather", sample_id="id", events=("observed",))
    return IntakeRules(
        sources={"orders": ORDERS, "weather": weather},
        max_clock_skew_s=SKEW_S,
        unknown_data=unknown_data,
        clock=lambda: NOW,
    )


def messages() -> list[CloudEvent]:
    """Messages that differ from a right one in any two parts."""
    right: dict[str, Any] = {"specversion": "1.0", "id": "e", "source": "orders", "type": "ready"}
    right |= {"subject": "o-1", "time": NOW, "data": {"store_id": "s", "amount": 2.5}}
    found = []
    for one, other in product(VARIANTS, VARIANTS):
        for first, second in product(VARIANTS[one], VARIANTS[other]):
            found.append(CloudEvent(**(right | {one: first} | {other: second})))
    return found


def carefully(message: CloudEvent, by: IntakeRules) -> Event | InvalidRequest:
    try:
        return by.event(message, NOW_US)
    except InvalidRequest as refusal:
        return refusal


@pytest.mark.parametrize("unknown_data", ["ignore", "refuse"])
def test_each_plain_message_gives_the_event_of_the_careful_way(unknown_data: UnknownData) -> None:
    by = rules(unknown_data)
    plain = careful = 0
    for message in messages():
        event = by.plain.event(message, NOW_US, SKEW_S * 1e6)
        expected = carefully(message, by)
        if event is None:
            careful += 1
        else:
            plain += 1
            assert repr(event) == repr(expected)
            assert event == expected
        if isinstance(expected, InvalidRequest):
            assert event is None
    assert plain > 500, "messages that are right are plain"
    assert careful > 500


def test_what_a_batch_answers_does_not_depend_on_the_way() -> None:
    """One element that is no event sends the whole batch through the careful way."""
    events = [message for message in messages()[::7] if isinstance(message.subject, str)][:400]
    by = rules("ignore")
    quick = read_events(msgspec.json.encode(events), by, NOW_US)
    careful = read_events(msgspec.json.encode([*events, {"id": "none"}]), by, NOW_US)
    assert careful.statuses[-1].status == "refused"
    assert quick.statuses == careful.statuses[:-1]
    assert quick.events == careful.events
    assert quick.positions == careful.positions
    assert quick.refused == careful.refused[:-1]
    assert quick.ignored == careful.ignored
    assert quick.ignored["orders", "data", "tip"] > 0


def test_a_source_that_is_replaced_is_followed() -> None:
    sources = {"orders": ORDERS}
    by = IntakeRules(sources=sources, max_clock_skew_s=SKEW_S, clock=lambda: NOW)
    message = CloudEvent(
        specversion="1.0", id="e", source="orders", type="packed", subject="o", time=NOW
    )
    assert by.plain.event(message, NOW_US, 0.0) is None
    sources["orders"] = Source("orders", sample_id="order_id", events=("ready", "packed"))
    event = by.plain.event(message, NOW_US, 0.0)
    assert event is not None
    assert event.event == "packed"

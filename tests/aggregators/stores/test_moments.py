"""The latest moment of which a store knows, and the moment from which it can be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregators import Event, QueryError, Source, StatsLastNSamples
from aggregators.times import moment_to_us
from tests.aggregators.stores.places import Place

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORDERS = Source("orders", sample_id="id", events=("placed", "ready"), dimensions=("store_id",))
WEATHER = Source("weather", sample_id="id", events=("observed",), dimensions=("city",))
LAST = StatsLastNSamples(
    ORDERS, dimension="store_id", function="count", event="placed", n=1, exclude_self=False
)


def us(moment: datetime) -> int:
    return moment_to_us(moment, "moment")


def test_the_latest_moment_is_that_of_any_event_or_record_of_any_source(place: Place) -> None:
    store = place.open([ORDERS, WEATHER])
    assert store.latest_moment_us() is None
    expected = [
        (Event("orders", "o-1", "placed", NOON, {"store_id": "s"}), NOON),
        (Event("orders", "o-2", "placed", NOON - HOUR), NOON),
        (Event("weather", "w-1", "observed", NOON + HOUR), NOON + HOUR),
        (Event("orders", "o-1", "placed", NOON - HOUR, {}, NOON + 2 * HOUR), NOON + 2 * HOUR),
        (
            Event("orders", "o-1", "placed", NOON, {}, NOON + 3 * HOUR, retracted=True),
            NOON + 3 * HOUR,
        ),
        (Event("orders", "o-3", "ready", NOON + 4 * HOUR, {}, NOON), NOON + 4 * HOUR),
    ]
    for event, latest in expected:
        store.append([event])
        assert store.latest_moment_us() == us(latest)
    assert place.open([ORDERS, WEATHER]).latest_moment_us() == us(NOON + 4 * HOUR)
    assert store.latest_moment_us(us(NOON)) >= us(NOON)


def test_a_time_that_was_taken_back_before_it_came_is_none(place: Place) -> None:
    store = place.open([ORDERS])
    store.append([Event("orders", "o-1", "placed", NOON + 9 * HOUR, {}, NOON)])
    store.append([Event("orders", "o-1", "placed", NOON, {}, NOON + HOUR)])
    assert store.latest_moment_us() == us(NOON + HOUR)


def test_a_store_that_is_closed_for_the_future_can_be_opened_again(place: Place) -> None:
    store, other = place.open([ORDERS]), place.open([ORDERS])
    store.append([Event("orders", "o-1", "placed", NOON, {"store_id": "s"})])
    store.reopen(ORDERS, NOON)  # it is open
    assert store.compacted_until(ORDERS) is None
    store.compact([LAST], NOON + 240 * HOUR)
    now = NOON + HOUR
    for one in (store, other):
        with pytest.raises(QueryError, match="was compacted"):
            LAST.transform(one, "inference", as_of=now, key="s", sample_id=None)
    store.reopen(ORDERS, now)
    for one in (store, other, place.open([ORDERS])):
        assert one.compacted_until(ORDERS) == us(now)
        assert LAST.transform(one, "inference", as_of=now, key="s", sample_id=None) == 1.0
        with pytest.raises(QueryError):
            LAST.transform(one, "inference", as_of=NOON, key="s", sample_id=None)
    store.reopen(ORDERS, now + HOUR)  # later than it is: nothing changes
    assert store.compacted_until(ORDERS) == us(now)
    other.compact([LAST], now + HOUR)
    assert store.compacted_until(ORDERS) == us(now + HOUR)

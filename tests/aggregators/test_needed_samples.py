"""Which samples a compaction keeps: to the microsecond at every edge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aggregators import (
    Event,
    MemoryEventStore,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
)

ORDERS = Source("orders", sample_id="order_id", events=("a", "b"), dimensions=("store_id",))
NOON_US = 1_767_268_800_000_000


def stored(times: list[tuple[int | None, int | None]]) -> MemoryEventStore:
    store = MemoryEventStore(sources=[ORDERS])
    for i, row in enumerate(times):
        store.append(
            Event("orders", i, event, NOON_US + time, {"store_id": "s"} if event == "a" else {})
            for event, time in zip(ORDERS.events, row, strict=True)
            if time is not None
        )
    return store


def kept(store: MemoryEventStore, feature: Any, as_of: int = 100) -> list[int]:
    store.compact([feature], as_of=NOON_US + as_of, settled_after=timedelta(microseconds=1))
    ids: list[int] = store.table(ORDERS)["order_id"].tolist()
    return ids


COUNT: dict[str, Any] = {"dimension": "store_id", "function": "count"}


def test_the_last_n_and_one_for_the_sample_itself_stay() -> None:
    last = StatsLastNSamples(ORDERS, event="a", n=2, **COUNT)
    assert kept(stored([(t, None) for t in (10, 20, 30, 40, 50)]), last) == [2, 3, 4]


def test_samples_of_a_later_moment_do_not_push_out_those_that_count_at_an_earlier_one() -> None:
    last = StatsLastNSamples(ORDERS, event="a", n=1, **COUNT)
    times: list[tuple[int | None, int | None]] = [(t, None) for t in (10, 20, 30, 100, 110, 120)]
    assert kept(stored(times), last) == [1, 2, 3, 4, 5]


def test_a_window_keeps_its_own_edge() -> None:
    window = StatsAfterEvent(ORDERS, event="a", window=timedelta(microseconds=60), **COUNT)
    assert kept(stored([(t, None) for t in (38, 39, 40, 41)]), window) == [2, 3]


def test_what_is_open_stays_and_what_has_closed_goes() -> None:
    is_open = StatsBetweenEvents(ORDERS, first_event="a", second_event="b", **COUNT)
    assert kept(stored([(1, None), (2, 98), (3, 100), (4, 98)]), is_open) == [0, 2]
    recent = StatsBetweenEvents(
        ORDERS, first_event="a", second_event="b", max_age=timedelta(microseconds=50), **COUNT
    )
    assert kept(stored([(49, None), (50, None), (60, 98)]), recent) == [1]


def test_a_sample_to_which_more_may_happen_stays() -> None:
    store = stored([(10, None), (60, None), (10, 60)])
    last = StatsAfterEvent(ORDERS, event="b", window=timedelta(microseconds=1), **COUNT)
    store.compact([last], as_of=NOON_US + 100, settled_after=timedelta(microseconds=40))
    assert store.table(ORDERS)["order_id"].tolist() == [1, 2]


def test_sources_without_features_are_left_alone() -> None:
    weather = Source("weather", sample_id="id", events=("observed",), dimensions=("city",))
    store = MemoryEventStore(sources=[ORDERS, weather])
    store.append([Event("weather", 1, "observed", NOON_US, {"city": "BCN"})])
    last = StatsAfterEvent(ORDERS, event="b", window="1h", **COUNT)
    result = store.compact([last], as_of=NOON_US + 10**12)
    assert (result.samples_kept, result.samples_dropped) == (0, 0)
    assert len(store.table(weather)) == 1

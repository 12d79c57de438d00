"""check_equivalence compares everything that it says, and finds whatever a store does wrong.

Tests `aggregators.parity.report`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import (
    AppendResult,
    Duration,
    Elapsed,
    Event,
    FeatureSet,
    MemoryEventStore,
    QueryError,
    Source,
    SqliteEventStore,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
    check_equivalence,
)
from aggregators.parity.equivalence import StoreAnswers
from aggregators.parity.replay import Replay, replay
from aggregators.stores.reading import CompactionResult

LATENESS = "10min"
LATENESS_US = 600_000_000
MINUTE = pd.Timedelta(minutes=1)
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "ready", "delivered"),
    dimensions=("store_id", "courier_id"),
    attributes=("amount",),
    known_from={"courier_id": "ready"},
)
WEATHER = Source(
    "weather",
    sample_id="observation_id",
    events=("observed",),
    dimensions=("store_id",),
    attributes=("temperature_c",),
)
FEATURES = FeatureSet(
    [
        StatsLastNSamples(
            ORDERS, name="last_amounts", dimension="store_id", function="sum",
            attribute="amount", event="activated", n=5,
        ),
        StatsLastNSamples(
            ORDERS, name="last_times", dimension="courier_id", function="mean",
            attribute=Duration("ready", "delivered"), event="delivered", n=5,
        ),
        StatsBetweenEvents(
            ORDERS, name="open_age", dimension="store_id", function="max",
            attribute=Elapsed("activated"), first_event="activated", second_event="ready",
        ),
        StatsAfterEvent(
            ORDERS, name="recent", dimension="courier_id", function="count", event="ready",
            window="1h",
        ),
    ]
)  # fmt: skip


def orders(n: int = 400, seed: int = 5) -> pd.DataFrame:
    """Made-up orders of two stores and three couriers; a few are never ready or delivered."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2026-01-01", tz="UTC")
    activated = start + pd.to_timedelta(rng.integers(0, 2_000, n), unit="min")
    ready = pd.Series(activated + pd.to_timedelta(rng.integers(60, 2_000, n), unit="s"))
    ready = ready.where(rng.random(n) > 0.1)
    delivered = ready + pd.to_timedelta(rng.integers(60, 2_000, n), unit="s")
    delivered = delivered.where(rng.random(n) > 0.1)
    return pd.DataFrame(
        {
            "order_id": np.arange(n),
            "store_id": rng.choice(["s-1", "s-2"], n),
            "courier_id": rng.choice([4, 5, 6], n),
            "amount": rng.integers(1, 50, n) / 4.0,
            "activated": activated,
            "ready": ready,
            "delivered": delivered,
        }
    )


def weather() -> pd.DataFrame:
    hours = pd.date_range("2026-01-01", periods=40, freq="h", tz="UTC")
    return pd.DataFrame(
        {
            "observation_id": [f"w-{i}" for i in range(40)],
            "store_id": ["s-1", "s-2"] * 20,
            "temperature_c": np.arange(40) / 3.0,
            "observed": hours,
        }
    )


def happened(table: pd.DataFrame) -> int:
    return int(table[list(ORDERS.events)].notna().to_numpy().sum())


class FaultyStore(MemoryEventStore):
    """Keeps other events than it was given."""

    def __init__(self, fault: Callable[[Event], Event | None]) -> None:
        super().__init__(sources=[ORDERS])
        self.fault = fault

    def append(self, events: Iterable[Event]) -> AppendResult:
        kept = [changed for event in events if (changed := self.fault(event)) is not None]
        return super().append(kept)


class OnlyOnce:
    """A fault that hits a single event: the n-th true "ready"."""

    def __init__(self, n: int, change: Callable[[Event], Event | None]) -> None:
        self.identity = ("ready", n)
        self.change = change

    def __call__(self, event: Event) -> Event | None:
        hit = (event.event, event.sample_id) == self.identity
        return self.change(event) if hit else event


def ready_order(table: pd.DataFrame) -> int:
    """The id of an order in the middle that becomes ready and is delivered."""
    usual = table[table["delivered"].notna()]
    return int(usual["order_id"].iloc[len(usual) // 2])


@pytest.mark.parametrize("lateness", [None, LATENESS, "1us", "3h"])
def test_a_right_store_has_no_mismatch(lateness: str | None) -> None:
    table = orders()
    report = check_equivalence(FEATURES, table, as_of=ORDERS.events, lateness=lateness)
    assert report.mismatches == 0, str(report)
    assert report.queries == happened(table) == report.events
    assert report.asked_again == (0 if lateness is None else report.queries)
    assert report.compared == (report.queries + report.asked_again) * len(FEATURES)
    assert report.missing < report.compared / 2
    assert report.by_feature == dict.fromkeys(FEATURES.names, 0)
    assert min(report.repeated, report.corrected, report.retracted) > 0
    assert report.applied + report.duplicates + report.superseded == report.deliveries


FAULTS: dict[str, Callable[[Event], Event | None]] = {
    "loses an event": lambda event: None,
    "is a microsecond early": lambda event: replace(event, time=event.time_us - 1),
    "is a microsecond late": lambda event: replace(event, time=event.time_us + 1),
    "counts a future event": lambda event: replace(event, time=event.time_us - 3_600_000_000),
    "loses the data": lambda event: replace(event, data={}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_wrong_event_among_all_is_found(fault: str) -> None:
    table = orders()
    store = FaultyStore(OnlyOnce(ready_order(table), FAULTS[fault]))
    report = check_equivalence(FEATURES, table, as_of=ORDERS.events, lateness=LATENESS, store=store)
    assert report.mismatches > 0
    assert sum(report.by_feature.values()) == report.mismatches
    assert report.examples
    for example in report.examples:
        assert str(example.training) != str(example.inference)
        assert repr(example.training) in example.training_explained
        assert repr(example.inference) in example.inference_explained
        assert example.training_explained != example.inference_explained


@pytest.mark.parametrize("field", ["recorded_at", "retracted"])
def test_a_store_that_ignores_what_was_recorded_is_found(field: str) -> None:
    ignored: dict[str, Any] = {"recorded_at": None, "retracted": False}
    store = FaultyStore(lambda event: replace(event, **{field: ignored[field]}))
    report = check_equivalence(
        FEATURES, orders(), as_of=ORDERS.events, lateness=LATENESS, store=store
    )
    assert report.mismatches > 0


def test_a_store_in_which_later_events_reach_back_is_found() -> None:
    """Without what is known only later in the store there would be nothing to leak."""

    class Clairvoyant(MemoryEventStore):
        def append(self, events: Iterable[Event]) -> AppendResult:
            return super().append(
                replace(event, time=0) if event.event == "ready" else event for event in events
            )

    report = check_equivalence(
        FEATURES, orders(), as_of="activated", lateness=LATENESS, store=Clairvoyant([ORDERS])
    )
    assert report.by_feature["open_age"] > 0


def test_a_store_that_is_wrong_about_the_past_only_is_found() -> None:
    """Everything that is asked in the order of time is right: what is asked again finds it."""

    class Amnesiac(MemoryEventStore):
        latest_us = 0

        def read(self, requests: Any, keys: Any, own_samples: Any, earliest_us: int) -> Any:
            if earliest_us < self.latest_us:
                keys = {name: [None] * len(values) for name, values in keys.items()}
            self.latest_us = max(self.latest_us, earliest_us)
            return super().read(requests, keys, own_samples, earliest_us)

    report = check_equivalence(
        FEATURES, orders(), as_of=ORDERS.events, lateness=LATENESS, store=Amnesiac([ORDERS])
    )
    assert 0 < report.mismatches < report.asked_again * len(FEATURES)


def test_features_of_several_sources_are_asked_together() -> None:
    warm = StatsLastNSamples(
        WEATHER, name="temperature", dimension="store_id", function="last", event="observed",
        attribute="temperature_c", n=1,
    )  # fmt: skip
    queue = FEATURES["open_age"]
    tables = {"orders": orders(), "weather": weather()}
    report = check_equivalence([queue, warm], tables, as_of="activated", lateness=LATENESS)
    assert report.mismatches == 0, str(report)
    assert report.compared == 2 * (report.queries + report.asked_again)
    assert report.queries == len(tables["orders"])
    with pytest.raises(QueryError, match="a mapping from source name"):
        check_equivalence([queue, warm], tables["orders"], as_of="activated")
    with pytest.raises(QueryError, match=r"no table of the source.* weather"):
        check_equivalence([queue, warm], {"orders": tables["orders"]}, as_of="activated")


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(QueryError, match="no event"):
        check_equivalence(FEATURES, orders(), as_of=())
    courier = FEATURES["recent"]
    warm = StatsAfterEvent(
        WEATHER, name="observations", dimension="store_id", function="count",
        event="observed", window="1h",
    )  # fmt: skip
    tables = {"orders": orders(), "weather": weather()}
    with pytest.raises(QueryError, match="'weather' have no courier_id"):
        check_equivalence([warm, courier], tables, as_of="observed")


def test_a_part_of_the_questions_is_drawn_by_the_seed() -> None:
    seen: list[int] = []
    reports = [
        check_equivalence(
            FEATURES, orders(), as_of=ORDERS.events, lateness=LATENESS, max_queries=50, seed=seed,
            progress=lambda done, n: seen.append(done),
        )
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert [report.queries for report in reports] == [50] * 3
    assert [report.compared for report in reports] == [2 * 50 * len(FEATURES)] * 3
    assert reports[0].missing == reports[1].missing
    assert seen.count(50) == 3


def test_another_opening_of_the_same_file_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with SqliteEventStore(path, [ORDERS]) as writer, SqliteEventStore(path, [ORDERS]) as reader:
        answers = StoreAnswers(writer, FEATURES, reader=reader)
        report = check_equivalence(
            FEATURES, orders(), as_of=ORDERS.events, lateness=LATENESS, answers=answers
        )
        assert report.mismatches == 0, str(report)
    elsewhere = StoreAnswers(
        MemoryEventStore([ORDERS]), FEATURES, reader=MemoryEventStore([ORDERS])
    )
    report = check_equivalence(FEATURES, orders(), as_of="ready", answers=elsewhere)
    assert report.by_feature["recent"] > 0


def test_a_store_that_is_compacted_every_day_gives_the_same() -> None:
    table = orders(2_000)
    answers = StoreAnswers(MemoryEventStore([ORDERS]), FEATURES, "4h")
    report = check_equivalence(
        FEATURES, table, as_of=ORDERS.events, lateness=LATENESS, answers=answers
    )
    assert report.mismatches == 0, str(report)
    assert answers.dropped > len(table) / 2


def test_a_store_that_forgets_too_much_is_found() -> None:
    class Forgetful(MemoryEventStore):
        def compact(self, features: Any, as_of: Any, settled_after: Any = "1d") -> CompactionResult:
            return super().compact([FEATURES["recent"]], as_of, settled_after)

    answers = StoreAnswers(Forgetful([ORDERS]), FEATURES, "4h")
    report = check_equivalence(
        FEATURES, orders(2_000), as_of=ORDERS.events, lateness=LATENESS, answers=answers
    )
    wrong = {name for name, n in report.by_feature.items() if n}
    assert "recent" not in wrong
    assert "open_age" in wrong


def sent(lateness_us: int | None = LATENESS_US, seed: int = 0) -> tuple[pd.DataFrame, Replay]:
    table = orders(2_000)
    rng = np.random.default_rng(seed)
    return table, replay({ORDERS: table}, lateness_us=lateness_us, rng=rng)


def test_a_replay_is_late_repeated_and_put_right() -> None:
    table, stream = sent()
    n = stream.true_events
    assert n == happened(table)
    assert (np.diff(stream.arrival_us) >= 0).all()
    assert len(stream.events) == len(stream.arrival_us)
    assert stream.repeated == pytest.approx(0.1 * len(stream.events), rel=0.1)
    assert stream.corrected == pytest.approx(0.05 * n, rel=0.3)
    assert stream.retracted > 10
    times = np.array([event.time_us for event in stream.events])
    assert (np.diff(times) < 0).mean() > 0.3  # out of order, as it arrives late
    assert sum(event.retracted for event in stream.events) >= stream.retracted


def test_what_is_true_of_a_moment_has_arrived_once_the_bound_is_over() -> None:
    """At any moment plus the bound, a store says of all earlier moments what the table says."""
    table, stream = sent()
    versions: dict[tuple[Any, str], list[tuple[int, int, Event]]] = {}
    for arrival, event in zip(stream.arrival_us.tolist(), stream.events, strict=True):
        versions.setdefault((event.sample_id, event.event), []).append(
            (event.recorded_us, arrival, event)
        )
    wrong = 0
    for (sample_id, name), told in versions.items():
        recorded_us, _, last = max(told, key=lambda version: version[0])
        settled_us = min(version[1] for version in told if version[0] == recorded_us)
        earliest_us = min(version[2].time_us for version in told)
        assert settled_us <= earliest_us + LATENESS_US
        moment = table[name].iloc[sample_id]
        assert last.retracted == pd.isna(moment)
        if not last.retracted:
            assert last.time_us == moment.value // 1_000
        wrong += any(version[2] != last for version in told)
    assert wrong == stream.corrected + stream.retracted


def test_the_same_seed_gives_the_same_replay() -> None:
    first, again, other = (sent(seed=seed)[1] for seed in (4, 4, 5))
    assert first.events == again.events
    assert first.events != other.events


def test_without_a_bound_events_arrive_in_any_order() -> None:
    _, stream = sent(None)
    place: dict[tuple[Any, str], int] = {}
    for i, event in enumerate(stream.events):
        place.setdefault((event.sample_id, event.event), i)
    later = [place[i, "delivered"] - place[i, "activated"] for i, e in place if e == "delivered"]
    assert 0.4 < np.mean(np.array(later) < 0) < 0.6

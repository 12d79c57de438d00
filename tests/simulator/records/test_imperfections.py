"""What is recorded: events rebuild the tables, and every imperfection does what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from aggregators import Event, MemoryEventStore
from aggregators.catalog import CATALOG, ORDERS, features_for
from simulator import SOURCES, Imperfections, Scenario, Simulation, simulate_cities

SCENARIO = Scenario(cities=1, days=2, orders=2_500, seed=3)


def simulation_with(**imperfections: float) -> Simulation:
    wrong = Imperfections(**imperfections)
    return simulate_cities(replace(SCENARIO, imperfections=wrong))


@pytest.fixture(scope="module")
def perfect() -> Simulation:
    return simulate_cities(SCENARIO)


@pytest.fixture(scope="module")
def typical() -> Simulation:
    return simulate_cities(replace(SCENARIO, imperfections=Imperfections.typical()))


def rebuilt(simulation: Simulation) -> MemoryEventStore:
    store = MemoryEventStore(sources=list(SOURCES))
    store.append(list(simulation.events()))
    return store


@pytest.mark.parametrize("kind", ["perfect", "typical"])
def test_events_rebuild_the_tables(kind: str, request: pytest.FixtureRequest) -> None:
    simulation: Simulation = request.getfixturevalue(kind)
    store = rebuilt(simulation)
    for source in SOURCES:
        expected = simulation.tables[source.name].sort_values(source.sample_id, ignore_index=True)
        found = store.table(source)
        assert set(found.columns) == set(expected.columns)
        found = found[list(expected.columns)]
        found = found.sort_values(source.sample_id, ignore_index=True)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_catalog_features_work_on_a_city(perfect: Simulation) -> None:
    orders = perfect.tables["orders"]
    assert len(features_for(ORDERS)) > 100
    queue = CATALOG["store_queue_orders"].transform(orders, "training", as_of="activated")
    assert queue.max() >= 1.0
    rain = CATALOG["city_precipitation_60min_mm"]
    spine = orders[["city"]].assign(as_of=orders["activated"])
    fell = rain.transform(perfect.tables["weather"], "training", at=spine)
    assert fell.notna().mean() > 0.9


def test_without_imperfections_records_are_true_and_in_time(perfect: Simulation) -> None:
    truth, orders = perfect.truth_table, perfect.tables["orders"]
    for event in ORDERS.events:
        pd.testing.assert_series_equal(orders[event], truth[event])
    arrivals = list(perfect.events())
    identities = Counter((e.source, e.sample_id, e.event) for e in arrivals if not e.retracted)
    given_back = len(perfect.cities[0].dropped)
    assert sum(n - 1 for n in identities.values()) <= given_back
    assert sum(event.retracted for event in arrivals) == given_back > 0


def test_events_can_be_asked_for_a_span(perfect: Simulation) -> None:
    middle = SCENARIO.start + timedelta(hours=30)
    before = list(perfect.events(before=middle))
    after = list(perfect.events(after=middle))
    whole = list(perfect.events())
    assert before + after == whole
    assert len(before) > 1_000 < len(after)


def lateness_s(events: list[Event]) -> float:
    """How far, at most, an event arrives after one that happened later."""
    times = np.array([event.time_us for event in events if not event.retracted])
    return float((np.maximum.accumulate(times) - times).max() / 1e6)


def test_late_events(perfect: Simulation) -> None:
    late = simulation_with(late_share=0.05, late_mean_s=900.0)
    assert lateness_s(list(perfect.events())) < 60.0
    assert lateness_s(list(late.events())) > 1_800.0
    pd.testing.assert_frame_equal(late.tables["orders"], perfect.tables["orders"])


def test_duplicated_events(perfect: Simulation) -> None:
    n = sum(1 for _ in perfect.events())
    twice = simulation_with(duplicate_share=0.1)
    assert sum(1 for _ in twice.events()) == pytest.approx(1.1 * n, rel=0.02)
    pd.testing.assert_frame_equal(twice.tables["orders"], perfect.tables["orders"])


def test_missing_events(perfect: Simulation) -> None:
    missing = simulation_with(missing_share=0.1).tables["orders"]
    for event in ORDERS.events[1:-1]:
        share = missing[event].notna().sum() / perfect.tables["orders"][event].notna().sum()
        assert 0.87 < share < 0.93, event
    assert missing["activated"].notna().all()


def test_corrected_events_are_right_in_the_end(perfect: Simulation) -> None:
    corrected = simulation_with(corrected_share=0.1)
    pd.testing.assert_frame_equal(corrected.tables["orders"], perfect.tables["orders"])
    right = {(e.sample_id, e.event): e.time_us for e in perfect.events() if not e.retracted}
    wrong = [
        event
        for event in corrected.events()
        if event.source == "orders"
        and not event.retracted
        and event.recorded_at is None
        and event.event != "courier_assigned"
        and event.time_us != right[event.sample_id, event.event]
    ]
    assert len(wrong) > 0.05 * len(right)


def test_the_ready_button(perfect: Simulation) -> None:
    true = perfect.tables["orders"]
    missing = simulation_with(ready_missing_share=0.3).tables["orders"]
    assert 0.55 < missing["ready"].notna().sum() / true["ready"].notna().sum() < 0.85
    by_store = missing["ready"].isna().groupby(missing["store_id"]).mean()
    assert by_store.std() > 0.1  # some stores are careless, others are not
    late = simulation_with(ready_late_share=0.3).tables["orders"]
    delay_s = (late["ready"] - true["ready"]).dt.total_seconds()
    assert 0.1 < (delay_s > 1.0).mean() < 0.4
    assert (delay_s.dropna() >= 0.0).all()
    both = late["picked_up"].notna() & late["ready"].notna()
    assert (late["ready"][both] <= late["picked_up"][both]).all()
    assert late["accepted"].equals(true["accepted"])


def test_clock_skew(perfect: Simulation) -> None:
    true = perfect.tables["orders"]
    skewed = simulation_with(clock_skew_s=20.0).tables["orders"]
    off_s = (skewed["delivered"] - true["delivered"]).dt.total_seconds()
    assert 10.0 < off_s.std() < 30.0
    known = off_s.notna()
    spread = off_s[known].groupby(true["courier_id"][known]).std().dropna()
    assert (spread < 1e-6).all()  # a phone is wrong by the same all the time
    assert skewed["activated"].equals(true["activated"])


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_between_none_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="missing_share"):
        Imperfections(missing_share=share)
    assert Imperfections().none
    assert not Imperfections.typical().none

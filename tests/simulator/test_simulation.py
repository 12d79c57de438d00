"""Simulated cities repeat themselves for a seed and break no law of time or place."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from aggregators import Source
from aggregators.catalog import CATALOG
from simulator import ORDERS, SOURCES, Imperfections, Scenario, Simulation, simulate_cities
from simulator.records.tables import FACTS
from tests.simulator.conftest import SCENARIO


@pytest.fixture(scope="module")
def orders(simulation: Simulation) -> pd.DataFrame:
    return simulation.tables["orders"]


def test_the_same_seed_gives_the_same_tables(simulation: Simulation) -> None:
    again = simulate_cities(SCENARIO)
    for name, table in simulation.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])
    pd.testing.assert_frame_equal(simulation.truth_table, again.truth_table)


def test_another_seed_gives_other_orders(orders: pd.DataFrame) -> None:
    other = simulate_cities(Scenario(cities=1, days=1, orders=500, seed=6)).tables["orders"]
    assert not other["activated"].head(50).equals(orders["activated"].head(50))


def test_sources_are_those_of_the_catalog() -> None:
    assert [source.name for source in SOURCES] == [source.name for source in CATALOG.sources]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_tables_have_the_columns_of_their_source(simulation: Simulation, source: Source) -> None:
    table = simulation.tables[source.name]
    assert len(table) > 0
    facts = set(FACTS) if source is ORDERS else set()
    assert set(table.columns) == {source.sample_id, *source.events, *source.columns} | facts
    assert table[source.sample_id].is_unique
    assert all(table[event].dt.tz is not None for event in source.events)


def test_the_number_of_orders_is_the_expected_one(simulation: Simulation) -> None:
    assert SCENARIO.orders is not None
    assert abs(len(simulation) - SCENARIO.orders) < 5.0 * np.sqrt(SCENARIO.orders)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("activated", "dispatched"),
        ("dispatched", "accepted"),
        ("accepted", "ready"),
        ("accepted", "courier_assigned"),
        ("courier_assigned", "courier_at_store"),
        ("courier_at_store", "picked_up"),
        ("ready", "picked_up"),
        ("picked_up", "courier_at_customer"),
        ("courier_at_customer", "delivered"),
        ("activated", "cancelled"),
    ],
)
def test_events_come_in_their_order(orders: pd.DataFrame, earlier: str, later: str) -> None:
    both = orders[orders[later].notna()]
    assert len(both) > 0
    assert both[earlier].notna().all()
    assert (both[earlier] < both[later]).all()


def test_every_order_ends_once(orders: pd.DataFrame) -> None:
    assert (orders["delivered"].notna() ^ orders["cancelled"].notna()).all()
    assert 0.01 < orders["cancelled"].notna().mean() < 0.12


def test_nothing_happens_after_a_cancellation(orders: pd.DataFrame) -> None:
    cancelled = orders[orders["cancelled"].notna()]
    for event in ORDERS.events[:-1]:
        assert not (cancelled[event] > cancelled["cancelled"]).any(), event


def test_cancellations_happen_for_every_reason(simulation: Simulation) -> None:
    truth = simulation.truth_table
    counts = truth["cause"].value_counts()
    reasons = {"declined", "refused", "item missing", "changed mind"}
    assert set(counts.index) >= reasons
    declined = truth[truth["cause"] == "declined"]
    assert declined["dispatched"].isna().all()
    missing = truth[truth["cause"] == "item missing"]
    assert missing["accepted"].notna().all()
    assert missing["ready"].isna().all()


def test_a_courier_is_known_exactly_when_assigned(orders: pd.DataFrame) -> None:
    assigned = orders["courier_assigned"].notna()
    assert (orders["courier_id"].notna() == assigned).all()
    assert (orders["distance_to_store_m"].notna() == assigned).all()


def test_a_courier_is_never_in_two_places(orders: pd.DataFrame) -> None:
    tours = orders.dropna(subset=["courier_assigned"]).sort_values("courier_assigned")
    ends = tours["delivered"].fillna(tours["cancelled"])
    next_starts = tours.groupby("courier_id")["courier_assigned"].shift(-1)
    known = next_starts.notna()
    assert known.sum() > 1_000
    assert (ends[known] <= next_starts[known]).all()


def test_couriers_ride_along_streets(simulation: Simulation) -> None:
    for city in simulation.cities:
        streets = city.streets
        assert np.isfinite(streets.distance_m).all()
        straight_m = np.hypot(
            streets.x_m[:, None] - streets.x_m, streets.y_m[:, None] - streets.y_m
        )
        bicycle, bound = streets.distance_m
        assert (bicycle >= straight_m - 1.0).all()
        assert (bound >= bicycle - 1e-3).all()
        far = straight_m > 1_000.0
        assert 1.15 < (bicycle[far] / straight_m[far]).mean() < 2.0
        assert (bound != bound.T).any()  # one-way streets
        assert 2 <= streets.arms[:, 4].sum() <= city.profile.bridges + 4


def test_no_kitchen_cooks_more_than_it_can(simulation: Simulation) -> None:
    """Orders that cook at a moment, in batches of the same dish, never exceed slots x batch."""
    for city in simulation.cities:
        moments = city.orders.moments
        cooked = np.flatnonzero((moments[3] >= 0) & (moments[4] >= 0))
        for store in range(len(city.stores)):
            mine = cooked[city.orders.store[cooked] == store]
            begins, ends = np.sort(moments[3, mine]), np.sort(moments[4, mine])
            # The end includes packing, during which the next batch cooks already.
            room = city.stores.slots[store] * city.stores.batch[store]
            inside = np.arange(1, len(mine) + 1) - np.searchsorted(ends, begins, side="right")
            packing = np.searchsorted(ends, begins + 240_000) - np.searchsorted(ends, begins)
            assert (inside - packing <= room).all(), city.stores.slots[store]


def test_new_stores_open_in_the_middle() -> None:
    simulation = simulate_cities(
        Scenario(cities=1, days=6, orders=3_000, new_store_share=0.5, seed=2)
    )
    city = simulation.cities[0]
    orders = simulation.tables["orders"]
    first = orders.groupby("store_id")["activated"].min()
    opens = pd.Series(
        city.stores.opens_day, index=[f"BCN-s{i:04d}" for i in range(len(city.stores))]
    )
    new = opens[opens > 0].index.intersection(first.index)
    assert len(new) >= 3
    day = (first[new] - pd.Timestamp(simulation.scenario.start)).dt.total_seconds() / 86_400.0
    assert (day > opens[new] - 0.1).all()
    assert simulation.truth_table["store_age_days"].notna().mean() > 0.1


ASIA = timezone(timedelta(hours=5))
EVERYTHING_WRONG = Imperfections(
    late_share=1.0, duplicate_share=1.0, missing_share=1.0, corrected_share=1.0,
    ready_missing_share=1.0, ready_late_share=1.0, clock_skew_s=3_600.0,
)  # fmt: skip


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(cities=5, days=1, orders=1),
        Scenario(cities=1, days=2, orders=300, start=datetime(2026, 3, 28, 13, 37, tzinfo=ASIA)),
        Scenario(cities=1, days=9, orders=900, start=datetime(2026, 10, 20, tzinfo=UTC)),
        Scenario(cities=1, days=1, orders=6_000, stores_per_city=4),
        Scenario(cities=1, days=1, orders=900, imperfections=EVERYTHING_WRONG),
        Scenario(cities=1, days=2, orders=900, courier_supply=0.3, new_store_share=0.9),
        Scenario(cities=1, days=2, orders=900, shock_day=0),
    ],
    ids=["empty cities", "spring", "autumn", "crowded", "all wrong", "short of couriers", "shock"],
)
def test_extreme_scenarios_work(scenario: Scenario) -> None:
    simulation = simulate_cities(scenario)
    tables = simulation.tables
    assert len(tables["orders"]) == len(simulation) == len(simulation.truth_table)
    stream = Counter(event.source for event in simulation.events())
    assert stream["orders"] >= len(simulation)
    assert stream["weather"] == len(tables["weather"])
    few = simulation.truth_table.iloc[:: max(len(simulation) // 4, 1)].set_index("order_id")
    for order_id, placed in few["activated"].items():
        as_of = placed.to_pydatetime() + timedelta(minutes=4)
        truth = simulation.truth(str(order_id), as_of, draws=2)[str(order_id)]
        assert truth.part("total").shape == (2,)


@pytest.mark.parametrize(
    ("field", "value"),
    [("cities", 0), ("cities", 6), ("days", 0), ("orders", 0), ("stores_per_city", 1),
     ("seed", -1), ("new_store_share", 1.0), ("courier_supply", 0.0), ("shock_day", -1),
     ("start", datetime(2026, 3, 2))],  # noqa: DTZ001
)  # fmt: skip
def test_a_scenario_refuses_what_it_cannot_simulate(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        Scenario(**{field: value})  # type: ignore[arg-type]

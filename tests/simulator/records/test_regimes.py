"""Regimes of the records: careless stores and outages change what arrives, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aggregators import MemoryEventStore
from simulator import SOURCES, Imperfections, Scenario, Simulation, simulate_cities
from simulator.records.outages import lost
from simulator.world.regimes import CarelessStores, Outage, Regime

SCENARIO = Scenario(cities=1, days=3, orders=2_000, seed=3)
START = pd.Timestamp(SCENARIO.start)
PHONES = ["courier_at_store", "picked_up", "courier_at_customer", "delivered"]


def with_regimes(*regimes: Regime, typical: bool = False) -> Simulation:
    wrong = Imperfections.typical() if typical else Imperfections()
    return simulate_cities(replace(SCENARIO, regimes=regimes, imperfections=wrong))


@pytest.fixture(scope="module")
def perfect() -> Simulation:
    return simulate_cities(SCENARIO)


def days(moments: pd.Series[pd.Timestamp]) -> pd.Series[float]:
    return (moments - START) / pd.Timedelta(days=1)


def check_events_rebuild(simulation: Simulation) -> None:
    store = MemoryEventStore(sources=list(SOURCES))
    store.append(list(simulation.events()))
    for source in SOURCES:
        expected = simulation.tables[source.name].sort_values(source.sample_id, ignore_index=True)
        found = store.table(source)[list(expected.columns)]
        found = found.sort_values(source.sample_id, ignore_index=True)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_careless_stores_press_when_the_courier_takes_the_order_or_never(
    perfect: Simulation,
) -> None:
    regime = CarelessStores(from_day=1, share=0.4, missing=0.25)
    careless = with_regimes(regime)
    pd.testing.assert_frame_equal(careless.truth_table, perfect.truth_table)
    true, orders = perfect.tables["orders"], careless.tables["orders"]
    met = regime.chosen(SCENARIO.seed, 0, len(careless.cities[0].stores))
    names = [f"BCN-s{i:04d}" for i in np.flatnonzero(met)]
    changes = true["store_id"].isin(names) & true["ready"].notna() & (days(true["ready"]) >= 1.0)
    assert 100 < changes.sum() < 0.6 * len(true)
    pd.testing.assert_frame_equal(orders[~changes], true[~changes])
    found, taken = orders["ready"][changes], true["picked_up"][changes]
    pressed = found.notna()
    pd.testing.assert_series_equal(found[pressed], taken[pressed], check_names=False)
    n = int(taken.notna().sum())
    assert (pressed.sum() / n) == pytest.approx(0.75, abs=4.0 * np.sqrt(0.75 * 0.25 / n))
    others = [name for name in orders if name != "ready"]
    pd.testing.assert_frame_equal(orders[others], true[others])
    check_events_rebuild(careless)


def test_no_weather_is_observed_in_its_outage(perfect: Simulation) -> None:
    out = with_regimes(Outage(from_day=1.0, days=0.25, source="weather"))
    found, true = out.tables["weather"], perfect.tables["weather"]
    kept = ~days(true["observed"]).between(1.0, 1.25, inclusive="left")
    assert (~kept).sum() == 12
    pd.testing.assert_frame_equal(found, true[kept].reset_index(drop=True))
    pd.testing.assert_frame_equal(out.tables["orders"], perfect.tables["orders"])
    check_events_rebuild(out)


def test_local_events_in_an_outage_never_start_and_earlier_ones_never_end() -> None:
    scenario = replace(SCENARIO, days=10, orders=300)
    true = simulate_cities(scenario).tables["local_events"]
    first = str(true["local_event_id"].iloc[0])
    low = float(days(true["started"]).iloc[0] + days(true["ended"]).iloc[0]) / 2.0
    outage = Outage(from_day=low, days=6.0, source="local_events")
    out = simulate_cities(replace(scenario, regimes=(outage,)))
    found = out.tables["local_events"]
    silent = days(true["started"]).between(low, low + 6.0)
    assert 0 < silent.sum() < len(true) - 1
    assert set(found["local_event_id"]) == set(true.loc[~silent, "local_event_id"])
    ended = found.set_index("local_event_id")["ended"]
    assert pd.isna(ended[first])
    assert not days(ended.dropna()).between(low, low + 6.0).any()
    check_events_rebuild(out)


@pytest.mark.parametrize("typical", [False, True], ids=["perfect", "typical"])
def test_phones_send_nothing_in_an_outage(typical: bool) -> None:
    usual, out = (
        with_regimes(*regimes, typical=typical)
        for regimes in ((), (Outage(from_day=1.75, days=0.25, source="couriers"),))
    )
    arrived = [e for e in usual.events() if e.source == "orders" and e.event in PHONES]
    left = [e for e in out.events() if e.source == "orders" and e.event in PHONES]
    silenced = set(map(repr, arrived)) - set(map(repr, left))
    assert len(silenced) > 100
    low, high = (START + pd.Timedelta(days=day) for day in (1.75, 2.0))
    within = list(out.events(after=low.to_pydatetime(), before=high.to_pydatetime()))
    assert not {e.event for e in within if e.source == "orders"} & set(PHONES)
    assert {"activated", "courier_assigned"} <= {e.event for e in within if e.source == "orders"}
    pd.testing.assert_frame_equal(out.truth_table, usual.truth_table)
    before = list(usual.events(before=low.to_pydatetime()))
    assert [repr(e) for e in out.events(before=low.to_pydatetime())] == [repr(e) for e in before]
    check_events_rebuild(out)


def test_what_arrives_in_an_outage_of_its_source_is_lost() -> None:
    scenario = replace(SCENARIO, regimes=(Outage(from_day=1, days=1, source="weather"),))
    moments = np.array([[0, 86_400_000], [172_799_999, 172_800_000]])
    expected = [[False, True], [True, False]]
    np.testing.assert_array_equal(lost(scenario, "weather", moments), expected)
    assert not lost(scenario, "couriers", moments).any()

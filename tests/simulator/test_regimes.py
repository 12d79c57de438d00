"""Regimes in whole cities: nothing changes before its day, and then what should."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from aggregators.catalog import ORDERS
from simulator import Nature, Scenario, Simulation, simulate_cities
from simulator.world.regimes import Creep, HeavyRain, NewZone, Overload, Regime, Strike
from tests.simulator.truth.test_futures import check_calibration, delivered_of

SCENARIO = Scenario(cities=1, days=3, orders=3_000, seed=4)
DAY = 2
ALL = (
    Overload(from_day=1, share=0.5, times=4.0, from_hour=12.0, hours=8.0),
    Creep(from_day=1, percent=10.0),
    HeavyRain(from_day=1.5, days=1),
    Strike(from_day=1, days=1, share=0.3),
    NewZone(from_day=1.5, zone="east"),
)


def with_regimes(*regimes: Regime) -> Simulation:
    return simulate_cities(replace(SCENARIO, regimes=regimes))


@pytest.fixture(scope="module")
def ordinary() -> Simulation:
    return simulate_cities(SCENARIO)


def of_day(simulation: Simulation, day: int) -> pd.DataFrame:
    table = simulation.truth_table.merge(
        simulation.tables["orders"][["order_id", "store_id", "zone", "store_zone"]], on="order_id"
    )
    since = table["activated"] - pd.Timestamp(SCENARIO.start)
    return table[since.dt.days == day]


def mean_s(table: pd.DataFrame, start: str, end: str) -> float:
    return float((table[end] - table[start]).dt.total_seconds().mean())


@pytest.mark.parametrize(
    "regime",
    [
        Creep(from_day=DAY, percent=20.0),
        Overload(from_day=DAY, times=10.0, hours=24.0),
        Strike(from_day=DAY, share=1.0),
        HeavyRain(from_day=DAY, mm_h=9.0),
    ],
    ids=lambda regime: regime.kind,
)
def test_nothing_changes_before_its_day(ordinary: Simulation, regime: Regime) -> None:
    changed = with_regimes(regime)
    day = pd.Timestamp(SCENARIO.start) + timedelta(days=DAY)
    before = ordinary.tables["orders"]
    before = before[before["activated"] < day]
    after = changed.tables["orders"].iloc[: len(before)]
    columns = [name for name in before if name not in ORDERS.events]
    ended = before[["delivered", "cancelled"]].max(axis=1) < day
    assert ended.mean() > 0.98
    pd.testing.assert_frame_equal(after[ended], before[ended])
    known = [name for name in columns if name not in ("courier_id", "vehicle")]
    known.remove("distance_to_store_m")
    pd.testing.assert_frame_equal(after[known], before[known])
    weather, as_was = changed.tables["weather"], ordinary.tables["weather"]
    early = as_was["observed"] <= day
    pd.testing.assert_frame_equal(weather[early], as_was[early])
    assert not changed.truth_table.equals(ordinary.truth_table)


def test_creep_lengthens_work_and_rides(ordinary: Simulation) -> None:
    creeping = of_day(with_regimes(Creep(from_day=0.0, percent=20.0)), 2)
    usually = of_day(ordinary, 2)
    factor = 1.2**2.7  # most orders are placed in the evening
    kitchen = mean_s(creeping, "cooking", "ready") / mean_s(usually, "cooking", "ready")
    ride = ("picked_up", "courier_at_customer")
    assert kitchen == pytest.approx(factor, rel=0.15)
    assert mean_s(creeping, *ride) / mean_s(usually, *ride) > 1.2


def test_overload_brings_orders_that_wait_in_line(ordinary: Simulation) -> None:
    regime = Overload(from_day=DAY, share=0.5, times=4.0, from_hour=0.0, hours=24.0)
    overloaded = with_regimes(regime)
    city = overloaded.cities[0]
    met = regime.chosen(SCENARIO.seed, 0, len(city.stores))
    names = [f"BCN-s{i:04d}" for i in np.flatnonzero(met)]
    busy, usually = of_day(overloaded, DAY), of_day(ordinary, DAY)
    of_met, of_met_usually = busy["store_id"].isin(names), usually["store_id"].isin(names)
    n = int(of_met_usually.sum())
    assert of_met.sum() == pytest.approx(4.0 * n, abs=4.0 * np.sqrt(4.0 * n))
    pd.testing.assert_series_equal(
        busy.loc[~of_met, "activated"].reset_index(drop=True),
        usually.loc[~of_met_usually, "activated"].reset_index(drop=True),
    )
    line = ("accepted", "cooking")
    assert mean_s(busy[of_met], *line) > 3.0 * mean_s(usually[of_met_usually], *line)


def test_overload_leaves_scheduled_orders_as_they_are() -> None:
    scenario = replace(SCENARIO, orders=600, nature=Nature(scheduled_share=0.6))
    regime = Overload(from_day=0, share=1.0, times=9.0, from_hour=0.0, hours=24.0)
    scheduled, at_once = [], []
    for regimes in ((), (regime,)):
        orders = simulate_cities(replace(scenario, regimes=regimes)).cities[0].orders
        promised = orders.promised_ms >= 0
        scheduled.append(np.stack([orders.activated_ms[promised], orders.store[promised]]))
        at_once.append(int((~promised).sum()))
    np.testing.assert_array_equal(scheduled[0], scheduled[1])
    n = at_once[0]
    assert at_once[1] == pytest.approx(9.0 * n, abs=4.0 * 9.0 * np.sqrt(n))


def test_a_strike_makes_orders_wait_for_couriers(ordinary: Simulation) -> None:
    usually = of_day(ordinary, DAY)
    struck = of_day(with_regimes(Strike(from_day=DAY, share=0.6)), DAY)
    assert mean_s(struck, "accepted", "courier_assigned") > 1.5 * mean_s(
        usually, "accepted", "courier_assigned"
    )
    without_couriers = with_regimes(Strike(from_day=0, share=1.0))
    nobody = of_day(without_couriers, 1)
    assert nobody["courier_assigned"].isna().all()
    assert nobody["delivered"].isna().all()
    order_id, placed = nobody[["order_id", "activated"]].iloc[-1]
    truth = without_couriers.truth(order_id, placed.to_pydatetime(), draws=3)[order_id]
    assert truth.cancelled == 1.0


def test_heavy_rain_is_observed_and_slows_rides(ordinary: Simulation) -> None:
    rained = with_regimes(HeavyRain(from_day=DAY, mm_h=6.0))
    weather = rained.tables["weather"]
    since = weather["observed"] - pd.Timestamp(SCENARIO.start)
    fell = weather.loc[since > timedelta(days=DAY), "precipitation_mm"]
    assert (fell >= 3.0).all()  # in half an hour
    wet, dry = of_day(rained, DAY), of_day(ordinary, DAY)
    assert len(wet) > 1.1 * len(dry)
    ride = ("picked_up", "courier_at_customer")
    assert mean_s(wet, *ride) > 1.1 * mean_s(dry, *ride)


def test_a_new_zone_has_no_orders_before_its_day(ordinary: Simulation) -> None:
    opened = with_regimes(NewZone(from_day=DAY, zone="centre"))
    usually = of_day(ordinary, 1)
    here = (usually["zone"] == "BCN centre") | (usually["store_zone"] == "BCN centre")
    assert here.sum() > 20
    for day in (0, 1):
        early, all_zones = of_day(opened, day), of_day(ordinary, day)
        assert not early[["zone", "store_zone"]].isin(["BCN centre"]).any(axis=None)
        kept = ~all_zones[["zone", "store_zone"]].isin(["BCN centre"]).any(axis=1)
        assert list(early["activated"]) == list(all_zones.loc[kept, "activated"])
    assert list(of_day(opened, DAY)["activated"]) == list(of_day(ordinary, DAY)["activated"])


@pytest.mark.parametrize("event", ["activated", "courier_at_store"])
def test_the_truth_is_calibrated_under_regimes(event: str) -> None:
    simulation = with_regimes(*ALL)
    known = delivered_of(simulation)
    known = known[known["activated"] >= pd.Timestamp(SCENARIO.start) + timedelta(days=1)]
    check_calibration(simulation, known[known[event].notna()].iloc[::40], event)


def test_the_truth_draws_no_orders_of_a_zone_to_come_and_more_of_an_overloaded_store() -> None:
    """Customers wait longer in the true distribution, too, when others crowd the kitchen."""
    regime = Overload(from_day=0, share=1.0, times=6.0, from_hour=0.0, hours=24.0)
    usually, crowded = simulate_cities(SCENARIO), with_regimes(regime)
    means = []
    for simulation in (usually, crowded):
        known = delivered_of(simulation)
        placed = known["activated"].iloc[len(known) // 2]
        order = known.index[len(known) // 2]
        truth = simulation.truth(str(order), placed.to_pydatetime(), draws=20)[str(order)]
        means.append(np.nanmean(truth.part("total")))
    assert means[1] > means[0]

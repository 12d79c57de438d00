"""Moments of tables whose moments are known: from laws, or counted by a plain loop.

Tests `simulator.moments.demand`, `simulator.moments.durations`, `simulator.moments.moment`,
`simulator.moments.stacking` and `simulator.moments.table`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simulator import Simulation
from simulator.moments import Moment, moments_of
from simulator.moments.demand import day_variation, peak_hour_share
from simulator.moments.durations import Durations, durations_of
from simulator.moments.moment import jackknifed
from simulator.moments.stacking import stacked_moments
from simulator.world.arrays import FloatArray, IntArray

MADRID = {"BCN": "Europe/Madrid"}


def near(moment: Moment, value: float, errors: float = 4.0) -> bool:
    return moment.error > 0.0 and abs(moment.value - value) < errors * moment.error


def made(store: IntArray, logs: FloatArray, gap_s: float = 20_000.0) -> Durations:
    """Orders of a store so far apart that none meets another, with these log durations."""
    place = np.zeros(len(store), dtype=np.int64)
    for one in np.unique(store):
        place[store == one] = np.arange((store == one).sum())
    start = np.round(place * gap_s * 1e6).astype(np.int64)
    return Durations(store, start, start + np.round(np.exp(logs) * 1e6).astype(np.int64))


def test_the_jackknife_gives_the_error_of_a_mean() -> None:
    rng = np.random.default_rng(1)
    errors, means = [], []
    for _ in range(200):
        value = rng.standard_normal(400)
        found = jackknifed(lambda kept, value=value: float(value[kept].mean()), np.arange(400))  # type: ignore[misc]
        errors.append(found.error)
        means.append(found.value)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)


@pytest.mark.parametrize("orders", [3, 40])
def test_small_stores_do_not_raise_the_share_between_stores(orders: int) -> None:
    """The plain share of three orders a store would be 0.55, not 0.33."""
    rng = np.random.default_rng(2)
    store = np.repeat(np.arange(900), orders)
    level = 0.5 * rng.standard_normal(900)
    logs = 6.5 + level[store] + 0.7 * rng.standard_normal(len(store))
    assert near(made(store, logs).store_share(), 0.25 / (0.25 + 0.49))


def test_stores_that_do_not_differ_have_no_share() -> None:
    rng = np.random.default_rng(3)
    store = np.repeat(np.arange(300), 20)
    share = made(store, 6.5 + 0.5 * rng.standard_normal(len(store))).store_share()
    assert 0.0 <= share.value < 0.02


def test_the_memory_of_the_last_order_is_found() -> None:
    rng = np.random.default_rng(4)
    n, stores, rho = 300, 40, 0.4
    noise = rng.standard_normal((stores, n))
    for i in range(1, n):
        noise[:, i] = rho * noise[:, i - 1] + np.sqrt(1.0 - rho**2) * noise[:, i]
    store = np.repeat(np.arange(stores), n)
    # Each begins a minute after the last one has ended.
    seconds = np.exp(5.0 + 0.4 * noise)
    end = np.cumsum(seconds + 60.0, axis=1) - 60.0
    start = end - seconds
    table = Durations(store, *((part.ravel() * 1e6).astype(np.int64) for part in (start, end)))
    assert near(table.last_order_correlation(), rho)
    late = Durations(table.store, table.start_us * 100, table.end_us * 100)
    assert np.isnan(late.last_order_correlation().value)


def test_open_orders_are_those_that_a_loop_counts(simulation: Simulation) -> None:
    table = simulation.tables["orders"].iloc[:1_500]
    found = durations_of(table, "accepted", "ready", bounds_s=(60.0, 7_200.0))
    wanted = [
        ((found.store == store) & (found.start_us < at) & (found.end_us >= at)).sum()
        for store, at in zip(found.store, found.start_us, strict=True)
    ]
    assert max(wanted) > 3
    np.testing.assert_array_equal(found.open_orders(), wanted)


def test_the_effect_of_load_is_found_within_stores() -> None:
    """Every other order begins while the one before is open, and takes 1.3 times as long."""
    rng = np.random.default_rng(5)
    store = np.repeat(np.arange(60), 200)
    second = np.tile([False, True], len(store) // 2)
    logs = rng.normal(6.0, 0.1, 60)[store] + 0.2 * rng.standard_normal(len(store))
    start = np.tile(np.repeat(np.arange(100) * 10_000.0, 2), 60) + 20.0 * second
    end = start + np.exp(logs + np.log(1.3) * second)
    table = Durations(store, (start * 1e6).astype(np.int64), (end * 1e6).astype(np.int64))
    one, two, three = table.load_effects()
    assert near(one, 1.3)
    assert np.isnan(two.value)
    assert np.isnan(three.value)


def test_crowds_beyond_the_loads_do_not_move_their_effects() -> None:
    rng = np.random.default_rng(7)
    n = 6_000
    start = np.cumsum(rng.exponential(120.0, n))
    end = np.zeros(n)
    for i in range(n):
        n_open = (end[max(i - 60, 0) : i] >= start[i]).sum()
        slower = np.log(1.0 + 0.1 * n_open)
        end[i] = start[i] + np.exp(5.5 + slower + 0.3 * rng.standard_normal())
    moments_us = ((part * 1e6).astype(np.int64) for part in (start, end))
    table = Durations(np.zeros(n, dtype=np.int64), *moments_us)
    assert (table.open_orders() > 4).mean() > 0.1
    for found, wanted in zip(table.load_effects()[:2], (1.1, 1.2), strict=True):
        assert found.value == pytest.approx(wanted, rel=0.03)


def test_the_busiest_hour_and_the_days_vary_as_they_were_drawn() -> None:
    rng = np.random.default_rng(6)
    level = rng.gamma(1.0 / 0.09, 0.09, 400)
    counts = rng.poisson(50.0 * level)
    day = np.repeat(np.arange(400), counts)
    city = np.zeros_like(day)
    assert near(day_variation(city, day), 0.3)
    steady = np.repeat(np.arange(400), rng.poisson(50.0, 400))
    assert day_variation(np.zeros_like(steady), steady).value < 0.06
    hour = np.where(rng.random(len(day)) < 0.25, 20, rng.integers(0, 20, len(day)))
    assert near(peak_hour_share(city, day, hour), 0.25)


def test_days_and_hours_follow_the_clock_of_the_place() -> None:
    placed = pd.Series(pd.to_datetime(["2026-03-02 22:30", "2026-03-02 23:30"] * 30, utc=True))
    table = pd.DataFrame({"accepted": placed, "city": ["BCN"] * 60})
    found = moments_of(table, timezone_by="city", timezones=MADRID)
    assert found["peak_hour_share"].value == 0.5
    assert set(found) == {"peak_hour_share", "day_variation"}


def test_orders_that_one_courier_has_together_are_stacked() -> None:
    def at(minute: int) -> pd.Timestamp:
        return pd.Timestamp("2026-03-02", tz="UTC") + pd.Timedelta(minutes=minute)

    rides = [("a", 0, 30), ("a", 10, 20), ("a", 25, 40), ("a", 40, 50), ("b", 1, 2), ("b", 3, 4)]
    table = pd.DataFrame(
        [{"courier_id": c, "picked_up": at(b), "delivered": at(e)} for c, b, e in rides]
    )
    share, extra_s = stacked_moments(table, "picked_up")
    assert share.value == 0.5
    assert extra_s.value == pytest.approx(60.0 * ((30 + 10 + 15) / 3 - (10 + 1 + 1) / 3))


def test_a_city_has_the_moments_of_what_it_records(simulation: Simulation) -> None:
    zones = {profile.name: profile.timezone for profile in simulation.scenario.profiles}
    found = moments_of(simulation.tables["orders"], timezone_by="city", timezones=zones)
    assert found["stacked_share"].value == 0.0
    assert found["preparation_store_share"].value > 0.3
    assert 1.0 < found["preparation_load_1"].value < found["preparation_load_3"].value
    durations = simulation.tables["orders"]["delivered"] - simulation.tables["orders"]["activated"]
    median_s = durations.dt.total_seconds().median()
    assert found["delivery_median_s"].value == pytest.approx(median_s, rel=0.01)


def test_a_table_without_orders_in_time_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the events activated, accepted, courier_assign"):
        moments_of(pd.DataFrame({"city": ["BCN"]}), timezone_by="city", timezones=MADRID)


@pytest.mark.parametrize("n", [0, 1, 2, 10])
def test_a_table_that_is_too_small_lacks_moments(simulation: Simulation, n: int) -> None:
    """Without a warning, which would be an error here."""
    orders = simulation.tables["orders"]
    zones = {profile.name: profile.timezone for profile in simulation.scenario.profiles}
    found = moments_of(orders.iloc[:n], timezone_by="city", timezones=zones)
    assert all(np.isnan(moment.error) or moment.error >= 0.0 for moment in found.values())
    of_one_store = orders[orders["store_id"] == orders["store_id"].iloc[0]]
    found = moments_of(of_one_store, timezone_by="city", timezones=zones)
    assert found["preparation_median_s"].value > 0.0
    assert np.isnan(found["preparation_store_share"].value)


def test_missing_stores_and_events_belong_to_no_moment(simulation: Simulation) -> None:
    orders = simulation.tables["orders"].copy()
    zones = {profile.name: profile.timezone for profile in simulation.scenario.profiles}
    orders.loc[::2, "store_id"] = None
    orders["ready"] = pd.Series(pd.NaT, index=orders.index).dt.tz_localize("UTC")
    found = moments_of(orders, timezone_by="city", timezones=zones)
    assert not any(name.startswith("preparation") for name in found)
    kept = orders[orders["store_id"].notna()]
    again = moments_of(kept.drop(columns="ready"), timezone_by="city", timezones=zones)
    for name in ("delivery_median_s", "delivery_store_share", "delivery_last_order_correlation"):
        assert found[name] == again[name]


def test_many_stores_do_not_mix() -> None:
    """Times of this century in microseconds, times ten thousand stores, exceed 64 bits."""
    store = np.repeat(np.arange(10_000), 2)
    start = 1_750_000_000_000_000 + np.tile([0, 60_000_000], 10_000) + 86_400_000_000 * (store % 28)
    table = Durations(store, start, start + 90_000_000)
    assert table.open_orders().tolist() == [0, 1] * 10_000

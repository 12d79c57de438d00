"""What delays orders in life delays them here: load, rain, rush, closures, floors, the shock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simulator import Scenario, Simulation, simulate_cities
from simulator.engine import state as engine
from simulator.engine.city import City, make_city
from simulator.engine.rides import ride_s

SCENARIO = Scenario(cities=1, days=4, orders=6_000, seed=9)


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(SCENARIO, 0)


def seconds(city: City, start: int, end: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Seconds between two moments of each order, NaN where one has not happened."""
    moments = city.orders.moments
    known = (moments[start] != engine.NEVER) & (moments[end] != engine.NEVER)
    return np.where(known, (moments[end] - moments[start]) / 1_000.0, np.nan)


def test_load_delays_orders(city: City) -> None:
    """Within a store, the more orders are in its kitchen, the longer the next one takes."""
    prep_s = seconds(city, engine.DISPATCHED, engine.READY)
    done = np.flatnonzero(~np.isnan(prep_s))
    began, ended = city.orders.moments[engine.DISPATCHED], city.orders.moments[engine.READY]
    load = np.zeros(len(city))
    usual = np.full(len(city), np.nan)
    for store in range(len(city.stores)):
        mine = done[city.orders.store[done] == store]
        before = np.searchsorted(np.sort(began[mine]), began[mine])
        load[mine] = before - np.searchsorted(np.sort(ended[mine]), began[mine])
        usual[mine] = np.median(prep_s[mine])
    per_slot = load / city.stores.slots[city.orders.store]
    slower = prep_s[done] / usual[done]
    assert slower[per_slot[done] >= 3].mean() > 1.4 * slower[per_slot[done] == 0].mean()


def test_work_takes_its_time(city: City) -> None:
    """Many products take longer than few; a slow kitchen longer than a quick one."""
    cooking_s = seconds(city, engine.COOKING, engine.READY)
    products = city.baskets.products
    known = ~np.isnan(cooking_s)
    assert (
        cooking_s[known & (products >= 4)].mean() > 1.1 * cooking_s[known & (products == 1)].mean()
    )
    pace = city.stores.pace[city.orders.store]
    relative = cooking_s / (city.orders.work_s / pace)
    assert np.corrcoef(relative[known], pace[known])[0, 1] > 0.3


def test_rain_and_snow_slow_rides(city: City) -> None:
    dry = city.world._replace(rain=np.zeros_like(city.world.rain))
    wet = city.world._replace(
        rain=np.full_like(city.world.rain, 4.0), temperature=np.full_like(city.world.rain, 8.0)
    )
    snow = wet._replace(temperature=np.full_like(city.world.rain, -3.0))
    ways = [(courier, 3, 200 + courier) for courier in range(20)]
    for way in ways:
        quick, slow, slowest = (ride_s(world, 0, *way, 0.0) for world in (dry, wet, snow))
        assert 1.1 * quick < slow < slowest


def test_the_rush_and_closures_slow_rides(city: City) -> None:
    hour, weekday = city.local.hour, city.local.weekday
    traffic = city.conditions.traffic
    rush = (np.abs(hour - 18.3) < 0.6) & (weekday < 5)
    night = np.abs(hour - 3.0) < 1.0
    assert traffic[:, rush].mean() > 1.3 * traffic[:, night].mean()
    for i in np.flatnonzero(city.events.kind == 2):
        first = round(city.events.started_s[i] / 900.0) + 1
        effect = city.events.effect((1.0, 1.0, 2.0), first, 1)
        assert effect[city.events.zone[i], 0] >= 2.0
        assert (effect >= 1.0).all()


def test_people_order_by_the_hour_and_the_weather(city: City) -> None:
    per_hour = np.bincount(
        city.local.hour[city.orders.activated_ms // 900_000].astype(int), minlength=24
    )
    assert per_hour[21] > 1.5 * per_hour[17]
    assert per_hour[5] < 0.02 * per_hour.max()
    weather = city.conditions.weather
    rain, demand = weather.rain_mm_h, city.conditions.demand
    assert demand[:, rain > 1.0].mean() > demand[:, rain == 0.0].mean()


def test_high_floors_and_cars_make_the_end_long(city: City) -> None:
    parking_s = seconds(city, engine.AT_CUSTOMER, engine.DELIVERED)
    known = ~np.isnan(parking_s)
    vehicle = city.couriers.vehicle[city.orders.courier]
    assert parking_s[known & (vehicle == 2)].mean() > 1.3 * parking_s[known & (vehicle == 0)].mean()
    assert np.corrcoef(city.orders.door_s[known], parking_s[known])[0, 1] > 0.2


def test_fewer_couriers_make_people_wait() -> None:
    waits = []
    for supply in (0.4, 1.5):
        simulation = simulate_cities(replace(SCENARIO, days=2, orders=3_000, courier_supply=supply))
        orders = simulation.tables["orders"]
        wait = orders["courier_assigned"] - orders["accepted"]
        waits.append(wait.dt.total_seconds().mean())
    assert waits[0] > 1.5 * waits[1]


def test_a_courier_who_gives_an_order_back_is_replaced(city: City) -> None:
    assert len(city.dropped) > 10
    assert (city.dropped[:, 1] < city.dropped[:, 2]).all()
    last = {row[0]: row for row in city.dropped}  # an order may be given back twice
    again = city.orders.moments[engine.ASSIGNED, list(last)]
    found = again != engine.NEVER
    assert found.mean() > 0.7
    assert (again[found] > np.array([row[2] for row in last.values()])[found]).all()


@pytest.fixture(scope="module")
def shocked() -> Simulation:
    return simulate_cities(Scenario(cities=1, days=12, orders=12_000, shock_day=5, seed=1))


def test_a_shock_changes_demand_and_times_within_days(shocked: Simulation) -> None:
    orders = shocked.tables["orders"]
    day = (orders["activated"] - pd.Timestamp(shocked.scenario.start)).dt.days
    before, after = orders[day.between(1, 4)], orders[day.between(9, 11)]
    assert len(after) / 3 > 1.3 * len(before) / 4

    def mean_s(table: pd.DataFrame, start: str, end: str) -> float:
        return float((table[end] - table[start]).dt.total_seconds().mean())

    assert mean_s(after, "accepted", "ready") > 1.15 * mean_s(before, "accepted", "ready")
    parking = ("courier_at_customer", "delivered")
    assert mean_s(after, *parking) < 0.95 * mean_s(before, *parking)

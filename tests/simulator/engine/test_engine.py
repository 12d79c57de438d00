"""The engine's own laws, looked at every few minutes of a city's life.

Tests `simulator.engine.assignment`, `simulator.engine.kitchens` and `simulator.engine.run`.
"""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from simulator import Scenario
from simulator.engine import state as engine
from simulator.engine.chance import (
    DEFECTIVE,
    EXPONENTIAL,
    LOGNORMAL,
    UNIFORM,
    conditional_mixture_s,
    conditional_s,
    duration_s,
    mixture_s,
    normal_quantile,
    uniform,
)
from simulator.engine.city import BIN_MS, City, make_city, run_until
from simulator.engine.snapshots import copy_of, doubled, fresh_orders, joined
from simulator.engine.state import Orders, State, make_state
from simulator.truth.futures import _snapshot

SCENARIO = Scenario(cities=1, days=2, orders=2_000, seed=8, courier_supply=0.8)
LAWS = [(LOGNORMAL, 300.0, 0.5), (EXPONENTIAL, 60.0, 0.0), (UNIFORM, 5.0, 40.0),
        (DEFECTIVE, 200.0, 0.3)]  # fmt: skip


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(SCENARIO, 0)


def max_on_route(city: City) -> int:
    """The orders that a courier may carry at once."""
    numbers = city.scenario.numbers
    return numbers.stack_limit if numbers.stacks else 1


def route_of(orders: Orders, state: State, courier: int) -> list[int]:
    """The orders that a courier has, in the order of the route."""
    route, o = [], int(state.carries[courier])
    while o >= 0:
        route.append(o)
        o = int(orders.next_on_route[o])
    return route


def check_laws(city: City, orders: Orders, state: State, now: int) -> None:
    """What holds at every moment of a city."""
    count, moments = state.count, orders.moments
    n_heap, n_free = count[engine.N_HEAP], count[engine.N_FREE]
    assert n_heap + n_free == len(state.free)
    slots = np.concatenate([state.heap_slot[:n_heap], state.free[:n_free]])
    assert len(np.unique(slots)) == len(slots)
    due = state.heap_ms[:n_heap]
    assert (due > now).all()
    parents = (np.arange(1, n_heap) - 1) >> 1
    assert (due[parents] <= due[1:]).all()
    # Kitchens: no more batches than places, and nobody rests while an order is in line.
    assert (state.busy >= 0).all()
    assert (state.busy <= city.stores.slots).all()
    placed = moments[engine.ACTIVATED] != engine.NEVER
    cooking_or_in_line = (
        (orders.stands == engine.OPEN)
        & (moments[engine.ACCEPTED] != engine.NEVER)
        & (moments[engine.READY] == engine.NEVER)
    )
    inside = np.bincount(orders.store[cooking_or_in_line], minlength=len(city.stores))
    np.testing.assert_array_equal(state.inside, inside)
    in_line = cooking_or_in_line & (moments[engine.COOKING] == engine.NEVER)
    waiting_at = np.unique(orders.store[in_line])
    assert (state.busy[waiting_at] == city.stores.slots[waiting_at]).all()
    # Couriers: each carries open orders, which know it, and no more than the laws allow.
    busy = np.flatnonzero(state.status == engine.BUSY)
    routes = [route_of(orders, state, courier) for courier in busy.tolist()]
    assert all(1 <= len(route) <= max_on_route(city) for route in routes)
    carried = np.array([o for route in routes for o in route], dtype=np.int64)
    assert len(np.unique(carried)) == len(carried)
    riders = [c for c, route in zip(busy, routes, strict=True) for _ in route]
    np.testing.assert_array_equal(orders.courier[carried], riders)
    assert all(len(np.unique(orders.route[route])) == 1 for route in routes)
    assert (orders.stands[carried] == engine.OPEN).all()
    with_courier = np.flatnonzero(placed & (orders.stands == engine.OPEN) & (orders.courier >= 0))
    assert set(with_courier) == set(carried)
    idle = np.flatnonzero(state.status == engine.IDLE)
    assert (state.carries[idle] == -1).all()
    waiting = state.waiting[: count[engine.N_WAITING]]
    assert len(np.unique(waiting)) == len(waiting)
    assert (orders.courier[waiting] == -1).all()


def test_the_laws_hold_at_every_moment(city: City) -> None:
    orders = fresh_orders(city.orders, slice(None))
    state = make_state(len(city.stores), city.couriers.home, 128)  # has to grow on the way
    seen = {"queue": 0, "waiting": 0, "busy": 0}
    for now in range(0, (SCENARIO.days + 1) * 86_400_000, 300_000):
        state = run_until(city.world, orders, state, city.key, now, False)
        check_laws(city, orders, state, now)
        seen["queue"] += int((state.inside > city.stores.slots).sum())
        seen["waiting"] += int(state.count[engine.N_WAITING])
        seen["busy"] += int((state.status == engine.BUSY).sum())
    assert min(seen.values()) > 50, seen
    np.testing.assert_array_equal(orders.moments, city.orders.moments)
    assert (orders.stands != engine.OPEN).all()


def test_a_snapshot_goes_on_as_the_city_did(city: City) -> None:
    """With the same draws, what follows a snapshot is what followed."""
    for hours in (13.3, 29.0, 44.7):
        at_ms = round(hours * 3_600_000)
        snapshot = _snapshot(city, at_ms, len(city) - 1)
        end = snapshot.first + len(snapshot.orders.number)
        orders = joined(snapshot.orders, fresh_orders(city.orders, slice(end, None)))
        state = copy_of(snapshot.state)
        known = snapshot.orders.moments
        assert ((known <= at_ms) | (known == engine.NEVER)).all()
        run_until(city.world, orders, state, city.key, 4 * 86_400_000, False)
        np.testing.assert_array_equal(orders.moments, city.orders.moments[:, snapshot.first :])
        np.testing.assert_array_equal(orders.courier, city.orders.courier[snapshot.first :])


def test_a_state_that_grows_stays_the_same(city: City) -> None:
    state = city.checkpoints[1].state
    larger = doubled(state)
    n = state.count[engine.N_HEAP]
    assert larger.count[engine.N_FREE] == state.count[engine.N_FREE] + len(state.free)
    np.testing.assert_array_equal(larger.heap_ms[:n], state.heap_ms[:n])
    free = larger.free[: larger.count[engine.N_FREE]]
    assert len(np.unique(np.concatenate([free, larger.heap_slot[:n]]))) == len(larger.free)


def test_checkpoints_are_made_when_the_city_sleeps(city: City) -> None:
    assert [c.at_ms for c in city.checkpoints] == [0, 86_400_000 + 4 * 3_600_000]
    assert city.checkpoints[1].at_ms % BIN_MS == 0
    assert timedelta(milliseconds=city.checkpoints[1].at_ms) == timedelta(days=1, hours=4)


def test_draws_are_uniform_and_each_its_own() -> None:
    draws = np.array([uniform(7, sample, 3, 0) for sample in range(20_000)])
    others = np.array([uniform(7, sample, 4, 0) for sample in range(20_000)])
    counts = np.histogram(draws, 20, (0.0, 1.0))[0]
    assert (np.abs(counts - 1_000) < 5.0 * math.sqrt(1_000)).all()
    for lag in (draws[1:], others[:-1]):
        assert abs(np.corrcoef(draws[:-1], lag)[0, 1]) < 0.03
    assert uniform(7, 5, 3, 0) == draws[5]
    assert len({uniform(7, 5, 3, attempt) for attempt in range(100)}) == 100


def test_the_normal_quantile() -> None:
    for p in (1e-6, 0.01, 0.02425, 0.3, 0.5, 0.7, 0.97575, 0.999):
        x = normal_quantile(p)
        assert 0.5 * math.erfc(-x / math.sqrt(2.0)) == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize(("law", "first", "second"), LAWS)
def test_what_lasts_is_drawn_as_if_it_had_been_known_to_last(
    law: int, first: float, second: float
) -> None:
    """The remainder has the distribution of the whole, of those draws that last so long."""
    u = (np.arange(40_000) + 0.5) / 40_000
    elapsed_s = 25.0
    whole = np.array([duration_s(law, first, second, p) for p in u])
    wanted = whole[whole > elapsed_s]
    found = np.array([conditional_s(law, first, second, elapsed_s, p) for p in u])
    assert (found >= elapsed_s).all()
    for q in (0.05, 0.25, 0.5, 0.6):
        wanted_s, found_s = (np.sort(v)[int(q * len(v))] for v in (wanted, found))
        assert found_s == pytest.approx(wanted_s, rel=0.01)
    assert np.isinf(found).mean() == pytest.approx(np.isinf(wanted).mean(), abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_what_lasts_of_two_kinds_has_the_law_of_what_had_lasted(share: float) -> None:
    """The kind is drawn again: after 25 minutes nearly all are of the long-tailed kind."""
    law = (300.0, 0.3, share, 500.0, 1.0)
    u = (np.arange(40_000) + 0.5) / 40_000
    whole = np.array([mixture_s(*law, p) for p in u])
    for elapsed_s in (25.0, 400.0, 1_500.0 if share else 600.0):
        wanted = np.sort(whole[whole > elapsed_s])
        found = np.sort([conditional_mixture_s(*law, elapsed_s, p) for p in u])
        assert found[0] >= elapsed_s
        levels = [0.05, 0.25, 0.5, 0.75]
        np.testing.assert_allclose(np.quantile(found, levels), np.quantile(wanted, levels), 0.03)


def test_a_mixture_without_a_tail_is_the_lognormal_bit_for_bit() -> None:
    for p in (1e-9, 0.03, 0.5, 0.97):
        assert mixture_s(300.0, 0.3, 0.0, 900.0, 1.0, p) == duration_s(LOGNORMAL, 300.0, 0.3, p)
        assert conditional_mixture_s(300.0, 0.3, 0.0, 900.0, 1.0, 200.0, p) == conditional_s(
            LOGNORMAL, 300.0, 0.3, 200.0, p
        )

"""Couriers who carry several orders: who joins whom, what they do in which order, what goes wrong.

Tests `simulator.engine.routes`.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from simulator import Nature, Scenario
from simulator.engine import state as engine
from simulator.engine.city import City, make_city, run_until
from simulator.engine.snapshots import copy_of, fresh_orders, joined
from simulator.engine.state import NEVER, make_state
from simulator.truth.futures import _snapshot
from tests.simulator.engine.test_engine import check_laws, route_of

DETOUR_M = 3_000.0
NATURE = Nature(stack_share=0.7, stack_limit=3, stack_detour_m=DETOUR_M)
SCENARIO = Scenario(
    cities=1, days=3, orders=4_000, stores_per_city=12, seed=8, courier_supply=0.8, nature=NATURE
)


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(SCENARIO, 0)


@pytest.fixture(scope="module")
def routes(city: City) -> list[list[int]]:
    """The delivered orders of each route with several of them, in the order of delivery."""
    moments, route = city.orders.moments, city.orders.route
    done = np.flatnonzero(moments[engine.DELIVERED] != NEVER)
    done = done[np.lexsort((moments[engine.DELIVERED, done], route[done]))]
    groups = np.split(done, np.flatnonzero(np.diff(route[done])) + 1)
    return [group.tolist() for group in groups if len(group) > 1]


def test_the_laws_hold_at_every_moment(city: City) -> None:
    orders = fresh_orders(city.orders, slice(None))
    state = make_state(len(city.stores), city.couriers.home, 128)
    sizes = np.zeros(4, dtype=int)
    for now in range(0, (SCENARIO.days + 1) * 86_400_000, 300_000):
        state = run_until(city.world, orders, state, city.key, now, False)
        check_laws(city, orders, state, now)
        for courier in np.flatnonzero(state.status == engine.BUSY).tolist():
            route = route_of(orders, state, courier)
            sizes[len(route)] += 1
            # Who has left the stores has everything in the bag, and heads nowhere else.
            left = (orders.moments[engine.PICKED_UP, route] != NEVER).all()
            assert left == (state.heading[courier] == -1)
    assert sizes[1:].min() > 20, sizes
    np.testing.assert_array_equal(orders.moments, city.orders.moments)
    assert (orders.stands != engine.OPEN).all()
    assert (state.carries == -1).all()


def test_every_order_keeps_the_order_of_its_events(city: City) -> None:
    moments = city.orders.moments
    done = moments[engine.DELIVERED] != NEVER
    assert (done ^ (moments[engine.CANCELLED] != NEVER)).all()
    steps = (engine.ASSIGNED, engine.AT_STORE, engine.PICKED_UP, engine.AT_CUSTOMER,
             engine.DELIVERED)  # fmt: skip
    assert (np.diff(moments[list(steps)][:, done], axis=0) > 0).all()
    assert (moments[engine.READY, done] < moments[engine.PICKED_UP, done]).all()


def test_a_courier_collects_first_and_delivers_one_after_the_other(
    city: City, routes: list[list[int]]
) -> None:
    moments, orders = city.orders.moments, city.orders
    assert {len(route) for route in routes} == {2, 3}
    stores = {len(np.unique(orders.store[route])) for route in routes}
    assert stores >= {1, 2}
    for route in routes:
        assert len(np.unique(orders.courier[route])) == 1
        picked_up, arrived, left = (
            moments[k, route] for k in (engine.PICKED_UP, engine.AT_CUSTOMER, engine.DELIVERED)
        )
        assert picked_up.max() < arrived.min()
        assert (left[:-1] < arrived[1:]).all()
        opener = orders.route[route[0]]
        assert moments[engine.ASSIGNED, opener] <= moments[engine.ASSIGNED, route].min()
        # Until the last one is picked up, another may join; not later.
        assert moments[engine.ASSIGNED, route].max() < picked_up.max()


def test_customers_are_visited_by_the_shortest_way(city: City, routes: list[list[int]]) -> None:
    orders = city.orders
    for route in routes:
        last = max(route, key=lambda o: orders.moments[engine.PICKED_UP, o])
        start = int(city.stores.node[orders.store[last]])
        ways = {order: way_m(city, start, order) for order in permutations(route)}
        assert ways[tuple(route)] == pytest.approx(min(ways.values()), abs=1e-3)


def way_m(city: City, start: int, route: tuple[int, ...]) -> float:
    """Metres from a store to the customers of some orders, one after the other."""
    bound = int(city.couriers.vehicle[city.orders.courier[route[0]]] != 0)
    metres, at = 0.0, start
    for o in route:
        metres += float(city.streets.distance_m[bound, at, city.orders.node[o]])
        metres += float(city.orders.extra_m[o])
        at = int(city.orders.node[o])
    return metres


def test_nobody_makes_a_longer_detour_than_allowed(city: City, routes: list[list[int]]) -> None:
    """Pairs of one store that nobody else was with: the added way is that of the customers."""
    orders, checked = city.orders, 0
    of_route = np.bincount(orders.route[orders.route >= 0], minlength=len(city))
    dropped = set(city.dropped[:, 0].tolist())
    for route in routes:
        first, second = sorted(route, key=lambda o: orders.moments[engine.ASSIGNED, o])[:2]
        alone = len(route) == of_route[orders.route[first]] == 2 and not dropped & {first, second}
        if alone and orders.store[first] == orders.store[second]:
            start = int(city.stores.node[orders.store[first]])
            together = min(way_m(city, start, order) for order in permutations(route))
            assert together - way_m(city, start, (first,)) < DETOUR_M + 1e-3
            checked += 1
    assert checked > 50


def test_nobody_carries_more_than_allowed(city: City) -> None:
    """Counted from the orders alone: assigned, and not yet delivered, cancelled or given back."""
    orders = city.orders
    moments = orders.moments
    rides = [
        (int(c), int(begin), int(end))
        for c, begin, end in zip(
            orders.courier,
            moments[engine.ASSIGNED],
            np.maximum(moments[engine.DELIVERED], moments[engine.CANCELLED]),
            strict=True,
        )
        if c >= 0
    ] + [(int(row[3]), int(row[1]), int(row[2])) for row in city.dropped]
    changes = sorted([(begin, 1, c) for c, begin, _ in rides] + [(e, -1, c) for c, _, e in rides])
    carried = np.zeros(len(city.couriers), dtype=int)
    most = 0
    for _, change, courier in changes:
        carried[courier] += change
        most = max(most, carried[courier])
    assert most == NATURE.stack_limit


def test_when_one_is_cancelled_the_other_goes_on(city: City) -> None:
    orders, moments = city.orders, city.orders.moments
    went_on = 0
    for o in np.flatnonzero((orders.stands == engine.GONE) & (orders.courier >= 0)):
        mates = np.flatnonzero((orders.route == orders.route[o]) & (orders.stands == engine.DONE))
        mates = mates[moments[engine.ASSIGNED, mates] < moments[engine.CANCELLED, o]]
        assert moments[engine.PICKED_UP, o] == NEVER
        assert (orders.courier[mates] == orders.courier[o]).all()
        went_on += len(mates)
    assert went_on > 3


def test_who_breaks_down_gives_all_back_that_is_not_at_its_store(city: City) -> None:
    dropped = city.dropped
    together = [dropped[dropped[:, 2] == moment] for moment in np.unique(dropped[:, 2])]
    assert any(len(rows) > 1 for rows in together)
    for rows in together:
        assert len(np.unique(rows[:, 3])) == len(np.unique(rows[:, 5])) == 1
        moment, courier, route = rows[0, 2], rows[0, 3], rows[0, 5]
        kept = np.flatnonzero((city.orders.route == route) & (city.orders.courier == courier))
        kept = kept[city.orders.moments[engine.ASSIGNED, kept] < moment]
        reached = city.orders.moments[engine.AT_STORE, kept]
        ended = city.orders.moments[engine.CANCELLED, kept]
        assert (((reached != NEVER) & (reached < moment)) | (ended != NEVER)).all()


def test_a_snapshot_goes_on_as_the_city_did(city: City) -> None:
    for hours in (13.3, 20.1, 44.7):
        snapshot = _snapshot(city, round(hours * 3_600_000), len(city) - 1)
        end = snapshot.first + len(snapshot.orders.number)
        orders = joined(snapshot.orders, fresh_orders(city.orders, slice(end, None)))
        run_until(city.world, orders, copy_of(snapshot.state), city.key, 5 * 86_400_000, False)
        for name in ("moments", "courier", "route"):
            wanted = getattr(city.orders, name)[..., snapshot.first :]
            np.testing.assert_array_equal(getattr(orders, name), wanted)


def test_a_limit_of_one_is_a_world_without_stacking() -> None:
    small = Scenario(cities=1, days=1, orders=500, seed=2)
    plain = make_city(small, 0)
    for share, limit in product((0.0, 1.0), (1, 2)):
        nature = Nature(stack_share=share, stack_limit=limit)
        other = make_city(Scenario(cities=1, days=1, orders=500, seed=2, nature=nature), 0)
        same = np.array_equal(other.orders.moments, plain.orders.moments)
        assert same != nature.stacks

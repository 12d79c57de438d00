"""Cities whose couriers are sent from outside: the same city, other rides.

Tests `simulator.records.dispatch_events`.
"""

from __future__ import annotations

import re
from datetime import timedelta

import numpy as np
import pytest

from aggregators import Event, MemoryEventStore
from simulator import SOURCES, Scenario, Simulation
from simulator.dispatch import DispatchedCity, dispatch, nearest
from simulator.engine import state as engine
from simulator.engine.city import City, make_city
from simulator.engine.state import NEVER
from simulator.records.tables import order_ids
from tests.simulator.engine.test_engine import check_laws
from tests.simulator.test_documented import PAGE

SCENARIO = Scenario(cities=1, days=2, orders=1_600, seed=8, courier_supply=0.8)


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(SCENARIO, 0)


@pytest.fixture(scope="module")
def told() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def dispatched(city: City, told: list[Event]) -> City:
    return dispatch(city, nearest, until=SCENARIO.end + timedelta(days=1), listen=told.extend)


def test_everybody_is_served_and_kitchens_are_none_the_wiser(city: City, dispatched: City) -> None:
    before, after = city.orders.moments, dispatched.orders.moments
    done = after[engine.DELIVERED] != NEVER
    assert done.mean() > 0.9
    assert (dispatched.orders.stands != engine.OPEN).all()
    # Chance belongs to the order: whoever rides, kitchens do what they did.
    both = done & (before[engine.DELIVERED] != NEVER)
    np.testing.assert_array_equal(before[engine.ACCEPTED, both], after[engine.ACCEPTED, both])
    same = before[engine.READY, both] == after[engine.READY, both]
    assert same.mean() > 0.97
    assert (before[engine.ASSIGNED, both] != after[engine.ASSIGNED, both]).any()


def test_the_same_choices_give_the_same_city(city: City, dispatched: City) -> None:
    again = dispatch(city, nearest, until=SCENARIO.end + timedelta(days=1))
    np.testing.assert_array_equal(again.orders.moments, dispatched.orders.moments)
    np.testing.assert_array_equal(again.orders.courier, dispatched.orders.courier)


def test_a_day_goes_on_from_what_was_before_it(city: City) -> None:
    running = DispatchedCity(city, day=1)
    assert running.now < SCENARIO.start + timedelta(days=1, hours=4)
    running.run_to(SCENARIO.end + timedelta(days=1))
    after = running.result().orders.moments
    np.testing.assert_array_equal(
        city.orders.moments[:, : running.first], after[:, : running.first]
    )
    ended = city.orders.moments.max(axis=0) < (24 + 4) * 3_600_000
    np.testing.assert_array_equal(city.orders.moments[:, ended], after[:, ended])
    # Nobody was asked to ride, so nothing that was placed later has been delivered.
    late = city.orders.activated_ms > (24 + 4) * 3_600_000
    assert (after[engine.DELIVERED, late] == NEVER).all()
    assert (after[engine.READY, late] != NEVER).mean() > 0.8


def test_what_is_told_step_by_step_is_what_has_happened(
    dispatched: City, told: list[Event]
) -> None:
    """The stream is that of the finished city, event by event and in the order of time."""
    whole = Simulation(dispatched.scenario, (dispatched,))
    arriving = [_content(e) for e in whole.events()]
    assert sorted(arriving) == sorted(_content(e) for e in told)
    assert any(event.retracted for event in told)
    orders = [event.recorded_us for event in told if event.source == "orders"]
    assert orders == sorted(orders)


def _content(event: Event) -> tuple[object, ...]:
    data = tuple(sorted((name, repr(value)) for name, value in event.data.items()))
    return (event.source, str(event.sample_id), event.event, event.recorded_us, event.time_us,
            event.retracted, data)  # fmt: skip


def test_a_store_that_is_fed_step_by_step_has_the_table_of_the_city(
    dispatched: City, told: list[Event]
) -> None:
    store = MemoryEventStore(sources=SOURCES)
    store.append(told)
    table = store.table(SOURCES[0]).set_index("order_id")
    courier = table.loc[order_ids(dispatched), "courier_id"]
    expected = [f"BCN-c{c:05d}" if c >= 0 else None for c in dispatched.orders.courier]
    assert [c if isinstance(c, str) else None for c in courier] == expected


def test_the_laws_hold_and_rounds_are_what_waits(city: City) -> None:
    running = DispatchedCity(city)
    chance = np.random.default_rng(0)
    rounds = 0
    while running.now < SCENARIO.start + timedelta(hours=30):
        running.run_to(running.now + timedelta(seconds=60))
        check_laws(city, running._orders, running._state, running._now_ms)
        waiting = running.round()
        assert waiting.distance_m.shape == (len(waiting.orders), len(waiting.couriers))
        assert (np.diff(running._orders.moments[engine.ACCEPTED, waiting.orders]) >= 0).all()
        n = min(waiting.distance_m.shape)
        if n:
            rounds += 1
            assert (running.median_to_store_s(waiting) > 20.0).all()
            couriers = chance.permutation(len(waiting.couriers))[:n]
            # Also orders whose time has not come yet: that is the caller's to decide.
            running.offer([(i, int(c)) for i, c in enumerate(couriers)], waiting)
    assert rounds > 100


def test_who_does_not_wait_cannot_be_offered(city: City) -> None:
    running = DispatchedCity(city)
    waiting = running.round()
    while min(waiting.distance_m.shape) < 1:
        running.run_to(running.now + timedelta(seconds=60))
        waiting = running.round()
    running.offer([(0, 0)], waiting)
    with pytest.raises(ValueError, match="does not wait for a courier"):
        running.offer([(0, 0)], waiting)
    with pytest.raises(ValueError, match="day is 2; expected 0 to 1"):
        DispatchedCity(city, day=2)


def test_the_example_of_the_page_runs(city: City) -> None:
    (code,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
        if "simulator.dispatch" in block
    ]
    names = {"simulation": Simulation(SCENARIO, (city,))}
    exec(compile(code, "simulator.md", "exec"), names)
    again: City = names["again"]  # type: ignore[assignment]
    day = city.orders.activated_ms > 28 * 3_600_000
    assert (again.orders.moments[engine.DELIVERED, day] != NEVER).mean() > 0.5

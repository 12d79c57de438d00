"""Orders for later: placed hours before, sent to the store so that they come in time."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from aggregators import Event, MemoryEventStore
from simulator import ORDERS, Nature, Scenario, Simulation, simulate_cities
from simulator.demand.orders import NOT_PROMISED, Arrivals
from simulator.demand.scheduled import BIN_MS, LEAD_H, merged, scheduled_arrivals, sent_ms
from simulator.dispatch import dispatch, nearest
from simulator.engine import state as engine
from simulator.engine.state import NEVER
from simulator.records.sources import orders_source

NATURE = Nature(scheduled_share=0.3)
SCENARIO = Scenario(cities=2, days=3, orders=4_000, seed=3, nature=NATURE)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate_cities(SCENARIO)


@pytest.fixture(scope="module")
def orders(simulation: Simulation) -> pd.DataFrame:
    return simulation.tables["orders"]


def test_slots_and_leads_are_drawn_from_the_expected_orders() -> None:
    expected = np.full((3, 40), 5.0)
    drawn = scheduled_arrivals(expected, 100, 0, np.random.default_rng(0))
    assert abs(len(drawn) - 600) < 5.0 * np.sqrt(600.0)
    assert (drawn.promised_ms % BIN_MS == 0).all()
    assert drawn.promised_ms.min() == 102 * BIN_MS
    assert drawn.promised_ms.max() == 141 * BIN_MS
    lead_h = (drawn.promised_ms - drawn.activated_ms) / 3.6e6
    assert LEAD_H[0] <= lead_h.min() < 1.1
    assert 4.9 < lead_h.max() <= LEAD_H[1]
    assert abs(lead_h.mean() - 3.0) < 0.25
    assert (np.diff(drawn.activated_ms) >= 0).all()


def test_what_is_placed_later_is_the_rest_of_all() -> None:
    """With the same chance, a later begin only leaves out what is placed before."""
    expected = np.full((2, 30), 3.0)
    whole, rest = (
        scheduled_arrivals(expected, 40, after_ms, np.random.default_rng(4))
        for after_ms in (0, 45 * BIN_MS)
    )
    later = whole.activated_ms > 45 * BIN_MS
    assert 0 < later.sum() < len(whole)
    np.testing.assert_array_equal(rest.activated_ms, whole.activated_ms[later])
    np.testing.assert_array_equal(rest.promised_ms, whole.promised_ms[later])
    # Nothing is placed before the city begins.
    assert scheduled_arrivals(expected, 0, 0, np.random.default_rng(4)).activated_ms.min() > 0


def test_merged_orders_are_sorted_and_keep_their_promises() -> None:
    first, second = (
        Arrivals(
            store=np.array([n, n]),
            activated_ms=np.array([n, 10 * n]),
            promised_ms=np.array([NOT_PROMISED, 100 * n]),
        )
        for n in (2, 3)
    )
    both = merged([first, second])
    assert both.activated_ms.tolist() == [2, 3, 20, 30]
    assert both.store.tolist() == [2, 3, 2, 3]
    assert both.promised_ms.tolist() == [-1, -1, 200, 300]
    assert both.wanted_ms.tolist() == [2, 3, 200, 300]


def test_an_order_is_sent_its_usual_time_before() -> None:
    ones = np.ones(2)
    sent = sent_ms(NATURE, np.array([-1, 7_200_000]), 600.0 * ones, 2_100.0 * ones, 80.0 * ones)
    # 1.1 x 600 s of work, 150 s at the store, 2,100 m at 4.2 m/s, 60 s to park, 80 s to the door.
    assert sent.tolist() == [-1, 7_200_000 - 1_450_000]


def test_scheduled_orders_come_about_in_time(simulation: Simulation, orders: pd.DataFrame) -> None:
    scheduled = orders[orders["promised_at"].notna()]
    assert abs(len(scheduled) / len(orders) - 0.3) < 0.03
    assert SCENARIO.orders is not None
    assert abs(len(orders) - SCENARIO.orders) < 5.0 * np.sqrt(SCENARIO.orders)
    late_s = (scheduled["delivered"] - scheduled["promised_at"]).dt.total_seconds().dropna()
    assert abs(late_s.median()) < 180.0
    assert (late_s.abs() < 900.0).mean() > 0.8
    ahead_h = (scheduled["promised_at"] - scheduled["activated"]).dt.total_seconds() / 3_600.0
    assert ahead_h.between(*LEAD_H).all()
    waits_s = (scheduled["dispatched"] - scheduled["activated"]).dt.total_seconds()
    assert waits_s.median() > 5_400.0


def test_orders_for_at_once_are_dispatched_at_once(orders: pd.DataFrame) -> None:
    at_once = orders[orders["promised_at"].isna()]
    assert (at_once["dispatched"] - at_once["activated"]).dt.total_seconds().max() < 41.0


def test_nobody_is_impatient_before_the_kitchen_has_the_order(simulation: Simulation) -> None:
    truth = simulation.truth_table.merge(
        simulation.tables["orders"][["order_id", "promised_at"]], on="order_id"
    )
    scheduled = truth[truth["promised_at"].notna()]
    impatient = scheduled[scheduled["cause"] == "out of patience"]
    assert (impatient["cancelled"] > impatient["dispatched"]).all()
    assert scheduled["cancelled"].notna().mean() < 0.08
    # A change of mind comes soon after the order, whenever it is to be delivered.
    changed = scheduled[scheduled["cause"] == "changed mind"]
    assert len(changed) > 3
    assert changed["dispatched"].isna().any()


def test_the_promise_is_known_from_the_order_on(
    simulation: Simulation, orders: pd.DataFrame
) -> None:
    source = orders_source(NATURE)
    assert source.known_from_event("promised_at") == "activated"
    assert set(orders.columns) == {"order_id", *source.events, *source.data_columns}
    events = list(simulation.events())
    store = MemoryEventStore(sources=simulation.sources)
    store.append(events)
    stored = pd.to_datetime(store.table(source).set_index("order_id")["promised_at"], utc=True)
    table = orders.set_index("order_id")["promised_at"]
    pd.testing.assert_series_equal(
        stored.reindex(table.index), table, check_dtype=False, check_names=False
    )
    assert orders_source(Nature()) is ORDERS


def test_a_caller_who_chooses_couriers_gets_them_when_they_are_sent(
    simulation: Simulation,
) -> None:
    told: list[Event] = []
    until = SCENARIO.start + timedelta(hours=30)
    city = dispatch(simulation.cities[0], nearest, until=until, step_s=30.0, listen=told.extend)
    scheduled = (city.orders.send_ms != NEVER) & (city.orders.activated_ms < 20 * 3_600_000)
    moments = city.orders.moments[:, scheduled]
    assert (moments[engine.DELIVERED] != NEVER).mean() > 0.9
    asked = moments[engine.ASSIGNED] != NEVER
    assert (moments[engine.ASSIGNED] > moments[engine.DISPATCHED])[asked].all()
    promised = {
        e.data["promised_at"] for e in told if e.source == "orders" and e.event == "activated"
    }
    assert None in promised
    assert len(promised) > 20

"""A simulated city obeys time, repeats itself for a seed, and load delays its orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from simulator import ORDERS, CityPlan, simulate

PLAN = CityPlan(stores=12, days=3, seed=11)


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return simulate(PLAN)


def test_same_seed_same_city(orders: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(orders, simulate(PLAN))


def test_another_seed_another_city(orders: pd.DataFrame) -> None:
    other = simulate(CityPlan(stores=12, days=3, seed=12))
    assert not orders["activated"].head(50).equals(other["activated"].head(50))


def test_table_has_the_columns_of_the_source(orders: pd.DataFrame) -> None:
    assert list(orders.columns) == [
        ORDERS.sample_id, *ORDERS.dimensions, *ORDERS.attributes, *ORDERS.events
    ]  # fmt: skip
    assert orders["order_id"].is_unique
    for event in ORDERS.events:
        assert orders[event].dt.tz is not None, event


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
    assert (both[earlier] <= both[later]).all()


def test_every_order_ends_once(orders: pd.DataFrame) -> None:
    assert (orders["delivered"].notna() ^ orders["cancelled"].notna()).all()
    assert 0.01 < orders["cancelled"].notna().mean() < 0.15


def test_nothing_happens_after_a_cancellation(orders: pd.DataFrame) -> None:
    cancelled = orders[orders["cancelled"].notna()]
    for event in ORDERS.events[:-1]:
        assert not (cancelled[event] > cancelled["cancelled"]).any(), event


def test_courier_is_known_exactly_when_assigned(orders: pd.DataFrame) -> None:
    assert (orders["courier_id"].notna() == orders["courier_assigned"].notna()).all()


def test_courier_carries_one_order_at_a_time(orders: pd.DataFrame) -> None:
    tours = orders.dropna(subset=["courier_assigned"]).sort_values("courier_assigned")
    ends = tours["delivered"].fillna(tours["cancelled"])
    next_starts = tours.groupby("courier_id")["courier_assigned"].shift(-1)
    known = next_starts.notna()
    assert (ends[known] <= next_starts[known]).all()


def test_load_delays_orders(orders: pd.DataFrame) -> None:
    """Within a store, the more orders are in its kitchen, the longer the next one takes."""
    done = orders.dropna(subset=["ready"]).sort_values("dispatched")
    prep_s = (done["ready"] - done["dispatched"]).dt.total_seconds()
    load = pd.Series(0, index=done.index)
    for _, store in done.groupby("store_id"):
        started, finished = np.sort(store["dispatched"]), np.sort(store["ready"])
        load[store.index] = np.searchsorted(started, store["dispatched"]) - np.searchsorted(
            finished, store["dispatched"]
        )
    ratio = prep_s / prep_s.groupby(done["store_id"]).transform("mean")
    assert ratio[load >= 6].mean() > 1.5 * ratio[load == 0].mean()


def test_demand_follows_the_hour_and_stays_in_the_plan(orders: pd.DataFrame) -> None:
    per_hour = orders[orders["city"] == "BCN"]["activated"].dt.tz_convert("Europe/Madrid").dt.hour
    counts = per_hour.value_counts()
    assert counts[20] > 2 * counts[16]
    assert orders["activated"].min() >= PLAN.start
    assert orders["activated"].max() < PLAN.end


def test_clocks_going_forward_do_no_harm() -> None:
    spring = CityPlan(stores=2, days=3, start=datetime(2026, 3, 28, tzinfo=UTC))
    assert simulate(spring)["activated"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("field", "value"),
    [("stores", 0), ("days", 401), ("orders_per_store_day", 0.0), ("couriers_per_city", 0),
     ("seed", -1), ("start", datetime(2026, 3, 2))],  # noqa: DTZ001
)  # fmt: skip
def test_a_plan_refuses_what_it_cannot_simulate(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        CityPlan(**{field: value})  # type: ignore[arg-type]


def test_a_plan_without_orders_gives_an_empty_table() -> None:
    empty = simulate(CityPlan(stores=1, days=1, orders_per_store_day=0.1, seed=4))
    assert len(empty) < 3
    assert CityPlan(days=2).end - CityPlan().start == timedelta(days=2)

"""A kitchen cooks as many orders at once as it has places; the others wait in line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.small.cancellations import Cancellations
from simulator.small.kitchens import ACCEPT_GAP_S, KitchenTimes, cook
from tests.simulator.small.drawn import baskets_of, no_cancellations, one_store, orders_at, rng

N = 12


def cooked(slots: int, cancelled: Cancellations | None = None, gap_s: float = 1.0) -> KitchenTimes:
    demand = orders_at([i * gap_s for i in range(N)])
    wanted = no_cancellations(N) if cancelled is None else cancelled
    return cook(one_store(slots), demand, baskets_of(N), wanted, rng())


def test_one_place_cooks_one_order_after_the_other() -> None:
    times = cooked(1)
    order = np.argsort(times.dispatched_s)
    ready_s = times.ready_s[order]
    assert (np.diff(ready_s) > 200.0).all(), "a pizza takes minutes, and waits for the one before"
    assert (times.accepted_s > times.dispatched_s).all()


def test_more_places_are_sooner_through() -> None:
    one, three, many = (cooked(slots).ready_s.max() for slots in (1, 3, N))
    assert one > 2.0 * three > 2.0 * many


def test_orders_are_accepted_one_by_one_in_the_order_of_dispatch() -> None:
    times = cooked(2)
    accepted_s = times.accepted_s[np.argsort(times.dispatched_s)]
    assert (np.diff(accepted_s) >= ACCEPT_GAP_S - 1e-9).all()


def test_an_order_that_is_cancelled_in_line_leaves_its_place_to_the_next() -> None:
    never = no_cancellations(N)
    patience_s = np.full(N, np.inf)
    last = int(np.argmax(cooked(1).dispatched_s))
    patience_s[last] = 400.0
    times = cooked(1, replace(never, gives_up_s=patience_s))
    assert np.isnan(times.ready_s[last])
    assert times.cancelled_s[last] == pytest.approx(last + 400.0)
    assert np.isnan(np.delete(times.cancelled_s, last)).all()


def test_a_declined_payment_never_reaches_the_kitchen() -> None:
    declined_s = np.full(N, np.inf)
    declined_s[3] = 10.0
    times = cooked(2, replace(no_cancellations(N), declined_s=declined_s))
    assert np.isnan([times.dispatched_s[3], times.accepted_s[3], times.ready_s[3]]).all()
    assert times.cancelled_s[3] == 13.0


def test_a_refused_order_is_cancelled_and_not_accepted() -> None:
    refused_s = np.full(N, np.inf)
    refused_s[5] = 120.0
    times = cooked(2, replace(no_cancellations(N), refused_s=refused_s))
    assert np.isnan(times.accepted_s[5])
    assert times.cancelled_s[5] == pytest.approx(times.dispatched_s[5] + 120.0)

"""Figures of the demo on small inputs whose right values are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from commands.live_demo.callers import FINE_LEVELS, Estimate
from commands.live_demo.city import make_demo_city, send_nearest
from commands.live_demo.scores import (
    MeanDifference,
    Waits,
    mean_difference,
    orders_between,
    ranges_of,
)

AT = datetime(2026, 3, 12, 19, tzinfo=UTC)
SEED = 7


def estimate(*quantiles_s: float) -> Estimate:
    return Estimate(
        order_id="o-1", courier_id=None, stage="accepted", at=AT, expected_s=0.0, parts_s={},
        quantiles_s=quantiles_s,
    )  # fmt: skip


def test_ranges_are_scored_against_what_happened() -> None:
    told = [estimate(*np.linspace(100.0, 900.0, 9).tolist())] * 4
    ends = [AT + timedelta(seconds=s) for s in (100.0, 500.0, 901.0)]
    found = ranges_of(told, [*ends, None], FINE_LEVELS)
    assert len(found) == 3
    assert found.took_s.tolist() == [100.0, 500.0, 901.0]
    assert found.inside == pytest.approx(2 / 3), "the ends belong to the range"
    assert found.width_s == 800.0
    assert found.error_s.tolist() == [400.0, 0.0, 401.0]


def test_the_loss_is_twice_the_mean_pinball_loss() -> None:
    rng = np.random.default_rng(SEED)
    quantiles_s = np.sort(rng.gamma(4.0, 200.0, 9)).tolist()
    took_s = 731.0
    found = ranges_of([estimate(*quantiles_s)], [AT + timedelta(seconds=took_s)], FINE_LEVELS)
    losses = [
        (took_s - q) * level if took_s >= q else (q - took_s) * (1.0 - level)
        for level, q in zip(FINE_LEVELS, quantiles_s, strict=True)
    ]
    assert found.crps_s[0] == pytest.approx(2.0 * sum(losses) / 9.0)


def test_without_deliveries_there_is_nothing_to_score() -> None:
    assert len(ranges_of([estimate(*[1.0] * 9)], [None], FINE_LEVELS)) == 0
    assert len(ranges_of([], [], FINE_LEVELS)) == 0


def test_orders_of_a_store_count_together() -> None:
    rng = np.random.default_rng(SEED)
    store = np.repeat(np.arange(20), 10)
    gap_s = rng.normal(-30.0, 40.0, 20)[store] + rng.normal(0.0, 5.0, 200)
    theirs = rng.gamma(2.0, 100.0, 200)
    together = mean_difference(theirs + gap_s, theirs, store)
    apart = mean_difference(theirs + gap_s, theirs, np.arange(200))
    assert together.mean == pytest.approx(gap_s.mean())
    assert together.high - together.low > 2.0 * (apart.high - apart.low)
    # With groups of the same size it is the t interval of the groups' means.
    means = gap_s.reshape(20, 10).mean(axis=1)
    error = means.std(ddof=1) / np.sqrt(20)
    assert together.high - together.mean == pytest.approx(2.093 * error, rel=1e-3)


def test_one_store_alone_tells_nothing() -> None:
    only = mean_difference(np.ones(5), np.zeros(5), np.zeros(5, dtype=np.int64))
    assert (only.mean, only.low, only.high) == (1.0, -np.inf, np.inf)
    assert only.verdict == "may be chance"
    assert MeanDifference(mean=3.0, low=1.0, high=5.0).verdict == "more"


def test_two_cities_that_do_the_same_differ_in_nothing() -> None:
    demo = make_demo_city(days=2, orders_per_day=300, seed=SEED)
    now = begins = demo.now
    for _ in range(2 * 180):
        now += timedelta(seconds=20)
        demo.go_on(now)
        send_nearest(demo.running)
    orders = orders_between(demo, begins, begins + timedelta(minutes=30))
    assert len(orders) > 5
    placed = [demo.city.scenario.start + timedelta(milliseconds=int(ms))
              for ms in demo.city.orders.activated_ms[orders]]  # fmt: skip
    assert all(begins <= one < begins + timedelta(minutes=30) for one in placed)
    delivered = orders[demo.running.moments(orders)[-1] > 0]
    ours, theirs = (Waits.of(one, delivered) for one in (demo.running, demo.baseline))
    np.testing.assert_array_equal(ours.courier_s, theirs.courier_s)
    np.testing.assert_array_equal(ours.food_s, theirs.food_s)
    assert ((ours.courier_s == 0.0) | (ours.food_s == 0.0)).all()
    assert ours.late.sum() == (ours.food_s > 300.0).sum()

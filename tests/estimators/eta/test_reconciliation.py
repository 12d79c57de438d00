"""Parts that are moved until they add up: exactly, nothing below zero, nothing without need."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.core.errors import InputError
from estimators.core.typing import FloatArray
from estimators.eta.composition import SHOWN_PARTS, STEP_S
from estimators.eta.reconciliation import reconciled

Parts = dict[str, FloatArray]


def _random(seed: int, n: int) -> tuple[Parts, Parts, FloatArray]:
    """Parts of all sizes, some of them past (0 s, no variance), and totals far from their sum."""
    rng = np.random.default_rng(seed)
    expected: Parts = {name: _eighths(rng, 0, 8_000, n) for name in SHOWN_PARTS}
    variance: Parts = {name: rng.exponential(1e4, n) for name in SHOWN_PARTS}
    expected["conditions"] = _eighths(rng, -800, 2_400, n)
    variance["conditions"] = np.zeros(n)
    for name in SHOWN_PARTS[:4]:
        past = rng.random(n) < 0.3
        expected[name][past] = 0.0
        variance[name][past] = 0.0
    return expected, variance, _eighths(rng, 0, 40_000, n)


def _eighths(rng: np.random.Generator, low: int, high: int, n: int) -> FloatArray:
    return np.asarray(rng.integers(low, high, n) * STEP_S, dtype=np.float64)


def test_parts_sum_to_the_total_to_the_last_bit() -> None:
    expected, variance, total_s = _random(3, 20_000)
    moved = reconciled(expected, variance, total_s)
    assert np.array_equal(sum(moved[name] for name in SHOWN_PARTS), total_s)
    backwards = sum(moved[name] for name in reversed(SHOWN_PARTS))
    assert np.array_equal(backwards, total_s)
    for name in SHOWN_PARTS:
        assert np.array_equal(np.round(moved[name] / STEP_S) * STEP_S, moved[name])
        if name != "conditions":
            assert (moved[name] >= 0.0).all()


def test_what_is_past_stays_past() -> None:
    expected, variance, total_s = _random(4, 5_000)
    moved = reconciled(expected, variance, total_s)
    for name in SHOWN_PARTS[:4]:
        past = variance[name] == 0.0
        assert past.any()
        assert (moved[name][past] == 0.0).all()


def test_conditions_are_moved_only_where_no_other_part_can_be() -> None:
    expected, variance, total_s = _random(5, 5_000)
    moved = reconciled(expected, variance, total_s)
    touched = np.abs(moved["conditions"] - expected["conditions"]) > len(SHOWN_PARTS) * STEP_S
    others = sum(moved[name] for name in SHOWN_PARTS if name != "conditions")
    certain = np.asarray(sum(variance[name] for name in SHOWN_PARTS)) == 0.0
    assert touched.any()
    assert ((others == 0.0) | certain)[touched].all()


def test_nothing_moves_where_the_sum_is_right() -> None:
    expected, variance, _ = _random(6, 1_000)
    total_s = np.asarray(sum(expected.values()))
    right = total_s >= 0.0
    moved = reconciled(expected, variance, total_s)
    for name in SHOWN_PARTS:
        assert np.array_equal(moved[name][right], expected[name][right])


def test_names_must_fit() -> None:
    with pytest.raises(InputError, match="do not fit"):
        reconciled({"ride": np.zeros(1)}, {"ride": np.zeros(1)}, np.zeros(1))

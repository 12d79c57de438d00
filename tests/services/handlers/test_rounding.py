"""Seconds in answers are eighths: exact in binary, so that parts add up to their sum."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from estimators.core.distribution import Distribution
from services.handlers.rounding import (
    STEP_S,
    add_seconds,
    quantiles,
    round_probabilities,
    round_to_eighths,
)


def test_every_number_is_the_nearest_eighth() -> None:
    seconds = np.random.default_rng(3).uniform(-9_000.0, 90_000.0, 5_000)
    rounded = round_to_eighths(seconds)
    assert np.abs(rounded - seconds).max() <= STEP_S / 2.0
    assert (rounded * 8.0 == np.round(rounded * 8.0)).all()
    np.testing.assert_array_equal(round_to_eighths(rounded), rounded)


def test_sums_of_eighths_are_exact_in_any_order() -> None:
    parts = round_to_eighths(np.random.default_rng(4).uniform(0.0, 5_000.0, 1_000))
    assert parts.sum() == math.fsum(parts) == parts[::-1].sum()


def test_what_is_no_number_stays_so() -> None:
    assert np.isnan(round_to_eighths(np.array([np.nan]))).all()


def test_probabilities_have_four_digits() -> None:
    assert round_probabilities(np.array([0.0, 0.123456, 1.0])).tolist() == [0.0, 0.1235, 1.0]


def test_quantiles_are_columns_by_level() -> None:
    two = Distribution([0.1, 0.9], [[10.0, 20.0], [0.0, 1.0]])
    assert quantiles(two, [0.1, 0.5]) == {"0.1": [10.0, 0.0], "0.5": [15.0, 0.5]}
    assert quantiles(two, []) == {}


@pytest.mark.parametrize("seconds", [0.0, -90.5, 86_400.125])
def test_a_moment_so_many_seconds_later(seconds: float) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert (add_seconds(noon, seconds) - noon).total_seconds() == seconds

"""The mean is a line of the integral as far as blocks of time agree, no worse than a constant."""

from __future__ import annotations

import json

import numpy as np
import pytest

from estimators.core.typing import FloatArray, IntArray
from estimators.quantiles.mean_line import MeanLine

SEED = 41
N = 4_000


def predictions() -> tuple[np.random.Generator, FloatArray, IntArray]:
    rng = np.random.default_rng(SEED)
    return rng, rng.uniform(300.0, 2_000.0, N), np.arange(N) * 10 // N


def test_a_lasting_line_is_found() -> None:
    rng, integral_s, block = predictions()
    line = MeanLine.learn(integral_s, 200.0 + 1.3 * integral_s + rng.normal(0.0, 50.0, N), block)
    assert line.slope == pytest.approx(1.3, abs=0.01)
    assert line.intercept_s == pytest.approx(200.0, abs=15.0)
    assert MeanLine.from_json(json.loads(json.dumps(line.to_json()))) == line


def test_right_means_stay_nearly_as_they_are() -> None:
    rng, integral_s, block = predictions()
    line = MeanLine.learn(integral_s, integral_s * rng.gamma(1.0, 1.0, N), block)
    apart = np.abs(line.of(integral_s) - integral_s) / integral_s
    assert apart.max() < 0.04, f"seed {SEED}"


def test_a_shift_that_turns_with_every_block_is_not_learned() -> None:
    rng, integral_s, block = predictions()
    turning = np.where(block % 2 == 0, 200.0, -170.0) + rng.normal(0.0, 50.0, N)
    line = MeanLine.learn(integral_s, integral_s + turning, block)
    assert abs(float(line.of(integral_s).mean() - integral_s.mean())) < 3.0, f"seed {SEED}"


def test_predictions_that_say_nothing_become_the_mean_of_the_outcomes() -> None:
    """A spread that was guessed on the logarithm makes immense means of a heavy tail."""
    rng, _, block = predictions()
    guessed_s = 1e6 * np.exp(1.5 * rng.normal(size=N))
    happened_s = 1e6 * np.exp(1.5 * rng.normal(size=N))
    line = MeanLine.learn(guessed_s, happened_s, block)
    constant = float(np.sqrt(np.square(happened_s - happened_s.mean()).mean()))
    ours = float(np.sqrt(np.square(happened_s - line.of(guessed_s)).mean()))
    assert ours < 1.001 * constant < float(np.sqrt(np.square(happened_s - guessed_s).mean()))
    assert 0.0 <= line.slope < 0.1
    assert line.of(guessed_s).mean() == pytest.approx(happened_s.mean(), rel=0.03)


def test_equal_predictions_have_no_slope_to_learn() -> None:
    rng, _, block = predictions()
    line = MeanLine.learn(np.full(N, 500.0), rng.normal(800.0, 30.0, N), block)
    assert line.of(np.array([500.0]))[0] == pytest.approx(800.0, abs=5.0)

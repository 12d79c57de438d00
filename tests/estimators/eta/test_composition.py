"""The composed ETA beside draws of a brute-force oracle, and that it adds up.

Tests `estimators.eta.composition_kernels`.
"""

from __future__ import annotations

import numpy as np
import pytest

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.stages import PARTS
from estimators.core.typing import FloatArray
from estimators.eta.composition import SHOWN_PARTS, Composed, GaussianCopula, compose
from estimators.quantiles.calibration import GRID_LEVELS

ORACLE_DRAWS = 200_000


def _parts(rng: np.random.Generator, n_rows: int) -> dict[str, Distribution]:
    """Lognormal parts, as durations are; the conditions may save seconds."""
    levels = np.asarray(GRID_LEVELS)
    made = {}
    for name in PARTS:
        median = rng.uniform(100.0, 900.0, size=(n_rows, 1))
        spread = rng.uniform(0.1, 0.6, size=(n_rows, 1))
        values = np.quantile(rng.normal(size=4000), levels)
        seconds = median * np.exp(spread * values)
        made[name] = Distribution(levels, seconds - (300.0 if name == "conditions" else 0.0))
    return made


def _drawn(distribution: Distribution, row: int, uniforms: FloatArray) -> FloatArray:
    """The quantile function of one row, by numpy's own interpolation."""
    return np.asarray(np.interp(uniforms, distribution.levels, distribution.values[row]))


@pytest.mark.parametrize("tied", [0.0, 0.7])
def test_equals_brute_force(tied: float) -> None:
    """512 points err by a few hundredths of the spread, and not to one side."""
    rng = np.random.default_rng(1)
    correlation = np.eye(len(PARTS))
    correlation[0, 2] = correlation[2, 0] = tied
    normal = rng.multivariate_normal(np.zeros(len(PARTS)), correlation, size=ORACLE_DRAWS)
    uniforms = (np.argsort(np.argsort(normal, axis=0), axis=0) + 0.5) / ORACLE_DRAWS
    n_rows = 15
    parts = _parts(rng, n_rows)
    composed = compose(parts, GaussianCopula(correlation))
    errors = []
    for row in range(n_rows):
        one = {name: _drawn(parts[name], row, uniforms[:, k]) for k, name in enumerate(PARTS)}
        arrival, ready = one["to_store"], one["ready"]
        total = np.maximum(arrival, ready)
        total = total + one["to_customer"] + one["parking"] + one["conditions"]
        scale = total.std()
        errors.append(
            [
                *(
                    (composed.eta.quantile(level)[row] - np.quantile(total, level)) / scale
                    for level in (0.1, 0.25, 0.5, 0.75, 0.9)
                ),
                (composed.expected_eta_s[row] - total.mean()) / scale,
                (composed.courier_wait_s[row] - np.maximum(ready - arrival, 0.0).mean()) / scale,
                (composed.food_wait_s[row] - np.maximum(arrival - ready, 0.0).mean()) / scale,
                composed.ready_on_arrival[row] - (ready <= arrival).mean(),
            ]
        )
    found = np.array(errors)
    assert np.abs(found).mean(axis=0).max() < 0.04
    assert np.abs(found.mean(axis=0)).max() < 0.025


def test_adds_up_exactly_in_binary_and_in_decimals() -> None:
    composed = compose(_parts(np.random.default_rng(3), 50))
    for row in range(50):
        shown = [composed.expected_s[name][row].item() for name in SHOWN_PARTS]
        assert sum(shown) == composed.expected_eta_s[row]
        assert sum(reversed(shown)) == composed.expected_eta_s[row]
        decimals = [round(part * 1000) for part in shown]
        assert sum(decimals) == composed.expected_eta_s[row] * 1000


def test_is_deterministic_and_a_row_does_not_depend_on_others() -> None:
    parts = _parts(np.random.default_rng(4), 5)
    together = compose(parts)
    assert compose(parts).eta == together.eta
    for row in range(5):
        alone: Composed = compose({name: one[row : row + 1] for name, one in parts.items()})
        assert alone.eta == together.eta[row : row + 1]
        assert alone.expected_eta_s[0] == together.expected_eta_s[row]


def test_what_is_past_is_fact() -> None:
    parts = _parts(np.random.default_rng(5), 3)
    composed = compose({"parking": parts["parking"]})
    assert composed.eta.quantile(0.5) == pytest.approx(parts["parking"].quantile(0.5), rel=0.01)
    assert composed.expected_s["to_store"].tolist() == [0.0, 0.0, 0.0]
    assert composed.ready_on_arrival.tolist() == [1.0, 1.0, 1.0]


def test_correlated_parts_widen_the_range() -> None:
    parts = _parts(np.random.default_rng(6), 1)
    tied = np.full((len(PARTS), len(PARTS)), 0.8)
    np.fill_diagonal(tied, 1.0)
    low, high = compose(parts).eta.interval(0.8)
    tied_low, tied_high = compose(parts, GaussianCopula(tied)).eta.interval(0.8)
    assert tied_high[0] - tied_low[0] > 1.2 * (high[0] - low[0])


def test_learns_the_dependence_from_what_happened() -> None:
    rng = np.random.default_rng(7)
    normal = rng.normal(size=(5_000, len(PARTS)))
    normal[:, 3] = 0.6 * normal[:, 2] + 0.8 * normal[:, 3]
    ranks = (np.argsort(np.argsort(normal, axis=0), axis=0) + 0.5) / len(normal)
    ranks[::2, 4] = np.nan
    ranks[1::2, 0] = np.nan  # never known together with the conditions
    learned = GaussianCopula.fit(ranks)
    assert learned.correlation[2, 3] == pytest.approx(0.6, abs=0.05)
    assert learned.correlation[0, 1] == pytest.approx(0.0, abs=0.05)
    assert learned.correlation[0, 4] == 0.0
    again = GaussianCopula.from_json(learned.to_json())
    assert np.array_equal(again.uniforms, learned.uniforms)


def test_mends_a_correlation_that_contradicts_itself() -> None:
    rng = np.random.default_rng(8)
    level = rng.random(3_000)
    outcome_levels = np.full((3_000, len(PARTS)), np.nan)
    third = np.arange(3_000) // 1_000
    for pair, sign, part in (((0, 1), 1, 0), ((1, 2), 1, 1), ((0, 2), -1, 2)):
        rows = third == part
        outcome_levels[rows, pair[0]] = level[rows]
        outcome_levels[rows, pair[1]] = level[rows] if sign > 0 else 1.0 - level[rows]
    correlation = GaussianCopula.fit(outcome_levels).correlation
    assert np.linalg.eigvalsh(correlation).min() > 0.0
    assert np.diag(correlation) == pytest.approx(np.ones(len(PARTS)))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "at least one part"),
        ({"ride": Distribution([0.1, 0.9], [[1.0, 2.0]])}, "no such part: ride"),
        (
            {
                "ready": Distribution([0.1, 0.9], [[1.0, 2.0]]),
                "parking": Distribution([0.1, 0.9], [[1.0, 2.0], [1.0, 2.0]]),
            },
            "as many",
        ),
    ],
)
def test_refuses_other_parts(parts: dict[str, Distribution], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compose(parts)


@pytest.mark.parametrize(
    ("correlation", "message"),
    [
        (np.eye(3), "shape"),
        (np.triu(np.ones((5, 5))), "symmetric"),
        (np.ones((5, 5)), "positive definite"),
    ],
)
def test_refuses_what_is_no_correlation(correlation: FloatArray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        GaussianCopula(correlation)

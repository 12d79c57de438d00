"""Models side by side: what a difference is, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest

from estimators import InputError
from estimators.core.distribution import Distribution
from estimators.core.typing import FloatArray, IntArray
from estimators.evaluation.comparison import BLOCK_US, compare, losses_of, paired_difference

SEED = 11
LEVELS = (0.1, 0.5, 0.9)


def around(centre_s: FloatArray, width_s: float = 100.0) -> Distribution:
    return Distribution(LEVELS, centre_s[:, np.newaxis] + np.array([-1.0, 0.0, 1.0]) * width_s)


@pytest.fixture(scope="module")
def outcome() -> tuple[FloatArray, IntArray]:
    rng = np.random.default_rng(SEED)
    return rng.normal(1_000.0, 80.0, 3_000), np.arange(3_000) * BLOCK_US // 10


def test_a_real_difference_is_sure_and_noise_is_not(outcome: tuple[FloatArray, IntArray]) -> None:
    target_s, as_of_us = outcome
    rng = np.random.default_rng(SEED + 1)
    good = losses_of(around(np.full(len(target_s), 1_000.0)), target_s)
    worse = losses_of(around(np.full(len(target_s), 1_060.0)), target_s)
    found = paired_difference(worse.absolute_s, good.absolute_s, as_of_us)
    assert found.low_s < found.mean_s < found.high_s
    assert found.is_significant
    assert found.mean_s > 0.0
    few = slice(0, 70)  # seven hours
    seven = paired_difference(worse.absolute_s[few], good.absolute_s[few], as_of_us[few])
    assert seven.n_blocks == 7
    assert not seven.is_significant
    noise = good.absolute_s + rng.normal(0.0, 20.0, len(target_s))
    noise += good.absolute_s.mean() - noise.mean()
    assert not paired_difference(noise, good.absolute_s, as_of_us).is_significant


def test_the_interval_is_as_wide_as_the_theory_says() -> None:
    """The mean of independent blocks of one row: its standard error is known."""
    rng = np.random.default_rng(SEED)
    n = 2_000
    difference_s = rng.normal(3.0, 50.0, n)
    found = paired_difference(difference_s, np.zeros(n), np.arange(n) * BLOCK_US)
    error_s = difference_s.std() / np.sqrt(n)
    assert found.high_s - found.low_s == pytest.approx(2 * 1.96 * error_s, rel=0.08)


def test_neighbours_that_err_alike_count_as_one() -> None:
    rng = np.random.default_rng(SEED)
    of_hour_s = rng.normal(0.0, 50.0, 200)
    alike_s = np.repeat(of_hour_s, 10)
    once = paired_difference(of_hour_s, np.zeros(200), np.arange(200) * BLOCK_US)
    hours_us = np.repeat(np.arange(200) * BLOCK_US, 10)
    repeated = paired_difference(alike_s, np.zeros(2_000), hours_us)
    assert (repeated.low_s, repeated.high_s) == pytest.approx((once.low_s, once.high_s))


def test_the_same_model_does_not_differ_from_itself(outcome: tuple[FloatArray, IntArray]) -> None:
    target_s, as_of_us = outcome
    one = around(np.full(len(target_s), 990.0))
    slices = {"city": np.where(np.arange(len(target_s)) % 3, "BCN", "WAW").astype(object)}
    compared = compare(
        {"a": one, "b": one}, target_s, as_of_us, dataset="d", period=("", ""), slices=slices
    )
    assert compared.reference == "a"
    assert compared.overall("a").mae is None
    row = compared.overall("b")
    assert row.mae is not None
    assert (row.mae.mean_s, row.mae.low_s, row.mae.high_s) == (0.0, 0.0, 0.0)
    assert [(r.model, r.group, r.value) for r in compared.rows] == [
        (model, group, value)
        for group, value in (("all", ""), ("city", "BCN"), ("city", "WAW"))
        for model in ("a", "b")
    ]
    assert not compared.worse_than(0.0)


def test_worse_is_told_by_the_share(outcome: tuple[FloatArray, IntArray]) -> None:
    target_s, as_of_us = outcome
    models = {
        "kept": around(np.full(len(target_s), 1_000.0)),
        "wide": around(np.full(len(target_s), 1_000.0), width_s=400.0),
    }
    compared = compare(models, target_s, as_of_us, dataset="d", period=("", ""))
    row = compared.overall("wide")
    assert row.crps is not None
    assert row.mae is not None
    assert row.mae.mean_s == 0.0
    assert compared.worse_than(row.crps.share - 0.01) == (row,)
    assert compared.worse_than(row.crps.share + 0.01) == ()
    assert compared.to_json()["rows"][1]["crps_difference"]["mean_s"] == row.crps.mean_s


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InputError, match="no model"):
        compare({}, np.ones(3), np.arange(3), dataset="d", period=("", ""))
    with pytest.raises(InputError, match="0 losses"):
        paired_difference(np.empty(0), np.empty(0), np.empty(0, np.int64))

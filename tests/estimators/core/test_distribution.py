"""What must hold for every distribution."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from estimators import Distribution, InputError

SECONDS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    """A few rows, with flat stretches as often as not."""
    levels = sorted(draw(st.sets(st.integers(1, 99), min_size=2, max_size=9)))
    n_rows = draw(st.integers(1, 4))
    row = st.lists(SECONDS, min_size=len(levels), max_size=len(levels)).map(sorted)
    flat = row.map(lambda values: [values[0], *values[:-1]]).map(sorted)
    values = draw(st.lists(st.one_of(row, flat), min_size=n_rows, max_size=n_rows))
    return Distribution([level / 100 for level in levels], values)


@given(distributions(), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_never_cross_and_stay_on_the_grid(d: Distribution, p: float, q: float) -> None:
    low, high = sorted((p, q))
    assert (d.quantile(low) <= d.quantile(high)).all()
    assert (d.quantile(q) >= d.values[:, 0]).all()
    assert (d.quantile(q) <= d.values[:, -1]).all()


@given(distributions())
def test_the_grid_gives_its_own_values(d: Distribution) -> None:
    for k, level in enumerate(d.levels.tolist()):
        assert d.quantile(level).tolist() == d.values[:, k].tolist()


@given(distributions(), st.floats(0.0, 1.0))
def test_cdf_undoes_quantile(d: Distribution, q: float) -> None:
    reached = d.cdf(d.quantile(q))
    assert (reached >= min(q, d.levels[-1]) - 1e-6).all()


@given(distributions(), st.floats(0.0, 1.0))
def test_cdf_gives_back_the_level_where_quantiles_rise(d: Distribution, part: float) -> None:
    apart = Distribution(d.levels, d.values + np.arange(len(d.levels)))
    level = float(d.levels[0] + part * (d.levels[-1] - d.levels[0]))
    reached = apart.cdf(apart.quantile(level))
    # Seconds are known to about 1e-10 of a million, and a second apart at least.
    at_the_end = level >= d.levels[-1] - 1e-6
    assert (np.abs(reached - level) <= 1e-6).all() or at_the_end
    assert (reached >= level - 1e-6).all()


@given(distributions(), st.lists(st.floats(0.0, 1.0), max_size=4))
def test_many_levels_and_moments_are_as_one_by_one(d: Distribution, asked: list[float]) -> None:
    found = d.quantile(asked)
    assert found.shape == (len(d), len(asked))
    reached = d.cdf(found)
    assert reached.shape == found.shape
    for k, level in enumerate(asked):
        assert found[:, k].tolist() == d.quantile(level).tolist()
        assert reached[:, k].tolist() == d.cdf(found[:, k]).tolist()


@given(distributions())
def test_the_mean_lies_among_the_values(d: Distribution) -> None:
    slack = 1e-9 * (1.0 + np.abs(d.values).max())
    assert (d.mean() >= d.values[:, 0] - slack).all()
    assert (d.mean() <= d.values[:, -1] + slack).all()


@given(distributions(), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_wider_intervals_hold_narrower_ones(d: Distribution, a: float, b: float) -> None:
    narrow, wide = d.interval(min(a, b)), d.interval(max(a, b))
    assert (wide[0] <= narrow[0]).all()
    assert (narrow[1] <= wide[1]).all()


@given(distributions(), SECONDS, SECONDS)
def test_cdf_grows_from_0_to_1(d: Distribution, s: float, t: float) -> None:
    low, high = sorted((s, t))
    assert (d.cdf(low) <= d.cdf(high)).all()
    assert (d.cdf(d.values[:, 0] - 1.0) == 0.0).all()
    assert (d.cdf(d.values[:, -1]) == 1.0).all()


@given(distributions())
def test_mean_is_the_mean_of_all_quantiles(d: Distribution) -> None:
    levels = (np.arange(20_000) + 0.5) / 20_000
    numeric = np.mean([d.quantile(level) for level in levels[::10]], axis=0)
    spread = d.values[:, -1] - d.values[:, 0]
    assert (np.abs(d.mean() - numeric) <= 1e-3 * spread + 1e-6).all()


@settings(max_examples=20)
@given(distributions(), st.integers(0, 2**32 - 1))
def test_samples_follow_the_distribution(d: Distribution, seed: int) -> None:
    drawn = d.sample(4_000, np.random.default_rng(seed))
    assert drawn.shape == (len(d), 4_000)
    for level in (0.25, 0.5, 0.75):
        share = (drawn <= d.quantile(level)[:, np.newaxis]).mean(axis=1)
        assert (share >= min(level, d.levels[-1]) - 0.05).all(), f"seed {seed}"
    again = d.sample(4_000, np.random.default_rng(seed))
    assert np.array_equal(drawn, again)


@given(distributions())
def test_json_and_arrow_give_back_the_same_bits(d: Distribution) -> None:
    assert Distribution.from_json(json.loads(json.dumps(d.to_json()))) == d
    assert Distribution.from_arrow(d.to_arrow()) == d


@given(distributions(), st.floats(0.01, 0.99))
def test_intervals_are_central(d: Distribution, level: float) -> None:
    low, high = d.interval(level)
    assert (low <= high).all()
    assert (low <= d.quantile(0.5)).all()
    assert (high >= d.quantile(0.5)).all()


def test_cdf_takes_one_time_per_row_and_nan() -> None:
    d = Distribution([0.2, 0.8], [[10.0, 20.0], [10.0, 20.0]])
    assert d.cdf([15.0, np.nan])[0] == 0.5
    assert np.isnan(d.cdf([15.0, np.nan])[1])


def test_no_rows_are_fine() -> None:
    d = Distribution([0.2, 0.8], np.empty((0, 2)))
    assert len(d) == 0
    assert d.mean().shape == d.cdf(3.0).shape == d.quantile(0.3).shape == (0,)
    assert d.sample(5, np.random.default_rng(0)).shape == (0, 5)
    assert Distribution.from_json(d.to_json()) == d


def test_rows_can_be_picked() -> None:
    d = Distribution([0.2, 0.8], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert d[np.array([True, False, True])].values.tolist() == [[1.0, 2.0], [5.0, 6.0]]
    assert d[1:].values.tolist() == [[3.0, 4.0], [5.0, 6.0]]


@pytest.mark.parametrize(
    ("levels", "values", "words"),
    [
        ([0.5], [[1.0]], "levels have shape"),
        ([0.5, 0.5], [[1.0, 2.0]], "strictly ascending"),
        ([0.0, 0.5], [[1.0, 2.0]], "strictly ascending"),
        ([0.1, np.nan], [[1.0, 2.0]], "strictly ascending"),
        ([0.1, 0.9], [[2.0, 1.0]], "row 0 cross"),
        ([0.1, 0.9], [[1.0, 2.0], [2.0, 1.0]], "row 1 cross"),
        ([0.1, 0.9], [[1.0, np.inf]], "not all finite"),
        ([0.1, 0.9], [[1.0, np.nan]], "not all finite"),
        ([0.1, 0.9], [1.0, 2.0], "expected \\(n_rows, 2\\)"),
        ([0.1, 0.9], [[1.0, 2.0, 3.0]], "expected \\(n_rows, 2\\)"),
    ],
)
def test_what_is_no_distribution_is_refused(
    levels: list[float], values: list[list[float]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        Distribution(levels, values)


def test_what_cannot_be_asked_is_refused() -> None:
    d = Distribution([0.1, 0.9], [[1.0, 2.0]])
    with pytest.raises(InputError, match="between 0 and 1"):
        d.quantile(1.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        d.interval(1.0)
    with pytest.raises(InputError, match="between 0 and 1"):
        d.quantile([0.5, np.nan])
    with pytest.raises(InputError, match="one number or a list"):
        d.quantile([[0.5]])
    with pytest.raises(InputError, match="one per row"):
        d.cdf([1.0, 2.0])
    with pytest.raises(InputError, match="one per row"):
        d.cdf(np.ones((1, 1, 1)))
    with pytest.raises(InputError, match="0 or more"):
        d.sample(-1, np.random.default_rng(0))
    with pytest.raises(InputError, match="levels and values"):
        Distribution.from_json({"values": []})


def test_means_of_their_own_are_kept_by_rows_files_and_other_values() -> None:
    d = Distribution([0.1, 0.5, 0.9], [[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]], [3.0, 50.0])
    assert d.mean().tolist() == [3.0, 50.0]
    assert d[1:].mean().tolist() == [50.0]
    assert d != Distribution(d.levels, d.values)
    for again in (
        Distribution.from_json(json.loads(json.dumps(d.to_json()))),
        Distribution.from_arrow(d.to_arrow()),
    ):
        assert again == d
        assert again.means is not None
    wider = d.moved(d.values * 2.0)
    np.testing.assert_allclose(wider.mean(), d.mean() + d.integral())
    plain = Distribution(d.levels, d.values)
    assert plain.means is None
    assert plain.moved(d.values * 2.0).means is None
    assert plain.mean().tolist() == plain.integral().tolist() == d.integral().tolist()


def test_groups_of_rows_become_one_with_and_without_means() -> None:
    own = Distribution([0.1, 0.9], [[1.0, 3.0]], [9.0])
    plain = Distribution([0.1, 0.5, 0.9], [[2.0, 4.0, 6.0]])
    levels = np.array([0.1, 0.9])
    both = Distribution.placed(levels, 3, [(np.array([False, True, False]), own), ([2], plain)])
    assert both.values.tolist() == [[0.0, 0.0], [1.0, 3.0], [2.0, 6.0]]
    assert both.mean()[1:].tolist() == [9.0, plain.mean()[0]]
    assert Distribution.placed(levels, 1, [([0], plain)]).means is None


@pytest.mark.parametrize("means", [[1.0], [[1.0, 2.0]], [1.0, np.inf]])
def test_means_that_do_not_fit_are_refused(means: list[float]) -> None:
    with pytest.raises(InputError, match="means"):
        Distribution([0.1, 0.9], [[1.0, 2.0], [3.0, 4.0]], means)

"""The spread of groups is told apart where they differ, and only there."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aggregators import Duration
from estimators import InputError
from estimators.etp import Etp
from estimators.features.facts import LOCAL_HOUR
from estimators.quantiles.calibration import DAY_US, ConformalGrid
from estimators.quantiles.group_stretch import COUNT_EDGES, HOUR_EDGES, GroupStretch
from tests.estimators.building import ORDERS

SEED = 17
N = 30_000
DAYS = 30


def days(rng: np.random.Generator, n: int = N) -> np.ndarray:
    return rng.integers(0, DAYS, n)


def test_ranges_cover_as_often_in_every_group() -> None:
    """Groups whose outcomes scatter more than predicted; one column multiplies the other."""
    rng = np.random.default_rng(SEED)
    X = np.column_stack([rng.integers(0, 4, N), rng.uniform(0.0, 24.0, N)]).astype(float)
    wide = np.array([0.6, 1.0, 1.0, 1.8])[X[:, 0].astype(int)] * np.where(X[:, 1] < 8.0, 1.5, 1.0)
    happened = 600.0 * np.exp(0.3 * wide * rng.normal(size=N))
    anchors = np.tile([400.0, 600.0, 900.0], (N, 1))
    early, late = slice(0, N // 2), slice(N // 2, N)
    plain = ConformalGrid.fit(anchors[early], happened[early])
    grouped = ConformalGrid.fit(
        anchors[early],
        happened[early],
        X=X[early],
        as_of_us=days(rng)[early] * DAY_US,
        edges={0: (1.0, 2.0, 3.0), 1: HOUR_EDGES},
    )
    off = {}
    for name, grid in {"plain": plain, "grouped": grouped}.items():
        low, high = grid.distribution(anchors[late], X[late]).interval(0.8)
        inside = (low <= happened[late]) & (happened[late] <= high)
        cells = [(X[late, 0] == k) & ((X[late, 1] < 8.0) == e) for k in range(4) for e in (0, 1)]
        off[name] = max(abs(inside[cell].mean() - 0.8) for cell in cells)
    assert off["grouped"] < 0.04 < 0.15 < off["plain"], f"seed {SEED}"


def test_groups_that_differ_by_chance_alone_are_left_alike() -> None:
    rng = np.random.default_rng(SEED)
    group = rng.integers(0, 50, 6_000).astype(float)
    learned = GroupStretch.learn(
        0, np.arange(1.0, 50.0).tolist(), group, rng.normal(size=6_000), days(rng, 6_000)
    )
    assert np.abs(np.log([learned.below, learned.above])).max() < 0.1, f"seed {SEED}"


def test_one_bad_day_does_not_make_a_group() -> None:
    """Ten cities; what scatters in a city on a day does so for all of its rows."""
    rng = np.random.default_rng(SEED)
    city, day = rng.integers(0, 10, 20_000), rng.integers(0, 5, 20_000)
    bad = rng.lognormal(0.0, 0.4, (10, 5))[city, day]
    stretch = bad * rng.normal(size=20_000)
    edges = np.arange(1.0, 10.0).tolist()
    by_days = GroupStretch.learn(0, edges, city.astype(float), stretch, day)
    as_if_independent = GroupStretch.learn(
        0, edges, city.astype(float), stretch, np.arange(20_000) % 997
    )
    seen = [np.std(np.log(one.above[:10])) for one in (by_days, as_if_independent)]
    assert seen[0] < 0.6 * seen[1], f"seed {SEED}"


def test_small_unknown_and_missing_groups_are_as_everybody_else() -> None:
    rng = np.random.default_rng(SEED)
    rows = [3_000, 3_000, 10, 3_000]
    values = np.repeat([0.0, 1.0, 2.0, np.nan], rows).astype(np.float64)
    known = [values == 0.0, values == 1.0, values == 2.0]
    wide = np.select(known, [0.5, 1.0, 9.0], 2.0).astype(np.float64)
    n = len(values)
    learned = GroupStretch.learn(0, (1.0, 2.0), values, wide * rng.standard_normal(n), days(rng, n))
    assert learned.above[2] == learned.below[2] == 1.0
    below, above = learned.factors(np.array([[0.0], [7.0], [np.nan]]))
    assert above[0] < 1.0 == above[1] == below[1] < above[2]


def test_a_single_group_and_no_spread_change_nothing() -> None:
    rng = np.random.default_rng(SEED)
    alone = GroupStretch.learn(0, (), np.zeros(500), rng.normal(size=500), days(rng, 500))
    assert alone.above.tolist() == alone.below.tolist() == [1.0, 1.0]
    below = GroupStretch.learn(
        0, (1.0,), np.arange(500.0) % 2.0, -np.abs(rng.normal(size=500)), days(rng, 500)
    )
    assert below.above.tolist() == [1.0, 1.0, 1.0]


def test_counts_and_hours_fall_into_their_groups() -> None:
    ages = GroupStretch(
        column=1, edges=COUNT_EDGES, below=np.arange(6.0), above=np.arange(6.0) + 10.0
    )
    X = np.array([[0.0, count] for count in (0.0, 1.0, 4.0, 5.0, 19.0, 20.0, 100.0, np.nan)])
    assert ages.factors(X)[0].tolist() == [0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 5.0]
    again = GroupStretch.from_json(json.loads(json.dumps(ages.to_json())))
    np.testing.assert_array_equal(again.factors(X), ages.factors(X))
    assert len(HOUR_EDGES) == 23


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="expected 3 factors"):
        GroupStretch(column=0, edges=(1.0,), below=np.ones(2), above=np.ones(3))
    anchors, happened = np.tile([1.0, 2.0, 3.0], (200, 1)), np.linspace(1.0, 3.0, 200)
    with pytest.raises(InputError, match="without X"):
        ConformalGrid.fit(anchors, happened, edges={0: (1.0,)})
    X, moments = np.arange(200.0)[:, np.newaxis] % 2.0, np.arange(200) * DAY_US
    grid = ConformalGrid.fit(anchors, happened, X=X, as_of_us=moments, edges={0: (1.0,)})
    with pytest.raises(InputError, match="beside the anchors"):
        grid.distribution(anchors)


def test_the_etp_knows_how_many_orders_a_store_had() -> None:
    features = {feature.name for feature in Etp.features_for(ORDERS, Duration("accepted", "ready"))}
    assert set(Etp.calibration_groups) - {"city", LOCAL_HOUR} <= features

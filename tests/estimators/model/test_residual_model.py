"""A baseline: the difference to it is learned, and rows without it are answered without it.

Tests `estimators.model.residual_model`.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from estimators import DatasetError, InputError
from estimators.core.typing import FloatArray, IntArray
from estimators.model.residual_model import (
    ResidualModel,
    baseline_of,
    fit_model,
    model_from_json,
)
from estimators.quantiles.boosting import BoostingParameters
from estimators.quantiles.quantile_model import Columns, QuantileModel

SEED = 31
ROUTER = 1
FEW = BoostingParameters(median_trees=20, outer_trees=10, outer_min_rows_per_leaf=20)
COLUMNS = Columns(["load", "router_s", "city"], categories=["city"], baseline="router_s")


def rows(n: int = 3_000, missing: float = 0.2) -> tuple[FloatArray, FloatArray, IntArray]:
    """Ways whose router is right but for the load; some have no router time."""
    rng = np.random.default_rng(SEED)
    load, router_s = rng.random(n), rng.uniform(200.0, 1_500.0, n)
    seconds = np.maximum(router_s + 240.0 * (load - 0.3) + rng.normal(0.0, 30.0, n), 30.0)
    router_s[rng.random(n) < missing] = np.nan
    X = np.column_stack([load, router_s, rng.integers(0, 3, n)])
    return X, seconds, (np.arange(n) * 720_000_000).astype(np.int64)


@pytest.fixture(scope="module")
def model() -> ResidualModel:
    found = fit_model(*rows(), columns=COLUMNS, parameters=FEW)
    assert isinstance(found, ResidualModel)
    return found


def test_the_answer_is_the_learned_difference_plus_the_baseline(model: ResidualModel) -> None:
    X, seconds, as_of_us = rows()
    known = ~np.isnan(X[:, ROUTER])
    by_hand = QuantileModel.fit(
        X[known],
        seconds[known] - X[known, ROUTER],
        as_of_us[known],
        columns=Columns(COLUMNS.names, categories=["city"]),
        parameters=replace(FEW, scale="linear"),
        duration_s=seconds[known],
    )
    expected = by_hand.predict(X[known]).values + X[known, ROUTER][:, np.newaxis]
    found = model.predict(X[known]).values
    assert np.array_equal(found, np.maximum(expected, seconds.min()))


def test_ranges_hold_with_and_without_the_baseline(model: ResidualModel) -> None:
    X, seconds, _ = rows()
    low, high = model.predict(X).interval(0.8)
    known = ~np.isnan(X[:, ROUTER])
    for some in (known, ~known):
        inside = ((low <= seconds) & (seconds <= high))[some].mean()
        assert 0.74 < inside < 0.86, (inside, f"seed {SEED}")
    widths = (high - low)[known].mean(), (high - low)[~known].mean()
    assert widths[0] < 0.3 * widths[1]


def test_a_longer_way_than_any_in_training_is_answered_as_long(model: ResidualModel) -> None:
    X = np.array([[0.5, 1_400.0, 0.0], [0.5, 9_000.0, 0.0]])
    short, long = model.predict(X).quantile(0.5)
    assert long - short == pytest.approx(7_600.0, abs=60.0)


@pytest.mark.parametrize("router_s", [np.nan, -1.0, -np.inf, np.inf])
def test_no_answer_stands_on_a_baseline_that_is_none(router_s: float, model: ResidualModel) -> None:
    X, seconds, as_of_us = rows()
    hidden = X.copy()
    hidden[:, ROUTER] = np.nan
    plain = Columns(COLUMNS.names, categories=["city"])
    by_hand = QuantileModel.fit(hidden, seconds, as_of_us, columns=plain, parameters=FEW.smaller())
    X[:, ROUTER] = router_s
    assert model.predict(X[:50]) == by_hand.predict(hidden[:50])


def test_rows_of_one_call_do_not_touch_each_other(model: ResidualModel) -> None:
    X, _, _ = rows()
    together = model.predict(X[:40])
    assert 0 < np.isnan(X[:40, ROUTER]).sum() < 40
    alone = [model.predict(X[i : i + 1]).values[0] for i in range(40)]
    assert np.array_equal(together.values, alone)


def test_a_saved_model_answers_the_same_bits(model: ResidualModel) -> None:
    X, _, _ = rows()
    again = model_from_json(json.loads(json.dumps(model.to_json())))
    assert isinstance(again, ResidualModel)
    assert again.predict(X[:100]) == model.predict(X[:100])
    again.check(3)
    with pytest.raises(InputError, match="an ensemble of 3 features; the model has 4"):
        again.check(4)
    plain = QuantileModel.fit(*rows(), columns=COLUMNS, parameters=FEW)
    assert not isinstance(model_from_json(plain.to_json()), ResidualModel)


def test_no_answer_is_below_the_shortest_outcome(model: ResidualModel) -> None:
    _, seconds, _ = rows()
    found = model.predict(np.array([[0.0, 0.0, 0.0]])).values
    assert found.min() == seconds.min()


def test_a_row_that_had_not_ended_is_not_learned_from_for_calibration() -> None:
    """The difference is known when the whole duration is over, not after its own seconds."""
    X, _, as_of_us = rows(missing=0.0)
    endless = np.full(len(X), (as_of_us[-1] - as_of_us[0]) / 1e6)
    X[:, ROUTER] = endless - 60.0
    with pytest.raises(DatasetError, match="come after enough that had ended"):
        fit_model(X, endless, as_of_us, columns=COLUMNS, parameters=FEW)


def test_too_few_baselines_are_refused() -> None:
    X, seconds, as_of_us = rows()
    X[399:, ROUTER] = np.nan
    with pytest.raises(DatasetError, match=r"router_s is known in .* of 3,000 .* at least 400"):
        fit_model(X, seconds, as_of_us, columns=COLUMNS, parameters=FEW)


def test_columns_without_the_baseline_give_a_plain_model() -> None:
    X, seconds, as_of_us = rows()
    columns = COLUMNS.only(["load", "city"])
    assert columns.baseline is None
    found = fit_model(X[:, [0, 2]], seconds, as_of_us, columns=columns, parameters=FEW)
    assert not isinstance(found, ResidualModel)
    assert COLUMNS.only(["router_s"]).baseline == "router_s"


def test_progress_never_goes_back() -> None:
    seen: dict[str, list[float]] = {"fit": [], "calibrate": []}
    fit_model(
        *rows(),
        columns=COLUMNS,
        parameters=FEW,
        progress=lambda stage, part: seen[stage].append(part),
    )
    for parts in seen.values():
        assert parts == sorted(parts)
        assert parts[-1] == pytest.approx(1.0)


def test_what_is_no_baseline() -> None:
    given = np.array([[0.0], [60.0], [-0.1], [np.nan], [np.inf]])
    assert np.isnan(baseline_of(given, 0)).tolist() == [False, False, True, True, True]

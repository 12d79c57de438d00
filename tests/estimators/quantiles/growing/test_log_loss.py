"""The loss of logarithms in seconds: its derivatives, and the trees that minimise it.

Tests `estimators.quantiles.growing.training_rows`, `estimators.quantiles.growing.parameters` and
`estimators.training.middle`, too.
"""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from estimators import InputError
from estimators.quantiles.boosting import Anchors, BoostingParameters
from estimators.quantiles.compiled_trees import CompiledTrees
from estimators.quantiles.growing.log_loss import FLOOR_SHARE, LogLoss
from estimators.quantiles.growing.training_rows import text_of
from estimators.quantiles.quantile_model import Columns
from estimators.training.middle import fit_middle

SEED = 17
LOG = BoostingParameters(
    median_trees=60, outer_trees=5, feature_share=1.0, day_profile=False, middle_loss="log"
)


def rows(n: int = 4_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A fact, durations whose logarithm is normal, and their geometric means."""
    rng = np.random.default_rng(SEED)
    X = rng.integers(0, 4, (n, 1)).astype(float)
    middle_s = 300.0 * 2.0 ** X[:, 0]
    return X, middle_s * rng.lognormal(0.0, 0.5, n), middle_s


def test_the_gradient_is_that_of_half_the_squared_logarithm_of_the_ratio() -> None:
    target_s = np.array([100.0, 200.0, 400.0, 800.0])
    predicted_s = np.array([150.0, 150.0, 500.0, 300.0])
    step_s = 1e-4

    def half_squares(at_s: np.ndarray) -> np.ndarray:
        return np.asarray(np.square(np.log(at_s / target_s)) / 2.0)

    slope = (half_squares(predicted_s + step_s) - half_squares(predicted_s - step_s)) / (2 * step_s)
    gradient, curvature = LogLoss(target_s).derivatives(predicted_s)
    scale = float(np.median(target_s)) ** 2
    np.testing.assert_allclose(gradient, scale * slope, rtol=1e-6)
    np.testing.assert_allclose(curvature, scale / np.square(predicted_s))


def test_predictions_at_or_below_zero_are_pulled_up() -> None:
    target_s = np.array([100.0, 100.0, 100.0])
    gradient, curvature = LogLoss(target_s).derivatives(np.array([-50.0, 0.0, FLOOR_SHARE * 100.0]))
    assert (gradient < 0.0).all()
    assert np.unique(gradient).size == np.unique(curvature).size == 1


def test_the_middle_is_the_geometric_mean_and_l2s_the_mean() -> None:
    X, target_s, middle_s = rows()
    columns = Columns(["group"])
    found = fit_middle(X, target_s, columns=columns, parameters=LOG)(X)
    np.testing.assert_allclose(found, middle_s, rtol=0.06)
    settings = {**LOG.to_json(), "middle_loss": "l2"}
    mean = fit_middle(X, target_s, columns=columns, parameters=BoostingParameters(**settings))(X)
    np.testing.assert_allclose(mean, middle_s * np.exp(0.5**2 / 2.0), rtol=0.08)


def test_anchors_are_compiled_and_their_contributions_add_up_to_seconds() -> None:
    X, target_s, _ = rows()
    anchors = Anchors.fit(X, target_s, names=["group"], categories=[], hour=None, parameters=LOG)
    assert isinstance(anchors._trees, CompiledTrees)
    again = Anchors.from_json(anchors.to_json())
    some = X[:50]
    np.testing.assert_array_equal(again.predict(some), anchors.predict(some))
    added_s, base_s = anchors.contributions(some)
    np.testing.assert_allclose(added_s.sum(axis=2) + base_s, anchors.predict(some), rtol=1e-9)
    alone = fit_middle(X, target_s, columns=Columns(["group"]), parameters=LOG)
    np.testing.assert_allclose(alone(some), anchors.predict(some)[:, 1], rtol=1e-12)


def test_a_saved_ensemble_predicts_the_sum_of_its_trees() -> None:
    X, target_s, _ = rows(500)
    settings = {"objective": LogLoss(target_s), "verbosity": -1, "num_threads": 1}
    booster = lgb.train(settings, lgb.Dataset(X, target_s), 5)
    again = lgb.Booster(model_str=text_of(booster))
    np.testing.assert_array_equal(again.predict(X), booster.predict(X, raw_score=True))
    plain = lgb.train({**settings, "objective": "l2"}, lgb.Dataset(X, target_s), 5)
    assert text_of(plain) == plain.model_to_string()


def test_seconds_that_may_be_negative_have_no_logarithm() -> None:
    with pytest.raises(InputError, match="expected 'l1' or 'l2'"):
        BoostingParameters(scale="linear", middle_loss="log")

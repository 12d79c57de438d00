"""Explanations add up to the estimate, for many rows and for one request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aggregators import MemoryEventStore
from estimators import Dataset, InputError
from estimators.core.typing import FloatArray
from estimators.etp import train_etp
from estimators.features.inputs import InputColumn
from estimators.model.explanation import Statistic, explain
from estimators.quantiles.calibration import Scale
from estimators.quantiles.quantile_model import Columns, QuantileModel
from estimators.training.train import TrainedEstimator, inputs_of
from tests.estimators.building import QUICK, town, town_dataset

SEED = 11
STATISTICS: tuple[Statistic, ...] = ("median", "mean", "integral")
ROUNDING_S = 1e-8


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return town_dataset(town(SEED))


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainedEstimator:
    return train_etp(dataset, parameters=QUICK, baselines=False)


@pytest.fixture(scope="module")
def X(trained: TrainedEstimator, dataset: Dataset) -> FloatArray:
    return inputs_of(trained.estimator, dataset, dataset.tests)[:200]


@pytest.mark.parametrize("of", STATISTICS)
def test_contributions_add_up_to_the_estimate(
    of: Statistic, trained: TrainedEstimator, X: FloatArray
) -> None:
    explained = trained.estimator.explain(X, of=of)
    predicted = trained.estimator.predict(X)
    expected = {
        "median": predicted.quantile(0.5),
        "mean": predicted.mean(),
        "integral": predicted.integral(),
    }[of]
    assert np.array_equal(explained.estimate_s, expected)
    added = explained.base_s + explained.contributions_s.sum(axis=1) + explained.calibration_s
    assert np.abs(added - expected).max() < ROUNDING_S
    topics = np.sum(list(explained.by("topic").values()), axis=0)
    assert np.abs(topics - explained.contributions_s.sum(axis=1)).max() < ROUNDING_S


def test_contributions_are_those_of_the_trees_of_the_median(
    trained: TrainedEstimator, X: FloatArray
) -> None:
    """Against the definition: a column that is as the base has it adds nothing beyond the trees.

    What calibration does to the median is little and stands apart, so contributions without it
    give the predicted median itself.
    """
    explained = trained.estimator.explain(X)
    anchors = trained.estimator.model.anchors
    added = explained.base_s + explained.contributions_s.sum(axis=1)
    assert np.abs(added - anchors.predict(X)[:, 1]).max() < ROUNDING_S
    gain = anchors.importance()
    unused = [name for name, share in gain.items() if share == 0.0]
    importance = explained.importance()
    assert all(importance[name] == 0.0 for name in unused)


def test_calibration_of_the_mean_is_the_tail_that_rows_of_a_group_share(
    trained: TrainedEstimator, X: FloatArray
) -> None:
    """What the mean adds to the median grows with the estimate; the contributions carry that."""
    explained = trained.estimator.explain(X, of="mean")
    model = trained.estimator.model
    base = model.anchors.contributions(X)[1]
    tail_s = model.distribution(np.tile(base, (len(X), 1)), X).mean() - base[1]
    missed_s = np.abs(explained.calibration_s - tail_s)
    assert np.quantile(missed_s, 0.9) < 1.0
    assert missed_s.max() < 0.02 * explained.estimate_s.max()


def test_one_row_is_explained_as_among_many(trained: TrainedEstimator, X: FloatArray) -> None:
    for of in STATISTICS:
        many = trained.estimator.explain(X, of=of)
        one = trained.estimator.explain(X[7:8], of=of)
        assert np.abs(one.contributions_s[0] - many.contributions_s[7]).max() < ROUNDING_S
        assert one.estimate_s[0] == many.estimate_s[7]


def test_a_request_is_explained_as_its_row_of_the_table(
    trained: TrainedEstimator, dataset: Dataset, X: FloatArray
) -> None:
    store = MemoryEventStore(sources=[dataset.source])
    store.append(dataset.events())
    row = int(np.flatnonzero(dataset.tests)[5])
    order = dataset.table.iloc[row].to_dict()
    request: dict[str, Any] = {
        "as_of": int(dataset.as_of_us[row]),
        "facts": {name: order[name] for name in ("store_id", "city", "amount", "products")},
        "sample_id": int(order["order_id"]),
    }
    explained = trained.estimator.explain_estimate(store, **request)
    assert np.array_equal(explained.values[0], X[5], equal_nan=True)
    assert explained.estimate_s[0] == trained.estimator.estimate(store, **request).quantile(0.5)[0]
    first = explained.reasons()[0]
    assert abs(first.contribution_s) == np.abs(explained.contributions_s).max()


def test_reasons_carry_the_words_of_the_catalog(trained: TrainedEstimator, X: FloatArray) -> None:
    explained = trained.estimator.explain(X)
    reasons = {reason.column.name: reason for reason in explained.reasons(3)}
    assert reasons["city"].value in {"BCN", "WAW"}
    assert reasons["city"].column.topic == "place"
    assert reasons["local_hour"].column.topic == "time"
    feature = trained.estimator.features["store_time_to_ready_last_5_median"]
    column = reasons[feature.name].column
    assert (column.topic, column.unit, column.dimension, column.description) == (
        feature.topic,
        feature.unit,
        "store_id",
        feature.description,
    )
    assert all(column.description and column.topic for column in explained.columns)


def test_what_drives_the_town_is_found(trained: TrainedEstimator, X: FloatArray) -> None:
    """A town whose kitchens have moods: what the store did lately tells most, the city little."""
    explained = trained.estimator.explain(X)
    by_topic = explained.importance_by("topic")
    by_dimension = explained.importance_by("dimension")
    assert next(iter(by_topic)) == "time to ready"
    assert next(iter(by_dimension)) == "store_id"
    assert by_dimension["store_id"] > 5 * by_dimension["city"]
    assert list(explained.importance().values()) == sorted(
        explained.importance().values(), reverse=True
    )


def test_a_row_as_json(trained: TrainedEstimator, X: FloatArray) -> None:
    missing = X[:1].copy()
    missing[0, trained.estimator.feature_names.index("amount")] = np.nan
    document = json.loads(json.dumps(trained.estimator.explain(missing).to_json(), allow_nan=False))
    total = document["base_s"] + document["calibration_s"] + sum(document["topics"].values())
    assert total == pytest.approx(document["estimate_s"])
    values = {reason["name"]: reason["value"] for reason in document["reasons"]}
    assert values["amount"] is None
    assert isinstance(values["store_id"], str)


def test_what_cannot_be_explained_is_refused(trained: TrainedEstimator, X: FloatArray) -> None:
    with pytest.raises(InputError, match="expected 'median', 'mean' or 'integral'"):
        trained.estimator.explain(X, of="mode")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="shape"):
        trained.estimator.explain(X[:, 1:])
    with pytest.raises(InputError, match="no rows"):
        trained.estimator.explain(X[:0])


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_every_way_to_calibrate_is_explained(scale: Scale) -> None:
    """Groups that are calibrated apart, and seconds below zero."""
    rng = np.random.default_rng(SEED)
    n = 4_000
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n).astype(float)])
    noise = rng.normal(size=n) * np.where(X[:, 1] == 1.0, 200.0, 20.0)
    target_s = 60.0 * X[:, 0] + noise
    if scale == "log":
        target_s = np.exp(6.0 + target_s / 200.0)
    hourly_us = np.arange(n) * 3_600_000_000
    columns = Columns(["load", "city"], categories=["city"], groups=["city"])
    parameters = replace(QUICK, scale=scale)
    model = QuantileModel.fit(X, target_s, hourly_us, columns=columns, parameters=parameters)
    words = [InputColumn(name=name, topic="order") for name in columns.names]
    rows = X[:300]
    predicted = model.predict(rows)
    for of, expected in (("median", predicted.quantile(0.5)), ("mean", predicted.mean())):
        explained = explain(model, rows, words, of=of)  # type: ignore[arg-type]
        added = explained.base_s + explained.contributions_s.sum(axis=1) + explained.calibration_s
        assert np.abs(added - expected).max() < ROUNDING_S
        assert explained.importance()["load"] > 20.0

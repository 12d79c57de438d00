"""A user's own time as the baseline of an estimator: trained, explained, saved, loaded, served.

Tests `estimators.training.train`, `estimators.model.base` and `estimators.model.explanation`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry

from aggregators import Duration, MemoryEventStore
from estimators import Dataset, DatasetError, InputError, Question
from estimators.etp import Etp, train_etp
from estimators.evaluation.scores import ALL
from estimators.model.explanation import Statistic
from estimators.model.residual_model import ResidualModel
from estimators.training.matrix import FeatureMatrix, inputs_of
from estimators.training.train import (
    BASELINE_AS_FACT,
    CONSTANT_MEDIAN,
    WITHOUT_REALTIME,
    TrainedEstimator,
    evaluate,
)
from services.estimation.metrics import EstimateMetrics
from services.estimation.results import statuses_of
from services.estimation.served_model import PartModel
from tests.estimators.building import ORDERS, QUICK, town, town_dataset

SEED = 17
PLANNED = "planned_s"
SOURCE = replace(ORDERS, attributes=(*ORDERS.attributes, PLANNED))


def planned_town() -> pd.DataFrame:
    """The town; kitchens plan their orders well, but some do not say how long they plan."""
    table = town(SEED)
    rng = np.random.default_rng(SEED)
    took_s = (table["ready"] - table["accepted"]).dt.total_seconds()
    planned_s = np.where(took_s < 10_000.0, took_s, 400.0) * rng.lognormal(-0.2, 0.1, len(table))
    table[PLANNED] = np.where(rng.random(len(table)) < 0.15, np.nan, planned_s)
    return table


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    numbers = ("amount", "products", PLANNED)
    changes: dict[str, Any] = {"source": SOURCE, "numbers": numbers, "baseline": PLANNED}
    return town_dataset(planned_town(), **changes)


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainedEstimator:
    return train_etp(dataset, parameters=QUICK)


def test_the_metadata_says_which_fact_the_answer_stands_on(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    rows = dataset.table.loc[dataset.trains, PLANNED]
    assert trained.metadata["baseline"] == {
        "fact": PLANNED,
        "rows_with": int(rows.notna().sum()),
        "rows_without": int(rows.isna().sum()),
    }
    models = trained.estimator.model.models
    assert trained.metadata["trees"] == sum(one.anchors.trees for one in models)
    assert len(models) == 2
    plain = train_etp(replace(dataset, baseline=None), parameters=QUICK, baselines=False)
    assert plain.metadata["baseline"] is None
    assert not isinstance(plain.estimator.model, ResidualModel)


def test_both_models_know_the_baseline(trained: TrainedEstimator) -> None:
    assert isinstance(trained.estimator.model, ResidualModel)
    assert isinstance(trained.estimator.facts_model, ResidualModel)


def test_scores_are_those_of_whole_durations(trained: TrainedEstimator, dataset: Dataset) -> None:
    X = inputs_of(trained.estimator, dataset, dataset.tests)
    target_s = dataset.duration_s[dataset.tests]
    error_s = np.abs(trained.estimator.predict(X).quantile(0.5) - target_s)
    (own, *_) = trained.report.rows
    assert own.scores.mae_s == pytest.approx(error_s.mean(), rel=1e-9)
    known = ~np.isnan(dataset.table.loc[dataset.tests, PLANNED].to_numpy())
    assert error_s[known].mean() < 0.6 * error_s[~known].mean()
    assert evaluate(trained, dataset).rows == trained.report.rows


def test_the_report_has_the_model_that_takes_the_baseline_as_a_fact(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    rows = {row.model: row.scores for row in trained.report.rows if row.group == ALL}
    assert set(rows) == {"etp", CONSTANT_MEDIAN, WITHOUT_REALTIME, BASELINE_AS_FACT}
    plain = train_etp(replace(dataset, baseline=None), parameters=QUICK, baselines=False)
    assert rows[BASELINE_AS_FACT] == plain.report.rows[0].scores


@pytest.mark.parametrize("of", ["median", "mean"])
def test_contributions_add_up_with_and_without_the_baseline(
    of: Statistic, trained: TrainedEstimator, dataset: Dataset
) -> None:
    X = inputs_of(trained.estimator, dataset, dataset.tests)[:120]
    column = trained.estimator.feature_names.index(PLANNED)
    explained = trained.estimator.explain(X, of=of)
    added = explained.base_s + explained.contributions_s.sum(axis=1) + explained.calibration_s
    predicted = trained.estimator.predict(X)
    expected = predicted.quantile(0.5) if of == "median" else predicted.mean()
    assert np.abs(added - expected).max() < 1e-8
    known = ~np.isnan(X[:, column])
    moved = np.corrcoef(X[known, column], explained.contributions_s[known, column])[0, 1]
    assert moved > 0.9
    assert explained.importance()[PLANNED] == max(explained.importance().values())
    for some in (X[known], X[~known]):
        alone = trained.estimator.explain(some, of=of)
        assert alone.base_s == pytest.approx(explained.base_s, abs=1e-9)


def test_a_saved_estimator_answers_the_same_bits(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    X = inputs_of(trained.estimator, dataset, dataset.tests)
    again = Etp.from_json(json.loads(json.dumps(trained.estimator.to_json())))
    assert again.baseline == PLANNED
    assert again.predict(X) == trained.estimator.predict(X)
    incomplete = np.arange(len(X)) % 2 == 0
    assert again.predict(X, incomplete) == trained.estimator.predict(X, incomplete)


def test_a_wider_answer_keeps_its_median_and_is_not_bounded_by_differences(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    X = inputs_of(trained.estimator, dataset, dataset.tests)[:50]
    X[:, trained.estimator.feature_names.index(PLANNED)] = 50_000.0
    complete = trained.estimator.predict(X)
    wider = trained.estimator.predict(X, np.ones(len(X), bool))
    assert (complete.quantile(0.5) > 40_000.0).all()
    assert wider.quantile(0.5) == pytest.approx(complete.quantile(0.5), rel=1e-9)
    low, high = complete.interval(0.8)
    wide_low, wide_high = wider.interval(0.8)
    assert (wide_high - wide_low > high - low).all()


def test_columns_of_an_ablation_keep_or_lose_the_baseline(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    matrix = FeatureMatrix.compute(trained.estimator, dataset)
    with_it = matrix.fit(matrix.learned, names=matrix.facts)
    others = [name for name in matrix.names if name != PLANNED]
    without = matrix.fit(matrix.learned, names=others)
    assert isinstance(with_it.model, ResidualModel)
    assert not isinstance(without.model, ResidualModel)


def test_a_request_without_the_baseline_is_degraded_and_answered_without_it(
    trained: TrainedEstimator,
) -> None:
    served = PartModel(
        trained.estimator,
        tag="etp:test",
        metrics=EstimateMetrics("etp", CollectorRegistry()),
        event_store=MemoryEventStore(sources=trained.estimator.features.sources),
    )
    now_us = round(pd.Timestamp("2026-03-12 12:00", tz="UTC").timestamp() * 1e6)
    order = {"store_id": "s1", "city": "BCN", "amount": 30.0, "products": 4.0}
    short, long, absent = (
        served.estimate_one({**order, **planned}, None, now_us)
        for planned in ({PLANNED: 400.0}, {PLANNED: 700.0}, {})
    )
    medians = [one.distribution.quantile(0.5)[0] for one in (short, long)]
    assert medians[1] - medians[0] == pytest.approx(300.0, abs=150.0)
    assert [statuses_of(one.codes) for one in (short, absent)] == [["ok"], ["degraded"]]
    assert absent.notes[0] == [f"{PLANNED} is missing"]
    widths = [np.ptp(one.distribution.interval(0.8)) for one in (short, absent)]
    assert widths[1] > widths[0]


def test_the_baseline_belongs_to_its_question(dataset: Dataset) -> None:
    cancelled = Duration("accepted", "cancelled")
    assert dataset.about(dataset.target, as_of="accepted").baseline == PLANNED
    assert dataset.about(cancelled, as_of="accepted").baseline is None
    question = Question(
        target=dataset.target, as_of="accepted", numbers=(PLANNED,), baseline=PLANNED
    )
    asked = replace(dataset, questions=(question,)).about(cancelled, as_of="accepted")
    assert asked.about(dataset.target, as_of="accepted").baseline == PLANNED


def test_a_baseline_is_a_number_of_the_request(dataset: Dataset, trained: TrainedEstimator) -> None:
    with pytest.raises(DatasetError, match="baseline 'planned_s' is no number of the request"):
        replace(dataset, numbers=("amount",))
    one = trained.estimator
    with pytest.raises(InputError, match=r"baseline is 'other_s'; expected a number .*planned_s"):
        Etp(
            target=one.target, as_of=one.as_of, facts=one.facts, features=one.features,
            baseline="other_s",
        )  # fmt: skip

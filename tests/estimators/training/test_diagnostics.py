"""What a report shows beside the scores is what the estimator said and what then happened."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from estimators import Dataset, DatasetError
from estimators.etp import train_etp
from estimators.training.diagnostics import (
    EXAMPLES,
    PERIODS_MAX,
    Diagnostics,
    diagnose,
    inputs_in_order,
    rows_of_test_period,
)
from estimators.training.train import TrainedEstimator, inputs_of
from tests.estimators.building import QUICK, town, town_dataset

SEED = 21


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    table = town(SEED).sample(frac=1.0, random_state=SEED)  # rows are in no order of time
    return town_dataset(table)


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainedEstimator:
    return train_etp(dataset, parameters=QUICK, baselines=False)


@pytest.fixture(scope="module")
def found(trained: TrainedEstimator, dataset: Dataset) -> Diagnostics:
    return diagnose(trained.estimator, dataset)


def test_all_test_rows_are_looked_at(found: Diagnostics, trained: TrainedEstimator) -> None:
    own = trained.report.overall("etp")
    assert found.rows == found.rows_explained == own.n
    weights = [period.rows for period in found.periods]
    assert sum(weights) == own.n
    mae_s = np.average([period.mae_s for period in found.periods], weights=weights)
    assert mae_s == pytest.approx(own.mae_s)
    share = np.average([period.coverage for period in found.periods], weights=weights)
    assert share == pytest.approx(own.coverage[0.8])


def test_examples_are_rows_of_the_data_in_the_order_of_time(
    found: Diagnostics, trained: TrainedEstimator, dataset: Dataset
) -> None:
    assert len(found.examples) == EXAMPLES
    moments = [pd.Timestamp(example.as_of) for example in found.examples]
    assert moments == sorted(moments)
    ids = dataset.table["order_id"].to_numpy()
    for example in found.examples[::8]:
        rows = ids == example.sample_id
        predicted = trained.estimator.predict(inputs_of(trained.estimator, dataset, rows))
        assert example.actual_s == dataset.target_s[rows][0]
        assert example.median_s == predicted.quantile(0.5)[0]
        assert example.eight_tenths_s == tuple(side[0] for side in predicted.interval(0.8))


def test_reliability_is_by_predicted_median(found: Diagnostics) -> None:
    medians = [part.median_s for part in found.reliability]
    assert medians == sorted(medians)
    assert sum(part.rows for part in found.reliability) == found.rows
    for part in found.reliability:
        assert list(part.predicted_s) == sorted(part.predicted_s)
        assert list(part.actual_s) == sorted(part.actual_s)


def test_dependences_are_of_the_strongest_columns(found: Diagnostics) -> None:
    strongest = list(found.columns)[: len(found.dependences)]
    assert [one.name for one in found.dependences] == strongest
    for one in found.dependences:
        assert len(one.values) == len(one.contribution_s) > 1
        if isinstance(one.values[0], float):
            assert list(one.values) == sorted(one.values)


def test_many_days_are_put_together(trained: TrainedEstimator, dataset: Dataset) -> None:
    earliest = dataset.table["accepted"].min()
    spread = dataset.table.copy()
    for event in ("accepted", "ready", "cancelled"):
        spread[event] = earliest + (spread[event] - earliest) * 60
    bounds = (0.0, 1e9)
    long = replace(dataset, table=spread, test_from=earliest, label_bounds_s=bounds)
    periods = diagnose(trained.estimator, long).periods
    assert 1 < len(periods) <= PERIODS_MAX
    starts = [pd.Timestamp(period.start) for period in periods]
    assert starts == sorted(starts)
    assert sum(period.rows for period in periods) == long.tests.sum()


def test_rows_are_thinned_out_evenly(trained: TrainedEstimator, dataset: Dataset) -> None:
    every = rows_of_test_period(dataset)
    some = rows_of_test_period(dataset, 50)
    assert len(some) == 50
    assert np.all(np.diff(dataset.as_of_us[some]) > 0)
    assert some[0] == every[0]
    assert some[-1] == every[-1]
    X = inputs_in_order(trained.estimator, dataset, some)
    amount = trained.estimator.feature_names.index("amount")
    assert np.array_equal(X[:, amount], dataset.table["amount"].to_numpy()[some])


def test_without_a_test_period_there_is_nothing_to_look_at(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    never = replace(dataset, test_from=pd.Timestamp("2030-01-01", tz="UTC"))
    with pytest.raises(DatasetError, match="no labelled row"):
        diagnose(trained.estimator, never)


def test_everything_fits_into_json(found: Diagnostics) -> None:
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["topics"] == found.topics
    assert len(document["examples"]) == EXAMPLES

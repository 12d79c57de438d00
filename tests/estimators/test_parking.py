"""Parking: what addresses, couriers and zones tell, and what it must not see."""

from __future__ import annotations

import pytest

from aggregators import MemoryEventStore
from aggregators.catalog import LOCAL_EVENTS, ORDERS, WEATHER
from commands.data.sources import dataset_of_cities
from estimators import Dataset
from estimators.parking import PARKING, Parking
from estimators.registry import models as registry
from estimators.training.train import (
    CONSTANT_MEDIAN,
    WITHOUT_REALTIME,
    TrainedEstimator,
    evaluate,
    inputs_of,
    train,
)
from simulator import Scenario
from tests.estimators.building import QUICK


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    cities = dataset_of_cities(Scenario(cities=1, days=6, orders=2_400, seed=104))
    return cities.about(PARKING, as_of="courier_at_customer")


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainedEstimator:
    return train(Parking, dataset, parameters=QUICK)


def test_features_are_those_of_zone_courier_and_city() -> None:
    features = Parking.features_for(ORDERS, PARKING, (WEATHER, LOCAL_EVENTS))
    assert len(features) >= 36
    assert {one.dimension for one in features} == {"zone", "courier_id", "city"}
    assert {one.source.name for one in features} == {"orders"}
    names = [one.name for one in features]
    assert len(set(names)) == len(names)


def test_it_knows_more_than_the_constant(trained: TrainedEstimator) -> None:
    constant = trained.report.overall(CONSTANT_MEDIAN)
    own = trained.report.overall("parking")
    assert own.mae_s < 0.85 * constant.mae_s
    assert trained.report.overall(WITHOUT_REALTIME).mae_s < constant.mae_s
    assert 0.7 < own.coverage[0.8] < 0.9


def test_floors_and_buildings_take_the_time_that_they_take(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    X = inputs_of(trained.estimator, dataset, dataset.tests)
    floor = trained.estimator.feature_names.index("floor")
    X[:, floor] = 0.0
    below = trained.estimator.predict(X).mean()
    X[:, floor] = 5.0
    assert (trained.estimator.predict(X).mean() - below).mean() > 10.0


def test_a_saved_model_answers_and_scores_the_same(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    loaded = registry.load(registry.save(trained))
    assert isinstance(loaded.estimator, Parking)
    assert evaluate(loaded, dataset).rows == trained.report.rows
    store = MemoryEventStore(sources=[dataset.source])
    store.append_table(dataset.source, dataset.table)
    row = dataset.table.loc[dataset.tests].iloc[7]
    answer = loaded.estimator.estimate(
        store,
        as_of=row["courier_at_customer"].to_pydatetime(),
        facts={str(name): value for name, value in row.items()},
        sample_id=row["order_id"],
    )
    X = inputs_of(trained.estimator, dataset, dataset.tests)[7:8]
    assert answer.values.tobytes() == trained.estimator.predict(X).values.tobytes()

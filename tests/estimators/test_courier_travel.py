"""Courier travel: two legs, each a model of its own, and what it says of real couriers.

Tests `estimators.features.duration_features`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aggregators import Duration, MemoryEventStore, Source, UnknownNameError
from estimators import Dataset
from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel
from estimators.datasets import load_dataset
from estimators.registry import models as registry
from estimators.training.train import (
    CONSTANT_MEDIAN,
    WITHOUT_REALTIME,
    TrainedEstimator,
    evaluate,
    inputs_of,
    train,
)
from tests.estimators.building import QUICK, TEST_FROM, town

SEED = 6
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("courier_assigned", "courier_at_store", "picked_up", "courier_at_customer"),
    dimensions=("store_id", "courier_id", "city", "zone"),
    attributes=("distance_m",),
)


def couriers_dataset() -> Dataset:
    """The town's moods as couriers' paces: each has good and bad hours, which no fact tells."""
    table = town(SEED).rename(columns={"accepted": "picked_up", "ready": "courier_at_customer"})
    table["courier_assigned"] = table["picked_up"] - pd.Timedelta(minutes=15)
    ride = table["courier_at_customer"] - table["picked_up"]
    table["courier_at_store"] = table["courier_assigned"] + ride / 2
    table["courier_id"] = table.pop("store_id")
    table["store_id"] = "s" + (table["order_id"] % 7).astype(str)
    table["zone"] = table["city"] + " 1"
    table["distance_m"] = table["products"] * 400.0
    return Dataset(
        name="couriers",
        source=ORDERS,
        table=table,
        as_of="picked_up",
        target=TO_CUSTOMER,
        numbers=("distance_m",),
        categories=("courier_id", "store_id"),
        timezone_by="city",
        timezones={"BCN": "Europe/Madrid", "WAW": "Europe/Warsaw"},
        label_bounds_s=(10.0, 7_200.0),
        test_from=TEST_FROM,
        published={"somebody": 99.0},
        published_test_from=TEST_FROM,
    )


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return couriers_dataset()


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainedEstimator:
    return train(CourierTravel, dataset, parameters=QUICK)


@pytest.mark.parametrize("target", [TO_STORE, TO_CUSTOMER])
def test_features_are_declared_for_the_leg(target: Duration) -> None:
    features = CourierTravel.features_for(ORDERS, target)
    names = [feature.name for feature in features]
    assert len(set(names)) == len(names)
    assert {one.dimension for one in features} == {"store_id", "courier_id", "city", "zone"}
    assert all(one.unit and one.owner and one.description and one.topic for one in features)
    own = [one for one in features if "_travel_" in one.name]
    assert own
    assert all({target.start, target.end} & set(one.events) for one in own)


def test_real_time_features_beat_the_baselines(trained: TrainedEstimator) -> None:
    report = trained.report
    travel = report.overall("courier_travel")
    assert travel.mae_s < 0.9 * report.overall(WITHOUT_REALTIME).mae_s
    assert travel.mae_s < 0.9 * report.overall(CONSTANT_MEDIAN).mae_s
    assert 0.70 < travel.coverage[0.8] < 0.90
    assert report.overall("somebody").mae_s == 99.0


def test_the_other_leg_is_another_model(dataset: Dataset) -> None:
    to_store = dataset.about(TO_STORE, as_of="courier_assigned")
    assert to_store.references == {}  # what others published is about their question
    trained = train(CourierTravel, to_store, parameters=QUICK, baselines=False)
    assert trained.estimator.target == TO_STORE
    assert trained.metadata["target"] == ["courier_assigned", "courier_at_store"]
    assert dataset.about(TO_CUSTOMER, as_of="picked_up") is dataset
    with pytest.raises(UnknownNameError):
        dataset.about(TO_STORE, as_of="landed")


def test_a_model_is_scored_on_its_own_question(trained: TrainedEstimator, dataset: Dataset) -> None:
    tag = registry.save(trained, name="courier_travel_to_customer")
    loaded = registry.load(tag)
    assert type(loaded.estimator) is CourierTravel
    other = dataset.about(TO_STORE, as_of="courier_assigned")
    scored = evaluate(loaded, other).overall("courier_travel")
    assert scored == trained.report.overall("courier_travel")


def test_a_request_is_answered_as_in_training(trained: TrainedEstimator, dataset: Dataset) -> None:
    rows = np.zeros(len(dataset.table), dtype=bool)
    rows[np.flatnonzero(dataset.tests)[50:55]] = True
    expected = trained.estimator.predict(inputs_of(trained.estimator, dataset, rows))
    store = MemoryEventStore(sources=[ORDERS])
    store.append(dataset.events())
    for i, fields in enumerate(dataset.table.loc[rows].to_dict("records")):
        answer = trained.estimator.estimate(
            store,
            as_of=fields["picked_up"].to_pydatetime(),
            facts={str(name): value for name, value in fields.items()},
            sample_id=fields["order_id"],
        )
        assert answer.values.tolist() == expected.values[i : i + 1].tolist()


def test_real_couriers(data_folder: Path) -> None:
    """On an earlier split than the reference, so that this chooses nothing on the test period."""
    dataset = load_dataset("jumpman", data_folder)
    table = dataset.table[dataset.table["courier_assigned"] < dataset.test_from]
    earlier = replace(
        dataset,
        table=table.reset_index(drop=True),
        test_from=pd.Timestamp("2014-10-20", tz="UTC"),
    )
    report = train(CourierTravel, earlier, parameters=QUICK, baselines=False).report
    travel = report.overall("courier_travel")
    assert travel.mae_s < 0.7 * report.overall(CONSTANT_MEDIAN).mae_s
    assert 0.7 < travel.coverage[0.8] < 0.9

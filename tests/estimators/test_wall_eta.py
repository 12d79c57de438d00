"""The Wall ETA: two sources, no order yet, saved and loaded, and what it says of real orders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aggregators import Duration, MemoryEventStore, Source
from estimators import Dataset, seconds_between
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
from estimators.wall_eta import CATALOG_NAMES, WallEta
from tests.estimators.building import DAYS, QUICK, START, TEST_FROM, town

SEED = 5
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "delivered"),
    dimensions=("store_id", "city", "zone"),
    attributes=("products", "distance_m"),
)
WEATHER = Source(
    "weather",
    sample_id="observation_id",
    events=("observed",),
    dimensions=("city",),
    attributes=("temperature_c", "precipitation_mm", "wind_speed_m_s"),
)


def weather() -> pd.DataFrame:
    """An observation per city and hour."""
    hours = pd.date_range(START, periods=24 * DAYS, freq="h")
    table = pd.DataFrame(
        [(city, hour) for hour in hours for city in ("BCN", "WAW")], columns=["city", "observed"]
    )
    table["observation_id"] = [f"w-{i}" for i in range(len(table))]
    rng = np.random.default_rng(SEED)
    for name in WEATHER.attributes:
        table[name] = rng.uniform(0.0, 20.0, len(table)).round(1)
    return table


def app_dataset() -> Dataset:
    """The town as the app sees it: orders are placed, and delivered when they are ready."""
    table = town(SEED).rename(columns={"accepted": "activated", "ready": "delivered"})
    table["zone"] = table["city"] + " 1"
    table["distance_m"] = table["amount"] * 100.0
    return Dataset(
        name="app",
        source=ORDERS,
        table=table,
        as_of="activated",
        target=seconds_between("activated", "delivered"),
        numbers=("products", "distance_m"),
        categories=("store_id", "zone"),
        timezone_by="city",
        timezones={"BCN": "Europe/Madrid", "WAW": "Europe/Warsaw"},
        label_bounds_s=(10.0, 7_200.0),
        test_from=TEST_FROM,
        others={WEATHER: weather()},
    )


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return app_dataset()


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainedEstimator:
    return train(WallEta, dataset, parameters=QUICK)


def test_features_are_declared_for_what_the_sources_have(dataset: Dataset) -> None:
    features = WallEta.features_for(dataset.source, dataset.target, tuple(dataset.others))
    names = [feature.name for feature in features]
    assert len(set(names)) == len(names)
    assert {feature.dimension for feature in features} == {"store_id", "zone", "city"}
    assert {feature.source.name for feature in features} == {"orders", "weather"}
    assert features[0].source == dataset.source
    assert all(one.unit and one.owner and one.description and one.topic for one in features)
    only_stores = Source("orders", sample_id="id", events=ORDERS.events, dimensions=("store_id",))
    fewer = WallEta.features_for(only_stores, Duration("activated", "delivered"))
    assert {feature.dimension for feature in fewer} == {"store_id"}
    assert not [one for one in fewer if "_per_m_" in one.name]  # there is no distance
    assert {one for one in names if one in CATALOG_NAMES} >= {"city_open_orders"}


def test_real_time_features_beat_the_baselines(trained: TrainedEstimator) -> None:
    report = trained.report
    wall = report.overall("wall_eta")
    assert wall.mae_s < 0.9 * report.overall(WITHOUT_REALTIME).mae_s
    assert wall.mae_s < 0.9 * report.overall(CONSTANT_MEDIAN).mae_s
    assert 0.70 < wall.coverage[0.8] < 0.90


def test_it_is_saved_under_its_name_and_loaded_as_what_it_is(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    tag = registry.save(trained)
    assert tag.startswith("wall_eta:")
    loaded = registry.load(tag)
    assert type(loaded.estimator) is WallEta
    assert loaded.estimator.features.sources == trained.estimator.features.sources
    X = inputs_of(loaded.estimator, dataset, dataset.tests)
    assert loaded.estimator.predict(X) == trained.estimator.predict(X)
    assert evaluate(loaded, dataset).rows == trained.report.rows


def test_a_request_is_answered_from_a_store_of_both_sources(
    trained: TrainedEstimator, dataset: Dataset
) -> None:
    rows = np.zeros(len(dataset.table), dtype=bool)
    rows[np.flatnonzero(dataset.tests)[50:55]] = True
    expected = trained.estimator.predict(inputs_of(trained.estimator, dataset, rows))
    store = MemoryEventStore(sources=[ORDERS, WEATHER])
    store.append(dataset.events())
    store.append_table(WEATHER, dataset.others[WEATHER])
    asked = dataset.table.loc[rows]
    for i, fields in enumerate(asked.to_dict("records")):
        answer = trained.estimator.estimate(
            store,
            as_of=fields["activated"].to_pydatetime(),
            facts={str(name): value for name, value in fields.items()},
            sample_id=fields["order_id"],
        )
        assert answer.values.tolist() == expected.values[i : i + 1].tolist()


def test_a_store_is_asked_about_before_there_is_an_order(trained: TrainedEstimator) -> None:
    store = MemoryEventStore(sources=[ORDERS, WEATHER])
    answer = trained.estimator.estimate(
        store,
        as_of=TEST_FROM.to_pydatetime(),
        facts={"store_id": "s1", "city": "WAW"},
        sample_id=None,
    )
    assert np.isfinite(answer.values).all()


def test_what_it_was_trained_on_includes_the_weather(dataset: Dataset) -> None:
    other = app_dataset()
    assert other.fingerprint == dataset.fingerprint
    other.others[WEATHER]["temperature_c"] *= 2.0
    assert other.fingerprint != dataset.fingerprint


def test_real_deliveries(data_folder: Path) -> None:
    """On an earlier split than the reference, so that this chooses nothing on the test period."""
    dataset = load_dataset("wolt", data_folder)
    table = dataset.table[dataset.table["delivered"] < dataset.test_from]
    earlier = replace(
        dataset,
        table=table.reset_index(drop=True),
        test_from=pd.Timestamp("2020-09-05", tz="UTC"),
    )
    report = train(WallEta, earlier, parameters=QUICK).report
    wall = report.overall("wall_eta")
    assert wall.mae_s < 0.97 * report.overall(WITHOUT_REALTIME).mae_s
    assert 0.75 < wall.coverage[0.8] < 0.85

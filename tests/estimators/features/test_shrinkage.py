"""What is typical of a store with few orders: learned, computed, saved, explained."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from aggregators import Duration, MemoryEventStore
from estimators.etp import Etp, train_etp
from estimators.features.shrinkage import (
    K_MAX,
    K_MIN,
    Level,
    Shrinkage,
    ShrinkageSpec,
    learn_shrinkage,
    variances,
)
from estimators.training.ablation import groups_of
from estimators.training.matrix import inputs_of
from estimators.training.train import TrainedEstimator
from tests.estimators.building import QUICK, TEST_FROM, town, town_dataset

NAME = "store_time_to_ready_shrunk"
STORE = Level(dimension="store_id", typical="store_median", count="store_n")
CITY = Level(dimension="city", typical="city_median", count="city_n")
SPEC = ShrinkageSpec(name="shrunk", levels=(STORE, CITY))
SEED = 5


@pytest.fixture(scope="module")
def trained() -> TrainedEstimator:
    return train_etp(town_dataset(town(SEED)), parameters=QUICK, baselines=False)


def test_each_level_is_drawn_to_the_next_by_how_many_orders_speak() -> None:
    shrinkage = Shrinkage(name="shrunk", levels=(STORE, CITY), k=(4.0, 20.0), prior_s=500.0)
    rows = {
        "store_median": np.array([900.0, 900.0, np.nan, np.nan, 900.0, np.nan]),
        "store_n": np.array([4.0, 0.0, 0.0, 3.0, 4_000_000.0, np.nan]),
        "city_median": np.array([700.0, 700.0, 700.0, 700.0, np.nan, np.nan]),
        "city_n": np.array([20.0, 20.0, 20.0, 20.0, 0.0, np.nan]),
    }
    # The city is half way between its own 700 and the prior.
    expected = [(4 * 900 + 4 * 600) / 8, 600.0, 600.0, 600.0, 900.0, 500.0]
    np.testing.assert_allclose(shrinkage.column(rows), expected, rtol=1e-5)
    single = {name: values[0] for name, values in rows.items()}
    assert shrinkage.column(single).tolist() == expected[0]
    assert Shrinkage.from_json(json.loads(json.dumps(shrinkage.to_json()))) == shrinkage


def test_k_is_the_ratio_of_variances() -> None:
    rng = np.random.default_rng(1)
    city = rng.integers(0, 30, 60_000)
    store = city * 40 + rng.integers(0, 40, 60_000)
    cities, stores = rng.normal(0.0, 0.3, 30), rng.normal(0.0, 0.2, 1_200)
    seconds = np.exp(6.0 + cities[city] + stores[store] + rng.normal(0.0, 0.4, 60_000))
    learned = learn_shrinkage(SPEC, pd.DataFrame({"store_id": store, "city": city}), seconds)
    assert learned.k[0] == pytest.approx(np.pi / 2 * 0.4**2 / 0.2**2, rel=0.15)
    # Between cities, what one store's orders have in common is noise, too.
    assert learned.k[1] == pytest.approx(
        np.pi / 2 * (0.4**2 + 0.2**2) / np.var(cities, ddof=1), rel=0.15
    )
    assert learned.prior_s == np.median(seconds)


def test_groups_that_do_not_differ_are_hardly_believed() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"store_id": rng.integers(0, 10, 2_000), "city": "BCN"})
    seconds = rng.lognormal(6.0, 0.3, 2_000)
    seconds[:50] = np.nan
    learned = learn_shrinkage(SPEC, table, seconds)
    assert learned.k[0] > 50.0
    assert learned.k[1] == K_MAX
    apart = np.where(table["store_id"] < 5, 1e2, 1e6)
    assert learn_shrinkage(SPEC, table, apart).k[0] == K_MIN


def test_variances_without_groups_say_that_there_is_no_difference() -> None:
    nowhere = np.array([-1, -1, 0, 0])
    assert variances(np.arange(4.0), nowhere) == (1.0, 0.0)
    assert variances(np.empty(0), np.empty(0, dtype=np.int64)) == (1.0, 0.0)
    assert variances(np.arange(3.0), np.arange(3)) == (1.0, 0.0)


def test_a_column_is_one_of_the_estimators_inputs(trained: TrainedEstimator) -> None:
    estimator = trained.estimator
    assert estimator.feature_names[-1] == NAME
    assert trained.metadata["feature_names"][-1] == NAME
    word = estimator.input_columns[-1]
    assert (word.name, word.topic, word.dimension, word.unit) == (
        NAME,
        "time to ready",
        "store_id",
        "s",
    )
    assert [len(one.levels) for one in estimator.shrinkage] == [2]  # this town has no categories
    topics = {group.name: group.features for group in groups_of(estimator)}
    assert NAME in topics["topic: time to ready"]
    assert NAME not in estimator.facts.names
    X = inputs_of(estimator, town_dataset(town(SEED)), town_dataset(town(SEED)).tests)
    explained = estimator.explain(X[:5])
    assert NAME in [column.name for column in explained.columns]


def test_training_and_inference_agree_bit_for_bit(trained: TrainedEstimator) -> None:
    dataset = town_dataset(town(SEED))
    rows = np.zeros(len(dataset.table), dtype=bool)
    rows[np.flatnonzero(dataset.tests)[50:60]] = True
    X = inputs_of(trained.estimator, dataset, rows)
    assert np.isfinite(X[:, -1]).all()
    store = MemoryEventStore(sources=[dataset.source])
    store.append(dataset.events())
    loaded = Etp.from_json(json.loads(json.dumps(trained.estimator.to_json())))
    for i, (_, order) in enumerate(dataset.table.loc[rows].iterrows()):
        answer = loaded.estimate(
            store,
            as_of=order["accepted"].to_pydatetime(),
            facts={str(name): value for name, value in order.items()},
            sample_id=order["order_id"],
        )
        assert answer == trained.estimator.predict(X[i : i + 1])


def test_a_store_never_seen_is_as_its_city(trained: TrainedEstimator) -> None:
    dataset = town_dataset(town(SEED))
    table = dataset.table.copy()
    new = dataset.tests & (dataset.table["store_id"] == "s1").to_numpy()
    first = np.flatnonzero(new)[0]
    table.loc[first, "store_id"] = "opened today"
    row = np.arange(len(table)) == first
    X = inputs_of(trained.estimator, town_dataset(table), row)[0]
    names = trained.estimator.feature_names
    learned = trained.estimator.shrinkage[0]
    city = X[names.index("city_time_to_ready_last_500_median")]
    n = X[names.index("city_time_to_ready_last_500_count")]
    expected = (n * city + learned.k[1] * learned.prior_s) / (n + learned.k[1])
    assert X[-1] == pytest.approx(expected, rel=1e-12)


def test_what_lacks_the_features_has_no_such_column() -> None:
    dataset = town_dataset(town(SEED), test_from=TEST_FROM)
    few = train_etp(
        dataset, parameters=QUICK, baselines=False, features=["city_time_to_ready_2h_median"]
    )
    assert few.estimator.shrinkage == ()
    source = dataset.source
    assert [one.name for one in Etp.shrinks] == [NAME]
    needed = {name for level in Etp.shrinks[0].levels for name in (level.typical, level.count)}
    made = {one.name for one in Etp.features_for(source, Duration("accepted", "ready"))}
    assert {name for name in needed if not name.startswith("category")} <= made

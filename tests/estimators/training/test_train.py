"""Training from one end to the other on a small town; what it must not see, it does not see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aggregators import FeatureSet, MemoryEventStore
from estimators import DatasetError, InputError, NotFittedError
from estimators.datasets import load_dataset
from estimators.etp import Etp, train_etp
from estimators.features.facts import learn_facts
from estimators.training.train import (
    CONSTANT_MEDIAN,
    WITHOUT_REALTIME,
    TrainedEstimator,
    evaluate,
    inputs_of,
)
from tests.estimators.building import ORDERS, QUICK, START, TEST_FROM, town, town_dataset

SEED = 5


@pytest.fixture(scope="module")
def trained() -> TrainedEstimator:
    return train_etp(town_dataset(town(SEED)), parameters=QUICK)


def test_real_time_features_beat_the_baselines(trained: TrainedEstimator) -> None:
    report = trained.report
    etp = report.overall("etp")
    assert etp.mae_s < 0.85 * report.overall(WITHOUT_REALTIME).mae_s
    assert etp.crps_s < 0.85 * report.overall(WITHOUT_REALTIME).crps_s
    assert report.overall(WITHOUT_REALTIME).mae_s < report.overall(CONSTANT_MEDIAN).mae_s
    assert 0.70 < etp.coverage[0.8] < 0.90
    groups = {row.group for row in report.rows}
    assert groups == {"all", "city", "hour", "store age"}


def test_stages_are_reported_and_end_complete() -> None:
    seen: list[tuple[str, float]] = []
    dataset = town_dataset(town(SEED))
    train_etp(dataset, parameters=QUICK, progress=lambda stage, part: seen.append((stage, part)))
    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert stages == ["features", "calibrate", "fit", "baselines", "evaluate"]
    for stage in stages:
        parts = [part for name, part in seen if name == stage]
        assert parts == sorted(parts)
        assert parts[-1] == 1.0


def test_the_result_depends_on_neither_threads_nor_run(trained: TrainedEstimator) -> None:
    dataset = town_dataset(town(SEED))
    again = train_etp(dataset, parameters=QUICK, num_threads=2, baselines=False)
    X = inputs_of(trained.estimator, dataset, dataset.tests)
    assert again.estimator.predict(X) == trained.estimator.predict(X)
    other = train_etp(dataset, parameters=QUICK, seed=1, baselines=False)
    assert other.estimator.predict(X) != trained.estimator.predict(X)


def test_labels_of_the_test_period_do_not_change_the_model(trained: TrainedEstimator) -> None:
    """Nor an estimate, beyond what had happened when it was asked."""
    table = town(SEED)
    asked_at = TEST_FROM + pd.Timedelta(hours=5)
    unknown_then = table["ready"] >= asked_at
    changed = table.copy()
    changed.loc[unknown_then, "ready"] += pd.Timedelta(hours=1)
    later = train_etp(town_dataset(changed), parameters=QUICK, baselines=False)

    dataset, other = town_dataset(table), town_dataset(changed)
    early = (dataset.as_of_us < asked_at.value // 1_000) & dataset.asked
    X, X_other = (inputs_of(trained.estimator, one, early) for one in (dataset, other))
    np.testing.assert_array_equal(X, X_other)
    assert later.estimator.predict(X_other) == trained.estimator.predict(X)


def test_a_request_is_answered_as_in_training(trained: TrainedEstimator) -> None:
    dataset = town_dataset(town(SEED))
    rows = np.zeros(len(dataset.table), dtype=bool)
    rows[np.flatnonzero(dataset.tests)[100:110]] = True
    expected = trained.estimator.predict(inputs_of(trained.estimator, dataset, rows))
    store = MemoryEventStore(sources=[dataset.source])
    store.append(dataset.events())
    asked = dataset.table.loc[rows]
    for i in range(len(asked)):
        answer = trained.estimator.estimate(
            store,
            as_of=asked["accepted"].iloc[i].to_pydatetime(),
            facts={str(name): asked[name].iloc[i] for name in asked},
            sample_id=asked["order_id"].iloc[i],
        )
        assert answer.values.tolist() == expected.values[i : i + 1].tolist()


def test_a_request_about_nothing_known_is_answered(trained: TrainedEstimator) -> None:
    store = MemoryEventStore(sources=[town_dataset(town(SEED)).source])
    answer = trained.estimator.estimate(
        store, as_of=TEST_FROM.to_pydatetime(), facts={}, sample_id=None
    )
    assert np.isfinite(answer.values).all()


def test_evaluate_repeats_the_report_of_training(trained: TrainedEstimator) -> None:
    assert evaluate(trained, town_dataset(town(SEED))).rows == trained.report.rows
    elsewhere = evaluate(trained, town_dataset(town(SEED + 1)))
    models = {row.model for row in elsewhere.rows}
    assert models == {"etp", CONSTANT_MEDIAN}  # the other baseline knows only its own data


def test_inputs_ask_each_row_at_its_own_event(data_folder: Path) -> None:
    """The table of queries that training makes says what `as_of="accepted"` says."""
    dataset = load_dataset("deliveroo", data_folder)
    features = FeatureSet(Etp.features_for(dataset.source, dataset.target))
    estimator = Etp(
        target=dataset.target,
        as_of=dataset.as_of,
        facts=learn_facts(dataset.table, numbers=dataset.numbers, categories=dataset.categories),
        features=features,
    )
    rows = dataset.asked
    X = inputs_of(estimator, dataset, rows)
    by_event = features.transform(dataset.table, "training", as_of="accepted")
    np.testing.assert_array_equal(X[:, len(estimator.facts.names) :], by_event.to_numpy())


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(DatasetError, match="at least 400"):
        train_etp(town_dataset(town(SEED, rows=300)))
    dataset = town_dataset(town(SEED), test_from=START)
    with pytest.raises(DatasetError, match="0 labelled rows"):
        train_etp(dataset)


def test_a_test_period_may_be_empty_in_training_only(trained: TrainedEstimator) -> None:
    dataset = town_dataset(town(SEED), test_from=START + pd.Timedelta(days=60))
    report = train_etp(dataset, parameters=QUICK).report
    assert report.rows == ()
    assert report.period == ("", "")
    with pytest.raises(DatasetError, match="no labelled row"):
        evaluate(trained, dataset)


def test_misuse_of_an_estimator_is_said(trained: TrainedEstimator) -> None:
    fresh = Etp(
        target=trained.estimator.target,
        as_of="accepted",
        facts=trained.estimator.facts,
        features=trained.estimator.features,
    )
    n = len(fresh.feature_names)
    with pytest.raises(NotFittedError):
        fresh.predict(np.zeros((1, n)))
    with pytest.raises(InputError, match="expected \\(n_rows"):
        trained.estimator.predict(np.zeros((1, len(trained.estimator.feature_names) + 1)))
    with pytest.raises(InputError, match="not finite"):
        fresh.fit(np.zeros((500, n)), np.full(500, np.nan), np.arange(500))
    with pytest.raises(InputError, match="as many"):
        fresh.fit(np.zeros((500, n)), np.zeros(499), np.arange(500))


def test_a_fact_that_is_called_like_a_computed_input_is_refused() -> None:
    name = "store_accepted_15min"
    table = town(seed=1).rename(columns={"amount": name})
    source = replace(ORDERS, attributes=(name, "products"))
    dataset = town_dataset(table, source=source, numbers=(name, "products"))
    with pytest.raises(DatasetError, match=f"{name!r} of the data is called like"):
        train_etp(dataset, parameters=QUICK, baselines=False)

"""Which features are worth what: on a town where it is known, on rows that are later ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregators import Duration, Source
from estimators import DatasetError
from estimators.etp import Etp
from estimators.features.courier_behaviour import courier_behaviour_features
from estimators.training.ablation import FACTS, REALTIME, Ablation, ablate, groups_of
from estimators.training.matrix import FeatureMatrix
from estimators.training.train import unfitted
from tests.estimators.building import QUICK, TEST_FROM, town, town_dataset

SEED = 5
FEATURES = (
    "store_time_to_ready_last_5_median",
    "store_time_to_ready_last_20_median",
    "city_time_to_ready_30min_median",
)


@pytest.fixture(scope="module")
def matrix() -> FeatureMatrix:
    dataset = town_dataset(town(SEED))
    estimator = unfitted(Etp, dataset, features=FEATURES, parameters=QUICK)
    return FeatureMatrix.compute(estimator, dataset)


@pytest.fixture(scope="module")
def ablation(matrix: FeatureMatrix) -> Ablation:
    return ablate(matrix, splits=1)


def test_what_is_known_to_matter_is_worth_something(ablation: Ablation) -> None:
    """A store's mood is in its last orders and nowhere else; the basket is in the facts."""
    worth = {row.group.name: row for row in ablation.rows}
    assert worth[REALTIME].last.mae.low_s > 0.0
    assert worth[REALTIME].first.crps.low_s > 0.0
    assert worth[FACTS].last.mae.low_s > 0.0
    mae_s = {name: mae_s for name, (mae_s, _) in ablation.overall.items()}
    assert mae_s["all features"] < mae_s[FACTS] < mae_s["constant median"]
    saved_s = worth[REALTIME].last.mae
    assert saved_s.mean_s == pytest.approx(mae_s[FACTS] - mae_s["all features"])


def test_only_the_training_period_is_scored(ablation: Ablation, matrix: FeatureMatrix) -> None:
    assert ablation.on == "inner splits"
    assert ablation.period[1] < TEST_FROM.isoformat()
    tested = ablate(matrix, test=True, kinds=("none",))
    assert tested.on == "test period"
    assert tested.scored == len(matrix.tested)
    assert tested.period[0] >= TEST_FROM.isoformat()[:19]
    assert {row.group.kind for row in tested.rows} == {"facts", "all"}


def test_inner_splits_learn_only_from_what_had_ended(matrix: FeatureMatrix) -> None:
    splits = list(matrix.inner_splits(3))
    scored = np.concatenate([split.scored for split in splits])
    assert len(np.unique(scored)) == len(scored)
    assert 0.4 < len(scored) / len(matrix.learned) < 0.5
    for split in splits:
        starts_us = matrix.as_of_us[split.scored].min()
        assert matrix.ended_us[split.learned].max() < starts_us
        assert matrix.trains[split.scored].all()
    with pytest.raises(DatasetError, match="inner splits"):
        list(matrix.inner_splits(0))


def test_groups_cover_the_features_by_dimension_and_by_topic(matrix: FeatureMatrix) -> None:
    groups = groups_of(matrix.estimator)
    own = set(matrix.estimator.features.names)
    for kind in ("dimension", "topic"):
        members = [name for one in groups if one.kind == kind for name in one.features]
        assert set(members) == own
        assert len(members) == len(own)
    extra = groups_of(matrix.estimator, extra=matrix.estimator.features.names[:1])
    (added,) = [one for one in extra if one.kind == "extra"]
    assert not added.in_model
    assert added.features == matrix.estimator.features.names[:1]


def test_what_is_no_part_of_the_model_is_added_not_taken_away(matrix: FeatureMatrix) -> None:
    mood = matrix.estimator.features.names
    found = ablate(matrix, extra=mood[:1], splits=1, kinds=("extra",))
    (row,) = [row for row in found.rows if not row.group.in_model]
    without = set(matrix.names) - {mood[0]}
    split = next(iter(matrix.inner_splits(1)))
    fitted = matrix.fit(split.learned, names=sorted(without))
    error_s = matrix.target_s[split.scored] - fitted.predict(matrix.X[split.scored]).quantile(0.5)
    assert found.overall["all features"][0] == pytest.approx(float(np.abs(error_s).mean()))
    full = ablate(matrix, splits=1, kinds=("none",)).overall["all features"][0]
    assert row.last.mae.mean_s == pytest.approx(float(np.abs(error_s).mean()) - full)


def test_repeats_average_the_losses_of_several_seeds(matrix: FeatureMatrix) -> None:
    seed = matrix.estimator.parameters.seed
    split = next(iter(matrix.inner_splits(1)))
    each_s = []
    for k in range(2):
        parameters = replace(matrix.estimator.parameters, seed=seed + k)
        predicted = matrix.fit(split.learned, parameters=parameters).predict(matrix.X[split.scored])
        error_s = matrix.target_s[split.scored] - predicted.quantile(0.5)
        each_s.append(float(np.abs(error_s).mean()))
    assert each_s[0] != each_s[1]
    found = ablate(matrix, splits=1, repeats=2, kinds=("none",))
    assert found.overall["all features"][0] == pytest.approx(float(np.mean(each_s)))


def test_json_names_everything(ablation: Ablation) -> None:
    document = ablation.to_json()
    assert document["target"] == ["accepted", "ready"]
    assert {"group", "kind", "features", "in_model", "last", "first"} <= set(document["rows"][0])


def test_behaviour_is_of_couriers_that_are_known() -> None:
    orders = Source(
        "orders",
        sample_id="id",
        events=("activated", "courier_assigned", "picked_up", "courier_at_customer"),
        dimensions=("courier_id",),
        attributes=("distance_m",),
        known_from={"courier_id": "courier_assigned"},
    )
    leg = Duration("courier_assigned", "picked_up")
    assert courier_behaviour_features(orders, leg, as_of="activated") == []
    assert len(courier_behaviour_features(orders, leg, as_of="courier_assigned")) == 18
    nobody = Source("orders", sample_id="id", events=("a", "b"))
    assert courier_behaviour_features(nobody, Duration("a", "b"), as_of="a") == []

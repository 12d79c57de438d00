"""The ETA at any stage: what is composed, trained, saved and answered.

Tests `estimators.eta.calibration`.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from aggregators import MemoryEventStore
from aggregators.times import NEVER
from estimators import Dataset, InputError, seconds_between
from estimators.core.distribution import Distribution
from estimators.core.stages import (
    COURIER_STAGES,
    DIRECT,
    LIFE,
    OPEN_STAGES,
    pending_at,
    stage_of,
)
from estimators.eta.composition import SHOWN_PARTS, STEP_S, GaussianCopula
from estimators.eta.evaluation import COMPOSED, evaluate_eta
from estimators.eta.model import ETA_PARTS, EtaModel, StageModel, blended
from estimators.eta.moments import Moments
from estimators.eta.trained import TrainedEta
from estimators.evaluation.scores import ALL
from estimators.quantiles.calibration import GRID_LEVELS, ConformalGrid
from estimators.registry import models as registry
from estimators.training.train import CONSTANT_MEDIAN


def _parts(seed: int, n: int) -> dict[str, Distribution]:
    rng = np.random.default_rng(seed)
    found = {}
    for name in ETA_PARTS:
        values = np.sort(rng.exponential(rng.uniform(60.0, 900.0), (n, len(GRID_LEVELS))), axis=1)
        found[name] = Distribution(GRID_LEVELS, values - (200.0 if name == "conditions" else 0.0))
    return found


def _model(seed: int = 2) -> EtaModel:
    """Parts that are tied, a stretch and a blend in every stage."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(500, 1))
    outcome_levels = 1.0 / (1.0 + np.exp(-level - rng.normal(size=(500, 5))))
    anchors = np.tile([500.0, 800.0, 1500.0], (2_000, 1))
    grid = ConformalGrid.fit(anchors, 900.0 * np.exp(0.5 * rng.normal(size=2_000)))
    stage = StageModel(weight=0.75, composed=grid, blend=grid)
    return EtaModel(
        parts={},
        dependence=GaussianCopula.fit(outcome_levels),
        stages={name: stage for name in OPEN_STAGES if name != "picked_up"},
    )


@pytest.mark.parametrize("stage", OPEN_STAGES)
def test_expected_parts_sum_to_the_expected_eta_exactly(stage: str) -> None:
    estimate = _model().compose(_parts(7, 400), stage)
    shown = estimate.expected_s
    assert tuple(shown) == SHOWN_PARTS
    total_s = estimate.expected_eta_s
    assert np.abs(total_s - estimate.eta.mean()).max() <= STEP_S / 2.0
    for row in range(0, 400, 37):
        written = json.loads(json.dumps({name: shown[name][row] for name in SHOWN_PARTS}))
        assert sum(written.values()) == total_s[row]
    past = {"to_store", "wait", "to_customer"} - {*pending_at(stage)}
    past -= {"wait"} if "ready" in pending_at(stage) else set()
    for name in past:
        assert (shown[name] == 0.0).all()
    assert (np.diff(estimate.eta.values, axis=1) >= 0.0).all()
    assert (estimate.eta.values >= 0.0).all()


def test_who_waits_is_who_was_first() -> None:
    parts = _parts(8, 50)
    at_store = _model().compose(parts, "courier_at_store")
    assert (at_store.ready_on_arrival < 1.0).all()
    assert (at_store.food_wait_s == 0.0).all()
    ready = _model().compose(parts, "ready")
    assert (ready.ready_on_arrival == 1.0).all()
    assert (ready.courier_wait_s == 0.0).all()
    assert (ready.expected_s["wait"] == 0.0).all()


def test_what_is_past_is_ignored_and_what_is_pending_is_needed() -> None:
    model, parts = _model(), _parts(9, 20)
    some = {name: parts[name] for name in ("to_customer", "parking", "conditions")}
    assert model.compose(parts, "picked_up").eta == model.compose(some, "picked_up").eta
    with pytest.raises(InputError, match="ready, to_store"):
        model.compose(some, "accepted")
    with pytest.raises(InputError, match="stage 'eaten'"):
        model.compose(some, "eaten")
    assert model.needed("picked_up") == ("to_customer", "parking", "conditions")
    assert model.needed("both_at_store")[-1] == DIRECT
    assert model.needed("delivered") == ()


def test_of_conditions_the_mean_counts_and_none_is_none() -> None:
    model, parts = EtaModel(parts={}), _parts(10, 30)
    mean_s = parts["conditions"].mean()
    without = model.compose({k: v for k, v in parts.items() if k != "conditions"}, "picked_up")
    added_s = model.compose(parts, "picked_up").expected_eta_s - without.expected_eta_s
    # Not less than nothing is handed over: the sum is not always moved by all of it.
    assert (np.abs(added_s - mean_s) <= 2.0 * STEP_S)[mean_s >= 0.0].all()
    assert (mean_s >= 0.0).any()


@pytest.mark.parametrize("stage", OPEN_STAGES)
def test_calibrated_means_of_parts_are_not_added(stage: str) -> None:
    """A sum holds for integrals: what a part says of its own mean must not break it."""
    model, parts = _model(), _parts(11, 30)
    own = {
        name: Distribution(one.levels, one.values, one.integral() * 1.7)
        for name, one in parts.items()
    }
    plain, with_means = model.compose(parts, stage), model.compose(own, stage)
    assert with_means.eta == plain.eta
    for name in SHOWN_PARTS:
        np.testing.assert_array_equal(with_means.expected_s[name], plain.expected_s[name])


def test_a_longer_part_makes_no_shorter_eta() -> None:
    model, parts = _model(), _parts(11, 200)
    for name in ("to_store", "ready", "to_customer", "parking"):
        longer = Distribution(GRID_LEVELS, parts[name].values * 1.5 + 30.0)
        before = model.compose(parts, "accepted").expected_eta_s
        after = model.compose({**parts, name: longer}, "accepted").expected_eta_s
        assert (after >= before - 1.0).all(), name
        assert after.mean() > before.mean() + 5.0


def test_rows_are_answered_alike_alone_and_among_others() -> None:
    model, parts = _model(), _parts(12, 40)
    together = model.compose(parts, "accepted")
    alone = model.compose({name: one[7:8] for name, one in parts.items()}, "accepted")
    assert alone.eta == together.eta[7:8]
    for name in SHOWN_PARTS:
        assert alone.expected_s[name][0] == together.expected_s[name][7]


def test_a_blend_needs_as_many_rows() -> None:
    one, two = _parts(13, 3)["ready"], _parts(13, 4)["ready"]
    with pytest.raises(InputError, match="3 composed rows and 4 direct ones"):
        blended(one, two, 0.5)


def test_a_small_training_beats_the_constant(trained_eta: TrainedEta) -> None:
    report = trained_eta.report
    constant = report.overall(CONSTANT_MEDIAN)
    for name in ("eta", COMPOSED):
        assert report.overall(name).crps_s < 0.75 * constant.crps_s
        assert report.overall(name).mae_s < 0.75 * constant.mae_s
        assert 0.7 < report.overall(name).coverage[0.8] < 0.9
    assert {row.value for row in report.rows if row.group == "stage"} == {*OPEN_STAGES}
    assert {row.group for row in report.rows} == {ALL, "stage"}
    for part in trained_eta.parts.values():
        own = part.report.overall(part.estimator.name)
        assert own.crps_s < part.report.overall(CONSTANT_MEDIAN).crps_s


def test_once_there_is_a_courier_parts_tell_more_than_the_whole(trained_eta: TrainedEta) -> None:
    scores = {
        (row.value, row.model): row.scores
        for row in trained_eta.report.rows
        if row.group == "stage"
    }
    for stage in COURIER_STAGES:
        composed, direct = scores[stage, COMPOSED], scores[stage, DIRECT]
        assert composed.crps_s < 0.95 * direct.crps_s, stage
        assert composed.mae_s < 0.95 * direct.mae_s, stage


def test_what_was_saved_is_loaded_bit_for_bit(
    trained_eta: TrainedEta, saved_eta: str, eta_dataset: Dataset
) -> None:
    loaded = registry.load_eta(saved_eta)
    assert set(loaded.parts) == set(ETA_PARTS)
    assert loaded.to_json() == trained_eta.model.with_tags(loaded.tags).to_json()
    moments = Moments.draw(eta_dataset, seed=1)[np.arange(40)]
    for name, part in trained_eta.model.parts.items():
        X = moments.inputs(part)
        assert loaded.parts[name].predict(X) == part.predict(X)


def test_some_parts_can_be_left_to_others(saved_eta: str) -> None:
    assert set(registry.load_eta(saved_eta, parts=("ready", DIRECT)).parts) == {"ready", DIRECT}
    assert not registry.load_eta(saved_eta, parts=()).parts


def test_a_part_is_an_estimator_of_its_own(saved_eta: str, trained_eta: TrainedEta) -> None:
    tags = registry.load_eta(saved_eta, parts=()).tags
    part = registry.load(tags["ready"], estimator="eta_ready")
    assert part.report.to_json() == trained_eta.parts["ready"].report.to_json()
    assert registry.read(saved_eta).parts == tags


def test_a_saved_eta_scores_the_same_again(
    trained_eta: TrainedEta, saved_eta: str, eta_dataset: Dataset
) -> None:
    again = evaluate_eta(registry.load_eta(saved_eta), eta_dataset, trained_eta.metadata)
    assert again.to_json() == trained_eta.report.to_json()


def test_one_order_is_answered_at_each_stage_of_its_life(
    trained_eta: TrainedEta, eta_dataset: Dataset
) -> None:
    """The composed answer of a store of events is that of the training table."""
    source = eta_dataset.source
    store = MemoryEventStore(sources=[source, *eta_dataset.others])
    store.append(eta_dataset.events())
    for other, table in eta_dataset.others.items():
        beside = replace(
            eta_dataset,
            source=other,
            table=table,
            others={},
            as_of=other.events[0],
            target=seconds_between(other.events[0], other.events[-1]),
            numbers=(),
            categories=(),
            timezone_by="",
            questions=(),
        )
        store.append(beside.events())
    moments = Moments.draw(eta_dataset, seed=2, per_order=10.0)
    model = trained_eta.model
    order = int(moments.rows[len(moments) // 2])
    own = moments[moments.rows == order]
    facts = {str(k): v for k, v in eta_dataset.table.iloc[order].items() if k not in source.events}
    sample_id = str(facts.pop(source.sample_id))
    happened_us = {event: int(own.event_us[event][0]) for event in LIFE}
    assert NEVER not in happened_us.values()
    for row, as_of_us in enumerate(own.as_of_us.tolist()):
        known = {
            str(name): None if value != value else value
            for name, value in own[np.array([row])].columns(tuple(facts)).iloc[0].items()
        }
        estimate = model.estimate(
            store, as_of=as_of_us, facts=known, sample_id=sample_id, happened_us=happened_us
        )
        past = [event for event, time_us in happened_us.items() if time_us < as_of_us]
        assert estimate.stage == stage_of(past) == own.stage[row]
        one = own[np.array([row])]
        answers = {
            name: model.parts[name].predict(one.inputs(model.parts[name]))
            for name in model.needed(estimate.stage)
        }
        assert estimate.eta == model.compose(answers, estimate.stage).eta

"""The ETA at any stage: what is trained, saved and answered."""

from __future__ import annotations

from estimators import registry
from estimators.eta import ETA_PARTS
from estimators.evaluation import ALL
from estimators.trained_eta import TrainedEta
from estimators.training import CONSTANT_MEDIAN


def test_a_small_training_beats_the_constant(trained_eta: TrainedEta) -> None:
    report = trained_eta.report
    assert report.overall("eta").crps_s < 0.75 * report.overall(CONSTANT_MEDIAN).crps_s
    assert report.overall("eta").mae_s < 0.75 * report.overall(CONSTANT_MEDIAN).mae_s
    assert 0.7 < report.overall("eta").coverage[0.8] < 0.9
    assert {row.group for row in report.rows} == {ALL, "stage"}


def test_what_was_saved_is_loaded(trained_eta: TrainedEta, saved_eta: str) -> None:
    loaded = registry.load_eta(saved_eta)
    assert set(loaded.parts) == set(ETA_PARTS)
    assert loaded.to_json() == trained_eta.model.with_tags(loaded.tags).to_json()

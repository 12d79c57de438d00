"""From a tag to a model: one look-up, whatever is saved meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from estimators.eta.model import ETA_PARTS
from estimators.eta.trained import TrainedEta
from estimators.registry import model_store
from estimators.registry import models as registry
from services.composition.loading import EtaLoader
from services.core.settings.parts import PartSettings
from services.estimation.loading import ServedPart, load_part
from services.estimation.metrics import EstimateMetrics


def test_a_model_that_is_saved_meanwhile_does_not_mix_with_the_one_that_is_loaded(
    trained_eta: TrainedEta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else saves another model of the name after every single look-up."""
    first, other = trained_eta.parts["ready"], trained_eta.parts["parking"]
    assert first.reference != other.reference
    name = "part_saved_meanwhile"
    tag = registry.save(first, name=name)
    find = model_store.find

    def finds(asked: str) -> object:
        found = find(asked)
        if asked.startswith(name):
            registry.save(other, name=name)
        return found

    monkeypatch.setattr(model_store, "find", finds)
    metrics = EstimateMetrics("etp", CollectorRegistry())
    part = load_part(f"{name}:latest", ServedPart("eta_ready"), metrics=metrics)
    assert part.info.tag == tag
    assert part.features.fingerprint == first.estimator.features.fingerprint


def test_an_eta_that_is_saved_meanwhile_does_not_mix_with_the_one_that_is_loaded(
    trained_eta: TrainedEta, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "eta_saved_meanwhile"
    tag = registry.save_eta(trained_eta, name=name)
    tags = registry.load_eta(tag, parts=()).tags
    find = model_store.find
    saved = 0

    def finds(asked: str) -> object:
        nonlocal saved
        found = find(asked)
        if asked == f"{name}:latest":
            saved += 1
            registry.save_eta(replace(trained_eta), name=name)
        return found

    monkeypatch.setattr(model_store, "find", finds)
    loader = EtaLoader(PartSettings())
    loader.load(f"{name}:latest")
    assert saved == 1, "one look-up of what may change"
    assert loader.tag == tag
    assert loader.model.tags == tags
    assert set(loader.model.parts) == set(ETA_PARTS)

"""The ETA's model is loaded with the parts that can be had; the others are tried again."""

from __future__ import annotations

import pytest

from estimators.core.errors import RegistryError
from estimators.eta.model import ETA_PARTS
from estimators.eta.trained import TrainedEta
from estimators.registry import models as registry
from services.composition.loading import EtaLoader
from services.core.settings.parts import PartSettings


def test_all_parts_are_loaded_once(saved_eta: str) -> None:
    loader = EtaLoader(PartSettings())
    assert loader.load(saved_eta)
    assert set(loader.model.parts) == set(ETA_PARTS)
    assert (loader.missing, loader.tag) == ({}, saved_eta)
    assert not loader.load(saved_eta), "nothing is new"


def test_parts_of_other_services_are_not_needed(saved_eta: str) -> None:
    loader = EtaLoader(PartSettings(etp_url="http://etp:3000", wall_eta_url="http://wall:3000"))
    loader.load(saved_eta)
    assert set(loader.model.parts) == {"to_store", "to_customer", "parking", "conditions"}
    assert loader.missing == {}


def test_a_missing_part_is_tried_again(
    trained_eta: TrainedEta, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = registry.save_eta(trained_eta, name="eta_of_this_test")
    lost = registry.load_eta(tag, parts=()).tags["parking"]
    load = registry.load

    def without_parking(tag: str) -> object:
        if tag == lost:
            raise RegistryError(f"there is no {tag}")
        return load(tag)

    loader = EtaLoader(PartSettings())
    with monkeypatch.context() as patch:
        patch.setattr(registry, "load", without_parking)
        assert loader.load(tag)
        assert list(loader.missing) == ["parking"]
        assert "parking" not in loader.model.parts
        assert not loader.load(tag)
    assert loader.load(tag)
    assert not loader.missing
    assert set(loader.model.parts) == set(ETA_PARTS)


def test_without_a_composition_there_is_nothing() -> None:
    with pytest.raises(RegistryError, match="no_such"):
        EtaLoader(PartSettings()).load("no_such:latest")


def test_without_any_part_there_is_nothing(saved_eta: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(tag: str) -> object:
        raise RegistryError(f"there is no {tag}")

    monkeypatch.setattr(registry, "load", nothing)
    with pytest.raises(RegistryError, match="there is no eta_"):
        EtaLoader(PartSettings()).load(saved_eta)

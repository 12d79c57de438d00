"""A tiny ETA that is trained once per test session, however many processes run the tests.

The fixtures are known everywhere (see conftest.py at the root): `eta_dataset`, `trained_eta`, and
`saved_eta`, which saves it in this process's model store and gives the tag.
"""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# What is heavy is imported where it is needed: this file is read before every test run.
if TYPE_CHECKING:
    from estimators import Dataset
    from estimators.eta.trained import TrainedEta
    from estimators.quantiles.boosting import BoostingParameters
    from simulator import Scenario

PER_ORDER = 2.5


def tiny_scenario() -> Scenario:
    """Two cities whose orders teach a model in seconds."""
    from simulator import Scenario

    return Scenario(cities=2, days=8, orders=3_000, seed=107)


def tiny_parameters() -> dict[str, BoostingParameters]:
    """Few trees for every part."""
    from dataclasses import replace

    from estimators.eta.parts import PART_SPECS

    return {
        name: replace(
            spec.estimator_class.default_parameters,
            median_trees=40,
            outer_trees=15,
            learning_rate=0.15,
            leaves=7,
        )
        for name, spec in PART_SPECS.items()
    }


@pytest.fixture(scope="session")
def eta_dataset() -> Dataset:
    """The orders that the tiny ETA has learned from."""
    from commands.data.sources import dataset_of_cities

    return dataset_of_cities(tiny_scenario())


@pytest.fixture(scope="session")
def trained_eta(tmp_path_factory: pytest.TempPathFactory, eta_dataset: Dataset) -> TrainedEta:
    """The tiny ETA: whichever process comes first trains it, the others read what it wrote."""
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):
        shared = shared.parent  # that of all workers
    path = shared / "trained_eta.json"
    with (shared / "trained_eta.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            _write(path, eta_dataset)
    return _read(path)


@pytest.fixture(scope="session")
def saved_eta(trained_eta: TrainedEta) -> str:
    """The tag of the tiny ETA in the model store of this process."""
    from estimators.registry import models as registry

    return registry.save_eta(trained_eta)


def _write(path: Path, dataset: Dataset) -> None:
    from estimators.eta.training import train_eta

    trained = train_eta(dataset, per_order=PER_ORDER, parameters=tiny_parameters(), baselines=False)
    document: dict[str, Any] = {
        "model": trained.model.to_json(),
        "report": trained.report.to_json(),
        "metadata": dict(trained.metadata),
        "parts": {
            name: {
                "estimator": one.estimator.to_json(),
                "report": one.report.to_json(),
                "metadata": dict(one.metadata),
                "reference": None if one.reference is None else one.reference.to_json(),
                "fallback": None if one.fallback is None else one.fallback.to_json(),
            }
            for name, one in trained.parts.items()
        },
    }
    path.write_text(json.dumps(document), encoding="utf-8")


def _read(path: Path) -> TrainedEta:
    from estimators.eta.model import EtaModel
    from estimators.eta.trained import TrainedEta
    from estimators.evaluation.report import Report
    from estimators.fallback.model import Fallback
    from estimators.monitoring import Reference
    from estimators.registry import models as registry
    from estimators.training.train import TrainedEstimator

    document = json.loads(path.read_text(encoding="utf-8"))
    parts = {
        name: TrainedEstimator(
            estimator=registry.ESTIMATORS[one["estimator"]["estimator"]].from_json(
                one["estimator"]
            ),
            report=Report.from_json(one["report"]),
            metadata=one["metadata"],
            reference=None if one["reference"] is None else Reference.from_json(one["reference"]),
            fallback=None if one["fallback"] is None else Fallback.from_json(one["fallback"]),
        )
        for name, one in document["parts"].items()
    }
    return TrainedEta(
        model=EtaModel.from_json(
            document["model"], {name: one.estimator for name, one in parts.items()}
        ),
        parts=parts,
        report=Report.from_json(document["report"]),
        metadata=document["metadata"],
    )

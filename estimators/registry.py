"""Save and load trained estimators in the BentoML model store (the only user of bentoml here).

A saved model holds three files that any JSON reader opens: ``estimator.json`` (facts, source,
feature definitions, trees, calibration), ``report.json`` and ``metadata.json``. No pickle.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException

from estimators.base import Estimator
from estimators.courier_travel import CourierTravel
from estimators.errors import DefinitionMismatchError, EstimatorError, RegistryError
from estimators.etp import Etp
from estimators.evaluation import ALL, Report
from estimators.training import TrainedEstimator
from estimators.wall_eta import WallEta

__all__ = ["ESTIMATORS", "describe", "load", "save"]

ESTIMATORS: dict[str, type[Estimator]] = {one.name: one for one in (Etp, CourierTravel, WallEta)}
"""The estimators that can be loaded, by name."""

FORMAT = 1
"""Changes when the files of a saved model do."""

_ESTIMATOR_FILE = "estimator.json"
_REPORT_FILE = "report.json"
_METADATA_FILE = "metadata.json"


def save(trained: TrainedEstimator, *, name: str | None = None) -> str:
    """Save a trained estimator to the model store; gives its tag, ``"etp:<version>"``.

    Without a name the model has that of its estimator.

    The model carries feature names and definitions with their fingerprint, the versions of
    aggregators and catalog, training period, data fingerprint and metrics.

    Raises:
        RegistryError: the store does not take it.
    """
    estimator = trained.estimator
    name = name or estimator.name
    documents = {
        _ESTIMATOR_FILE: {"format": FORMAT, **estimator.to_json()},
        _REPORT_FILE: trained.report.to_json(),
        _METADATA_FILE: dict(trained.metadata),
    }
    labels = {"project": "doorstep", "estimator": estimator.name}
    metadata = {**_without_none(trained.metadata), "metrics": _metrics(trained.report)}
    try:
        with bentoml.models.create(name, labels=labels, metadata=metadata) as model:
            for file, document in documents.items():
                path = Path(model.path_of(file))
                path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    except BentoMLException as error:
        raise RegistryError(f"cannot save {name!r}: {error}") from error
    return str(model.tag)


def load(tag: str = "etp:latest", *, estimator: str | None = None) -> TrainedEstimator:
    """Load a saved estimator.

    Args:
        tag: of the model in the model store.
        estimator: the name of the estimator that it must be; None for any.

    Raises:
        RegistryError: there is no such model, or it is none of this project's, or is another
            estimator.
        DefinitionMismatchError: the installed code defines one of its features differently; the
            message spells the difference out.
    """
    model = _get(tag, estimator)
    try:
        document = _read(model, _ESTIMATOR_FILE)
        if document["format"] != FORMAT:
            raise RegistryError(
                f"{model.tag} has format {document['format']}; this version reads {FORMAT}"
            )
        kind = document["estimator"]
        if kind not in ESTIMATORS:
            raise RegistryError(f"{model.tag} is a {kind!r}; known are {', '.join(ESTIMATORS)}")
        return TrainedEstimator(
            estimator=ESTIMATORS[kind].from_json(document),
            report=Report.from_json(_read(model, _REPORT_FILE)),
            metadata=_read(model, _METADATA_FILE),
        )
    except DefinitionMismatchError as error:
        raise DefinitionMismatchError(f"{model.tag}: {error}") from None
    except EstimatorError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RegistryError(
            f"{model.tag} cannot be read as an estimator ({type(error).__name__}: {error})"
        ) from error


def describe(tag: str = "etp:latest", *, estimator: str | None = None) -> dict[str, Any]:
    """Return the metadata of a saved model with its full ``tag``, without loading the model.

    Raises:
        RegistryError: there is no such model, or it is another estimator than the one named.
    """
    model = _get(tag, estimator)
    created = model.info.creation_time.isoformat(timespec="seconds")
    return {"tag": str(model.tag), "created": created, **dict(model.info.metadata)}


def _get(tag: str, estimator: str | None) -> bentoml.Model:
    try:
        model = bentoml.models.get(tag)
    except (BentoMLException, ValueError) as error:
        name = tag.partition(":")[0]
        own = sorted(str(m.tag) for m in bentoml.models.list() if m.tag.name == name)
        there = f"there are: {', '.join(own)}" if own else f"no model {name!r} was saved yet"
        raise RegistryError(f"no model {tag!r} in the model store; {there}") from error
    kind = model.info.labels.get("estimator")
    if estimator is not None and kind != estimator:
        raise RegistryError(f"{model.tag} is a {kind!r} model; expected one of {estimator!r}")
    return model


def _read(model: bentoml.Model, file: str) -> dict[str, Any]:
    document = json.loads(Path(model.path_of(file)).read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError(f"{file} holds a {type(document).__name__}; expected an object")
    return document


def _metrics(report: Report) -> dict[str, Any]:
    """The overall scores of every model of the report, by its name."""
    return {
        row.model: _without_none(row.scores.to_json()) for row in report.rows if row.group == ALL
    }


def _without_none(document: Any) -> dict[str, Any]:
    """BentoML's metadata holds no missing values."""
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in dict(document).items()
        if value is not None and not (isinstance(value, list) and None in value)
    }

"""Save and load trained estimators in the BentoML model store.

A saved model holds files that any JSON reader opens: ``estimator.json`` (facts, sources, feature
definitions, trees, calibration), ``report.json`` (scores, by slice, too), ``metadata.json`` (data,
periods, versions, fingerprints), ``reference.json`` (what inputs, labels and answers looked like),
``fallback.json`` (the answers where the model cannot be asked) and ``checksums.json``, by
which a damaged file is recognised. No pickle.

``:latest`` may be another model a moment later. A caller that needs several things of a model calls
:func:`resolve` for its full tag first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bentoml

from estimators.conditions import Conditions
from estimators.core.errors import DefinitionMismatchError, RegistryError
from estimators.courier_travel import CourierTravel
from estimators.eta.model import ETA_PARTS, EtaModel
from estimators.eta.parts import PART_CLASSES
from estimators.eta.trained import TrainedEta
from estimators.etp import Etp
from estimators.evaluation.report import Report
from estimators.fallback.model import Fallback
from estimators.model.base import Estimator
from estimators.monitoring.reference import Reference
from estimators.parking import Parking
from estimators.registry import model_store
from estimators.registry.feature_versions import mismatch_in_words
from estimators.registry.model_files import ModelFiles
from estimators.registry.model_metadata import store_metadata
from estimators.registry.model_store import BrokenModel
from estimators.registry.saved_model import LoadedFallback, SavedModel
from estimators.training.trained import TrainedEstimator
from estimators.wall_eta import WallEta

__all__ = [
    "ESTIMATORS",
    "ETA",
    "BrokenModel",
    "LoadedFallback",
    "SavedModel",
    "broken_models",
    "describe",
    "list_models",
    "load",
    "load_eta",
    "load_fallback",
    "load_reference",
    "read",
    "resolve",
    "save",
    "save_eta",
]

_WHOLE: tuple[type[Estimator], ...] = (Etp, CourierTravel, Parking, Conditions, WallEta)
ESTIMATORS: dict[str, type[Estimator]] = {one.name: one for one in (*_WHOLE, *PART_CLASSES)}
"""The estimators that can be loaded, by name."""

FORMAT = 2
"""Changes when the files of a saved model do."""

FORMATS_READ = (1, 2)
"""Formats that can be loaded; the first had no reference.json."""

ETA = "eta"
"""The name of the model of a composed ETA; its parts are separate models."""

_ESTIMATOR_FILE = "estimator.json"
_ETA_FILE = "eta.json"
_REPORT_FILE = "report.json"
_METADATA_FILE = "metadata.json"
_REFERENCE_FILE = "reference.json"
_FALLBACK_FILE = "fallback.json"
_LABELS = {"project": "doorstep"}


def save(trained: TrainedEstimator, *, name: str | None = None) -> str:
    """Save a trained estimator to the model store; gives its tag, ``"etp:<version>"``.

    Without a name the model has that of its estimator.

    The model carries feature names and definitions with their fingerprint, the versions of
    aggregators and catalog, training period, data fingerprint, metrics by slice, its calibration
    and reference statistics.

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
    if trained.reference is not None:
        documents[_REFERENCE_FILE] = trained.reference.to_json()
    if trained.fallback is not None:
        documents[_FALLBACK_FILE] = trained.fallback.to_json()
    metadata = store_metadata(trained.metadata, trained.report)
    return _create(name, estimator.name, documents, metadata)


def _create(
    name: str, kind: str, documents: Mapping[str, Mapping[str, Any]], metadata: Mapping[str, Any]
) -> str:
    """Write a model to the store and return its tag."""
    labels = {**_LABELS, "estimator": kind}
    return model_store.create(name, labels=labels, metadata=metadata, documents=documents)


def resolve(tag: str, *, estimator: str | None = None) -> str:
    """Return the full tag of a model, to which ``:latest`` points now.

    ``:latest`` skips a version whose folder is broken.

    Raises:
        RegistryError: there is no such model, or it is another estimator than the one named.
    """
    return str(_get(tag, estimator).tag)


def load(tag: str = "etp:latest", *, estimator: str | None = None) -> TrainedEstimator:
    """Load a saved estimator.

    Args:
        tag: of the model in the model store.
        estimator: the name of the estimator that it must be; None for any.

    Raises:
        RegistryError: there is no such model, or it is none of this project's, or is another
            estimator.
        DefinitionMismatchError: the installed code defines one of its features differently; the
            message has the difference or, after a new major version of ``aggregators``, both
            versions and the command that trains it again.
    """
    model = _get(tag, estimator)
    with _reading(str(model.tag)):
        files = _files(model)
        _refuse_composed(model, files)
        metadata = files.read(_METADATA_FILE)
        document = _estimator_document(files, str(model.tag))
        kind = document["estimator"]
        if kind not in ESTIMATORS:
            raise RegistryError(f"{model.tag} is a {kind!r}; known are {', '.join(ESTIMATORS)}")
        try:
            loaded = ESTIMATORS[kind].from_json(document)
        except DefinitionMismatchError as error:
            problem = mismatch_in_words(str(model.tag), metadata, error)
            raise DefinitionMismatchError(problem) from None
        return TrainedEstimator(
            estimator=loaded,
            report=Report.from_json(files.read(_REPORT_FILE)),
            metadata=metadata,
            reference=_reference(files),
            fallback=_saved_fallback(files),
        )


def save_eta(trained: TrainedEta, *, name: str = ETA) -> str:
    """Save an ETA: each part as a model of its own, and their composition.

    Gives the tag of the latter, ``"eta:<version>"``; it names the tags of its parts.

    Args:
        trained: the ETA.
        name: of its model; its parts are called ``eta_ready`` and so on.

    Raises:
        RegistryError: the store does not take it.
    """
    tags = {part: save(one, name=f"{name}_{part}") for part, one in trained.parts.items()}
    documents = {
        _ETA_FILE: {"format": FORMAT, "estimator": ETA, **trained.model.with_tags(tags).to_json()},
        _REPORT_FILE: trained.report.to_json(),
        _METADATA_FILE: dict(trained.metadata),
    }
    metadata = store_metadata(trained.metadata, trained.report)
    return _create(name, ETA, documents, metadata)


def load_eta(tag: str = "eta:latest", *, parts: Collection[str] = ETA_PARTS) -> EtaModel:
    """Load a saved ETA with those of its parts that this process shall answer itself.

    Args:
        tag: of the ETA in the model store.
        parts: names of the parts to load, of ``ETA_PARTS``.

    Raises:
        RegistryError: there is no such model, or it is something else; also of a part.
        DefinitionMismatchError: as for :func:`load`.
    """
    model = _get(tag, ETA)
    with _reading(str(model.tag)):
        document = _estimator_document(_files(model), str(model.tag), _ETA_FILE)
        loaded = {
            part: load(one).estimator for part, one in document["tags"].items() if part in parts
        }
        return EtaModel.from_json(document, loaded)


def read(tag: str = "etp:latest", *, estimator: str | None = None) -> SavedModel:
    """Return the content of a saved model, without building the model.

    A model whose features are not those of the installed code can be read, too.

    Raises:
        RegistryError: as for :func:`load`.
    """
    model = _get(tag, estimator)
    composed = model.info.labels.get("estimator") == ETA
    with _reading(str(model.tag)):
        files = _files(model)
        own = _ETA_FILE if composed else _ESTIMATOR_FILE
        document = _estimator_document(files, str(model.tag), own)
        return SavedModel(
            tag=str(model.tag),
            created=_created(model),
            size_bytes=sum(file.stat().st_size for file in Path(model.path).iterdir()),
            estimator=document["estimator"],
            # The model of a composed ETA has no trees of its own; its parts have.
            parameters=document.get("parameters", {}),
            calibration=document["stages"] if composed else document["model"]["grid"],
            features=document.get("features", ()),
            # Models that were saved before there was shrinkage have none.
            shrinkage=document.get("shrinkage", ()),
            report=Report.from_json(files.read(_REPORT_FILE)),
            metadata=files.read(_METADATA_FILE),
            reference=_reference(files),
            parts=document.get("tags", {}),
        )


def load_fallback(tag: str = "etp:latest") -> LoadedFallback:
    """Load the fallback of a model, even if the model itself cannot be loaded.

    A model that was saved without a fallback answers with its constant: the quantiles of its
    training data. If there is no such model, or nothing of it can be read, the newest other version
    is used.

    Args:
        tag: of the model that cannot be asked.

    Raises:
        RegistryError: no version of that name has a fallback; the message has the reason.
    """
    reasons: dict[str, str] = {}
    for full, folder in model_store.folders_of(tag):
        if full in reasons:
            continue
        try:
            with _reading(full):
                files = ModelFiles(folder, full)
                fallback = _saved_fallback(files)
                if fallback is None:
                    fallback = Fallback.constant(files.read(_METADATA_FILE)["constant_s"])
                return LoadedFallback(fallback, full)
        except RegistryError as error:
            reasons[full] = str(error)
    raise RegistryError(
        f"no fallback for {tag!r}: {'; '.join(reasons.values()) or 'no such model'}"
    )


def load_reference(tag: str) -> Reference | None:
    """Load the statistics of a model's training, without the model.

    None: it was saved before there were such statistics.

    Raises:
        RegistryError: there is no such model, or that cannot be read.
    """
    model = _get(tag, None)
    with _reading(str(model.tag)):
        return _reference(_files(model))


def list_models() -> list[dict[str, Any]]:
    """Return the description of every saved model of this project, the newest first.

    Broken folders are left out; :func:`broken_models` names them.
    """
    whole, _ = model_store.all_models()
    return [
        _described(model)
        for model in whole
        if model.info.labels.get("project") == _LABELS["project"]
    ]


def broken_models() -> list[BrokenModel]:
    """Return the broken folders of the model store, with the reasons."""
    return model_store.all_models()[1]


def describe(tag: str = "etp:latest", *, estimator: str | None = None) -> dict[str, Any]:
    """Return the metadata of a saved model with its full ``tag``, without loading the model.

    Raises:
        RegistryError: there is no such model, or it is another estimator than the one named.
    """
    return _described(_get(tag, estimator))


def _described(model: bentoml.Model) -> dict[str, Any]:
    return {"tag": str(model.tag), "created": _created(model), **dict(model.info.metadata)}


def _created(model: bentoml.Model) -> str:
    return model.info.creation_time.isoformat(timespec="seconds")


def _get(tag: str, estimator: str | None) -> bentoml.Model:
    model = model_store.find(tag)
    kind = model.info.labels.get("estimator")
    if estimator is not None and kind != estimator:
        raise RegistryError(f"{model.tag} is a {kind!r} model; expected one of {estimator!r}")
    return model


def _files(model: bentoml.Model) -> ModelFiles:
    return ModelFiles(Path(model.path), str(model.tag))


def _refuse_composed(model: bentoml.Model, files: ModelFiles) -> None:
    """Raise an error for an ETA, which is a composition and not an estimator."""
    if model.info.labels.get("estimator") == ETA:
        parts = ", ".join(_estimator_document(files, str(model.tag), _ETA_FILE)["tags"].values())
        raise RegistryError(
            f"{model.tag} is an ETA, composed of {parts}; expected a model of one estimator"
        )


@contextmanager
def _reading(tag: str) -> Iterator[None]:
    """Turn any error of a damaged file into one that names the model."""
    try:
        yield
    except RegistryError as error:
        if tag in str(error):
            raise
        raise type(error)(f"{tag} cannot be read: {error}") from error
    except Exception as error:  # a file may be damaged in ways that nobody has thought of
        raise RegistryError(
            f"{tag} cannot be read as an estimator ({type(error).__name__}: {error})"
        ) from error


def _estimator_document(files: ModelFiles, tag: str, file: str = _ESTIMATOR_FILE) -> dict[str, Any]:
    document = files.read(file)
    if document["format"] not in FORMATS_READ:
        known = ", ".join(str(one) for one in FORMATS_READ)
        raise RegistryError(
            f"{tag} has format {document['format']}; this version reads {known}: install the"
            " version that saved it, or train it again"
        )
    return document


def _reference(files: ModelFiles) -> Reference | None:
    if not files.has(_REFERENCE_FILE):
        return None
    return Reference.from_json(files.read(_REFERENCE_FILE))


def _saved_fallback(files: ModelFiles) -> Fallback | None:
    if not files.has(_FALLBACK_FILE):
        return None
    return Fallback.from_json(files.read(_FALLBACK_FILE))

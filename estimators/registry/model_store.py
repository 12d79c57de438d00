"""Finds models in the BentoML model store despite broken folders, and saves them atomically.

BentoML's own look-up fails for all models of a name as soon as one folder is broken, and a reader
can meet a folder that is still being written. Here a broken folder is skipped and reported, and a
model appears in one step.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.exceptions import BentoMLException

from estimators.core.errors import RegistryError
from estimators.registry.model_files import (
    MODEL_FILE,
    read_checksums,
    read_regular,
    write_checksums,
)
from estimators.registry.training_commands import command_that_makes

__all__ = ["BrokenModel", "all_models", "create", "find", "folders_of", "versions"]

logger = logging.getLogger("doorstep.estimators")

LATEST = "latest"
_MAX_YAML_BYTES = 16 * 1024 * 1024
_MAX_NAME_BYTES = 1_024
_OWN = "project"
_PROJECT = "doorstep"
_complained: set[str] = set()


class BrokenModel(NamedTuple):
    """A folder at the place of a model that is not a complete model.

    Args:
        tag: that it would have.
        reason: why it is not one.
    """

    tag: str
    reason: str


def find(tag: str) -> bentoml.Model:
    """Return the model of a tag; ``name`` alone and ``name:latest`` mean the newest whole one.

    Args:
        tag: ``name:version``; the beginning of a version will do where only one begins so.

    Raises:
        RegistryError: there is none, or it is broken; the message lists the existing ones.
    """
    tag = _aliases().get(tag, tag)
    name, _, version = tag.partition(":")
    if not _is_plain(name) or (version and not _is_plain(version)):
        raise RegistryError(f"{tag!r} is no tag of a model; expected name:version")
    if version and version != LATEST:
        return _exact(name, version)
    pointed = _pointed(name)
    if pointed is not None:
        return pointed
    whole, broken = versions(name)
    if not whole:
        raise _nothing(tag, name, broken)
    return whole[0]


def versions(name: str) -> tuple[list[bentoml.Model], list[BrokenModel]]:
    """Return the models of a name, the newest first, and what is broken."""
    whole: list[bentoml.Model] = []
    broken: list[BrokenModel] = []
    for folder in _folders(_store() / name):
        try:
            whole.append(_opened(folder))
        except RegistryError as error:
            broken.append(BrokenModel(f"{name}:{folder.name}", str(error)))
    whole.sort(key=lambda model: model.info.creation_time, reverse=True)
    return whole, broken


def all_models() -> tuple[list[bentoml.Model], list[BrokenModel]]:
    """Return all models of the store, the newest first, and what is broken."""
    whole: list[bentoml.Model] = []
    broken: list[BrokenModel] = []
    for folder in _folders(_store()):
        models, others = versions(folder.name)
        whole += models
        broken += others
    whole.sort(key=lambda model: model.info.creation_time, reverse=True)
    return whole, broken


def create(
    name: str,
    *,
    labels: Mapping[str, str],
    metadata: Mapping[str, Any],
    documents: Mapping[str, Mapping[str, Any]],
) -> str:
    """Save a model in the store, as a whole or not at all, and return its tag.

    Raises:
        RegistryError: the store does not take it.
    """
    store = _store()
    staging: Path | None = None
    try:
        staging = Path(tempfile.mkdtemp(prefix="doorstep-", dir=_staging_folder(store)))
        with bentoml.models.create(
            name,
            labels=dict(labels),
            metadata=dict(metadata),
            _model_store=type(BentoMLContainer.model_store.get())(staging),
        ) as model:
            for file, document in documents.items():
                path = Path(model.path_of(file))
                path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
        version = str(model.tag.version)
        written = staging / model.tag.name / version
        write_checksums(written)
        _sync(written)
        (store / model.tag.name).mkdir(parents=True, exist_ok=True)
        written.rename(store / model.tag.name / version)
        _point(store / model.tag.name, version)
    except (BentoMLException, OSError) as error:
        raise RegistryError(f"cannot save {name!r}: {error}") from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return str(model.tag)


def folders_of(tag: str) -> Iterator[tuple[str, Path]]:
    """Yield tag and folder of a model, whole or not, and then those of its other versions.

    Of these the newest comes first; broken ones come last.
    """
    tag = _aliases().get(tag, tag)
    name, _, version = tag.partition(":")
    if not _is_plain(name):
        return
    whole, broken = versions(name)
    first = _store() / name / version
    if _is_plain(version) and version != LATEST and first.is_dir():
        yield tag, first
    elif not version or version == LATEST:
        try:
            model = find(tag)
            yield str(model.tag), Path(model.path)
        except RegistryError:
            pass
    for one in (*(str(model.tag) for model in whole), *(one.tag for one in broken)):
        yield one, _store() / name / one.partition(":")[2]


def _store() -> Path:
    return Path(BentoMLContainer.model_store.get()._path)


def _aliases() -> Mapping[str, str]:
    """The names of a bento's models."""
    return dict(BentoMLContainer.model_aliases.get())


def _staging_folder(store: Path) -> Path:
    """Return a folder on the store's file system that is not taken for a model."""
    temporary = store.parent / "tmp"
    try:
        temporary.mkdir(exist_ok=True)
        if temporary.stat().st_dev == store.stat().st_dev:
            return temporary
    except OSError:
        pass
    # The store is a volume of its own: a hidden folder, which other tools may see for a moment.
    hidden = store / ".saving"
    hidden.mkdir(parents=True, exist_ok=True)
    return hidden


def _sync(folder: Path) -> None:
    """Write the files to the disk before the folder gets its name."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _point(folder: Path, version: str) -> None:
    """Point ``latest`` to this version, in one step."""
    temporary = folder / f".{LATEST}.{os.getpid()}"
    temporary.write_text(version, encoding="utf-8")
    temporary.replace(folder / LATEST)


def _pointed(name: str) -> bentoml.Model | None:
    """Return the model that the store calls the latest of a name.

    None: the store does not say, or it is broken, which the log says once.
    """
    folder = _store() / name
    try:
        version = read_regular(folder, LATEST, most_bytes=_MAX_NAME_BYTES).decode().strip()
    except (RegistryError, UnicodeDecodeError):
        return None
    if not _is_plain(version):
        return None
    try:
        return _opened(folder / version)
    except RegistryError as error:
        tag = f"{name}:{version}"
        if tag not in _complained:
            _complained.add(tag)
            logger.error("%s is the latest, but broken, so it is passed over: %s", tag, error)
        return None


def _exact(name: str, version: str) -> bentoml.Model:
    folder = _store() / name / version
    if folder.is_dir():
        try:
            return _opened(folder)
        except RegistryError as error:
            raise RegistryError(f"{name}:{version} is broken: {error}") from None
    begun = [one for one in _folders(_store() / name) if one.name.startswith(version)]
    if len(begun) == 1:
        return _exact(name, begun[0].name)
    raise _nothing(f"{name}:{version}", name, versions(name)[1])


def _nothing(tag: str, name: str, broken: list[BrokenModel]) -> RegistryError:
    own = [str(model.tag) for model in versions(name)[0]]
    there = [f"there are: {', '.join(sorted(own))}"] if own else []
    if broken:
        there.append("broken: " + ", ".join(f"{one.tag} ({one.reason})" for one in broken))
    if not there:
        made_by = command_that_makes(name)
        there.append(f"no model {name!r} was saved yet: `{made_by}` makes one")
    return RegistryError(f"no model {tag!r} in the model store; {'; '.join(there)}")


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folders in a folder whose names could be those of models or versions."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return
    yield from (one for one in found if _is_plain(one.name) and one.is_dir())


def _is_plain(name: str) -> bool:
    return bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name


def _opened(folder: Path) -> bentoml.Model:
    """Return the model of a folder.

    Raises:
        RegistryError: the folder is broken.
    """
    read_regular(folder, MODEL_FILE, most_bytes=_MAX_YAML_BYTES)  # before BentoML reads it
    try:
        model = bentoml.Model.from_path(folder)
        is_own = model.info.labels.get(_OWN) == _PROJECT
        kind = model.info.labels.get("estimator")
    except Exception as error:  # half of a YAML document can fail in any way
        raise RegistryError(f"{MODEL_FILE} cannot be read ({type(error).__name__})") from None
    if (model.tag.name, model.tag.version) != (folder.parent.name, folder.name):
        raise RegistryError(f"{MODEL_FILE} is of {model.tag}")
    if is_own:
        _check_whole(folder, "eta.json" if kind == "eta" else "estimator.json")
    return model


def _check_whole(folder: Path, own: str) -> None:
    """Refuse a folder that was not written completely, by a quick check."""
    sizes: dict[str, int | None] = dict.fromkeys((own, "report.json", "metadata.json"))
    files = read_checksums(folder)
    if files is not None:
        sizes.update({name: int(one["bytes"]) for name, one in files.items()})
    for name, size in sizes.items():
        _check_size(folder / name, size)


def _check_size(path: Path, size: int | None) -> None:
    try:
        found = path.stat().st_size
        is_file = path.is_file()
        end = _last_byte(path) if is_file and size is None else b"}"
    except OSError:
        raise RegistryError(f"{path.name} is missing") from None
    if not is_file:
        raise RegistryError(f"{path.name} is no regular file")
    if size is not None and found < size:  # another content is what checksums are for
        raise RegistryError(f"{path.name} has {found} bytes; it was saved with {size}")
    if end != b"}":
        raise RegistryError(f"{path.name} ends in the middle")


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 64))
        return file.read().rstrip()[-1:]

"""The files of a saved model and their checksums: read if intact, refused otherwise.

A folder of a model may have been damaged, half written or tampered with. So a file is read only
where it is a regular file within the folder and no larger than any model needs, and its bytes must
have the checksum that was written when the model was saved (``checksums.json``). A model that was
saved before there were checksums is read without; the log says so, once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from estimators.core.errors import RegistryError

__all__ = [
    "CHECKSUMS_FILE",
    "MAX_FILE_BYTES",
    "MODEL_FILE",
    "ModelFiles",
    "checksums_of",
    "read_checksums",
    "read_regular",
    "write_checksums",
]

logger = logging.getLogger("doorstep.estimators")

CHECKSUMS_FILE = "checksums.json"
MODEL_FILE = "model.yaml"
"""What the model store itself writes: tag, labels, metadata."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The largest file of a model; a model of 20 million orders has a tenth of it."""

MAX_FILES = 64
"""The most files of one model."""

_FORMAT = 1
_warned: set[str] = set()


class ModelFiles:
    """The files of one saved model.

    Args:
        folder: that of the model.
        tag: of the model, for errors.
        warn: whether to log once that there are no checksums.

    Raises:
        RegistryError: the checksums cannot be read, or the model's own description has another.
    """

    def __init__(self, folder: Path, tag: str, *, warn: bool = True) -> None:
        self._folder = folder
        self._tag = tag
        self._sums = read_checksums(folder)
        if warn and self._sums is None and tag not in _warned:
            _warned.add(tag)
            logger.warning(
                "%s was saved without checksums, so that nobody knows whether its files are as they"
                " were; `doorstep models seal %s` adds them",
                tag,
                tag,
            )
        self._check_listed()

    @property
    def is_sealed(self) -> bool:
        """Whether there are checksums."""
        return self._sums is not None

    def has(self, name: str) -> bool:
        """Return whether the model has a file; one that has a checksum must be there."""
        if self._sums is not None:
            return name in self._sums
        return (self._folder / name).exists()

    def read(self, name: str) -> dict[str, Any]:
        """Return the object that a file holds.

        Raises:
            RegistryError: there is no such file, it is not regular, too large, has another checksum
                than it should, or holds something else than a JSON object.
        """
        content = read_regular(self._folder, name)
        if self._sums is not None:
            _check(name, content, self._sums)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise RegistryError(f"{name} is no JSON ({error})") from None
        if not isinstance(document, dict):
            raise RegistryError(f"{name} holds a {type(document).__name__}; expected an object")
        return document

    def check_all(self) -> None:
        """Read every file that has a checksum.

        Raises:
            RegistryError: one is not as it was saved.
        """
        for name in self._sums or ():
            _check(name, read_regular(self._folder, name), self._sums or {})

    def _check_listed(self) -> None:
        """Refuse a description of the model that the store has changed since it was saved."""
        if self._sums is not None and MODEL_FILE in self._sums:
            _check(MODEL_FILE, read_regular(self._folder, MODEL_FILE), self._sums)


def read_regular(folder: Path, name: str, *, most_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the content of a regular file within a folder.

    Links are followed as long as they lead to a regular file within the folder: a link to a device
    would be read for ever.

    Raises:
        RegistryError: there is no such file, or it is something else or larger.
    """
    path = folder / name
    try:
        found = path.resolve(strict=True)
        if not found.is_relative_to(folder.resolve(strict=True)):
            raise RegistryError(f"{name} is a link that leads out of the folder of the model")
        # A pipe would be waited for without the flag.
        descriptor = os.open(found, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise RegistryError(f"{name} is no regular file")
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise RegistryError(f"{name} is missing") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        raise RegistryError(f"{name} cannot be read ({error})") from None
    if len(content) > most_bytes:
        raise RegistryError(f"{name} has more than {most_bytes:,} bytes, which no model needs")
    return content


def checksums_of(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """Return the size and checksum of each file of a folder.

    Raises:
        RegistryError: one of them cannot be read.
    """
    files: dict[str, Any] = {}
    for name in sorted(names):
        content = read_regular(folder, name)
        files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {"format": _FORMAT, "files": files}


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files of a folder into it, as a whole or not at all.

    Raises:
        RegistryError: a file is none that a model has, or the folder cannot be written.
    """
    names = [path.name for path in folder.iterdir() if path.name != CHECKSUMS_FILE]
    if len(names) > MAX_FILES:
        raise RegistryError(f"the folder has {len(names)} files; a model has at most {MAX_FILES}")
    document = json.dumps(checksums_of(folder, names), indent=1)
    temporary = folder / f".{CHECKSUMS_FILE}.{os.getpid()}"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / CHECKSUMS_FILE)
    except OSError as error:
        raise RegistryError(f"checksums cannot be written ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_checksums(folder: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the size (``bytes``) and ``sha256`` of each file of a model; None: it has none.

    Raises:
        RegistryError: the file of the checksums is none that was written here.
    """
    if not os.path.lexists(folder / CHECKSUMS_FILE):
        return None
    try:
        document = json.loads(read_regular(folder, CHECKSUMS_FILE))
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{CHECKSUMS_FILE} is no JSON ({error})") from None
    found = document if isinstance(document, dict) else {}
    files = found.get("files")
    if found.get("format") != _FORMAT or not isinstance(files, dict):
        raise RegistryError(
            f"{CHECKSUMS_FILE} holds no checksums; expected an object with 'format' {_FORMAT} and"
            " 'files'"
        )
    for name, one in files.items():
        if not (isinstance(one, dict) and type(one.get("bytes")) is int and "sha256" in one):
            raise RegistryError(f"{CHECKSUMS_FILE} has no 'bytes' and 'sha256' of {name}")
    return files


def _check(name: str, content: bytes, sums: Mapping[str, Any]) -> None:
    expected = sums.get(name)
    if expected is None:
        raise RegistryError(f"{name} has no checksum: it was not there when the model was saved")
    if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise RegistryError(
            f"{name} has another checksum than when the model was saved: it is damaged or was"
            " changed"
        )

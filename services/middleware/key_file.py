"""Read and replace the file of API keys atomically: a reader finds the old keys or the new ones."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from services.core.errors import SettingError
from services.middleware.api_keys import ApiKey, ApiKeys

__all__ = ["add_key", "read_keys", "remove_key"]

_MODE = 0o600


def read_keys(path: Path) -> ApiKeys:
    """Return the keys of a file; no keys if there is no file.

    Raises:
        SettingError: the file cannot be read, or everybody may read it.
    """
    return ApiKeys.from_file(path) if path.exists() else ApiKeys([])


def add_key(path: Path, key: ApiKey) -> None:
    """Add a key to a file. A new file is readable by its owner alone.

    Raises:
        SettingError: the file cannot be read or written.
    """
    _change(path, lambda keys: [*keys, key])


def remove_key(path: Path, key_id: str) -> ApiKey:
    """Remove a key from a file and return it.

    Raises:
        SettingError: the file has no such key, or cannot be read or written.
    """
    found: list[ApiKey] = []

    def without(keys: list[ApiKey]) -> list[ApiKey]:
        found.extend(key for key in keys if key.id == key_id)
        if not found:
            known = ", ".join(key.id for key in keys) or "none"
            raise SettingError(f"{path} has no API key with the id {key_id!r}; it has: {known}")
        return [key for key in keys if key.id != key_id]

    _change(path, without)
    return found[0]


def _change(path: Path, change: Callable[[list[ApiKey]], list[ApiKey]]) -> None:
    """Change the keys of a file under a lock."""
    path = path.absolute()
    try:
        lock = os.open(path.parent / f".{path.name}.lock", os.O_CREAT | os.O_RDWR, _MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            document = ApiKeys(change(list(read_keys(path)))).to_json() + b"\n"
            _replace(path, document)
        finally:
            os.close(lock)
    except OSError as error:
        raise SettingError(f"API keys: {path} cannot be written ({error.strerror})") from None


def _replace(path: Path, document: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 600
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            if path.exists():  # a service may read it by its group
                before = path.stat()
                os.fchmod(temporary.fileno(), before.st_mode & 0o770)
                with contextlib.suppress(PermissionError):
                    os.fchown(temporary.fileno(), before.st_uid, before.st_gid)
            temporary.write(document)
            temporary.flush()
            os.fsync(temporary.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)

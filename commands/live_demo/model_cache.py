"""Cache the models of the demo between runs, keyed by the content of code and settings.

An entry is a folder that appears in one step when it is complete, with the checksum of each file,
so that neither an interrupted run nor another one at the same time can leave half a model. What
cannot be kept or read is made again: a cache must never be why a demo fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

__all__ = ["ModelCache", "cache_folder", "key_of"]

ENTRIES_MAX = 12
"""So many cities are kept, those that were used last; each is some ten megabytes."""
ABANDONED_S = 86_400.0
"""What a killed run left half done is removed after so long."""
CODE = ("aggregators", "estimators", "simulator", "commands")
LIBRARIES = ("numpy", "numba", "pandas", "scipy", "lightgbm")
MANIFEST = "manifest.json"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the user's caches are, and in it the demo's.

    >>> str(cache_folder({"XDG_CACHE_HOME": "/var/cache/me"}))
    '/var/cache/me/doorstep/demo'
    """
    given = environment.get("XDG_CACHE_HOME", "")
    home = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return home / "doorstep" / "demo"


def key_of(**settings: object) -> str:
    """Return the cache key of this code with these settings."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent.parent
    for package in CODE:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(f"{platform.python_version()} {platform.machine()}".encode())
    digest.update(json.dumps({name: version(name) for name in LIBRARIES}).encode())
    digest.update(json.dumps(settings, sort_keys=True, default=repr).encode())
    return digest.hexdigest()[:32]


class ModelCache:
    """A folder of models, kept between runs.

    Args:
        folder: where; None: nothing is kept.
        key: of what is wanted, as :func:`key_of` gives it.

    >>> cache = ModelCache(None, "a-city")
    >>> cache.fetch(Path("models"))
    False
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = folder
        self._key = key

    def fetch(self, into: Path) -> bool:
        """Copy the models into a folder; returns False if there are none."""
        if self._folder is None:
            return False
        entry = self._folder / self._key
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetched-", dir=into.parent) as begun:
            copied = Path(begun) / self._key
            if not _copied_whole(entry, copied):
                shutil.rmtree(entry, ignore_errors=True)
                return False
            (copied / MANIFEST).unlink()
            shutil.copytree(copied, into, dirs_exist_ok=True)
        with contextlib.suppress(OSError):
            os.utime(entry)  # it was used
        return True

    def keep(self, made: Path) -> None:
        """Keep the models of a folder, if that is possible."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError, shutil.Error):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self._folder) as begun:
                entry = Path(begun) / self._key
                shutil.copytree(made, entry)
                (entry / MANIFEST).write_text(json.dumps(_checksums(entry)))
                # Fails where another run was quicker: its models are the same.
                with contextlib.suppress(OSError):
                    entry.rename(self._folder / self._key)
            self._tidy()

    def _tidy(self) -> None:
        """Remove the least recently used and the incomplete entries."""
        assert self._folder is not None
        used = {path: path.stat().st_mtime for path in self._folder.iterdir() if path.is_dir()}
        entries = sorted((path for path in used if path.name[0] != "."), key=lambda one: -used[one])
        old_s = time.time() - ABANDONED_S
        left = [path for path in used if path.name.startswith(".new-") and used[path] < old_s]
        for path in (*entries[ENTRIES_MAX:], *left):
            shutil.rmtree(path, ignore_errors=True)


def _copied_whole(entry: Path, copied: Path) -> bool:
    try:
        shutil.copytree(entry, copied)
        return bool(_checksums(copied) == json.loads((copied / MANIFEST).read_text()))
    except (OSError, ValueError, shutil.Error):
        return False


def _checksums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }

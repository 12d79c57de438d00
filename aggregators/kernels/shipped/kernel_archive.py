"""Read and write archives of compiled kernels: one per package, Python and family of processors.

An archive names the sources that it was compiled from and the versions of the compiler. If any of
them differs from what runs, none of its kernels is used.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numba
import numpy as np

from aggregators.kernels.shipped.families import family_of_this_processor

__all__ = [
    "archive_path",
    "delete_stale_archives",
    "package_root",
    "read_kernel",
    "source_digest",
    "write_archive",
]

FOLDER = "shipped_kernels"
"""The folder of a package that holds its archives."""

_ABOUT = "about.json"
_OWN_PACKAGE = __name__.partition(".")[0]


def archive_path(root: Path, family: str) -> Path:
    """Return where a package has its kernels for this Python, this system and a family.

    Args:
        root: the package's folder.
        family: of processors; see :data:`~aggregators.kernels.shipped.families.FAMILIES`.

    >>> archive_path(Path("aggregators"), "x86-64-v3").parent.name
    'shipped_kernels'
    """
    name = f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}-{family}.zip"
    return root / FOLDER / name


def write_archive(path: Path, package: str, kernels: Mapping[str, bytes]) -> None:
    """Write kernels that were compiled from the current sources.

    Args:
        path: of the archive; its folder is made.
        package: the package of the kernels' modules.
        kernels: by name, what numba serialised.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_ABOUT, json.dumps(_about(package)))
        for name, data in sorted(kernels.items()):
            archive.writestr(name, data)


def read_kernel(name: str) -> bytes | None:
    """Return a kernel for the processor that runs this process, as numba serialised it.

    Args:
        name: the kernel's module and function, as in ``aggregators.kernels.selection:mark_needed``.

    Returns:
        None if there is no archive, if the archive lacks the kernel, or if it was compiled from
        other sources or by another compiler.
    """
    path = _usable_archive(name.partition(":")[0].partition(".")[0])
    if path is None:
        return None
    with zipfile.ZipFile(path) as archive:
        try:
            return archive.read(name)
        except KeyError:
            return None


@functools.cache
def _usable_archive(package: str) -> Path | None:
    family = family_of_this_processor()
    path = archive_path(package_root(package), family)
    if not family or not path.exists():
        return None
    return path if _about_archive(path) == _about(package) else None


def delete_stale_archives(root: Path, package: str) -> None:
    """Delete archives that were compiled from other sources than the current ones.

    Args:
        root: the folder that holds the archives' folder.
        package: whose kernels they hold.
    """
    for path in (root / FOLDER).glob("*.zip"):
        if _about_archive(path).get("sources") != source_digest(package):
            path.unlink()


def _about_archive(path: Path) -> dict[str, str]:
    """Return what an archive's kernels depend on; empty if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            about: dict[str, str] = json.loads(archive.read(_ABOUT))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        return {}
    return about


def _about(package: str) -> dict[str, str]:
    """Return what the kernels of a package depend on."""
    return {
        "sources": source_digest(package),
        "numba": numba.__version__,
        "llvmlite": version("llvmlite"),
        "numpy": ".".join(np.__version__.split(".")[:2]),  # numba asks no further
    }


def source_digest(package: str) -> str:
    """Return a digest of all sources of a package and of this one.

    A kernel has the functions and constants of other modules compiled into it. All sources of the
    packages are more than those, and reading them takes milliseconds.
    """
    digest = hashlib.sha256()
    for one in sorted({package, _OWN_PACKAGE}):
        root = package_root(one)
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def package_root(package: str) -> Path:
    """Return the folder of a package."""
    return Path(importlib.import_module(package).__file__ or "").parent

"""Compile the kernels that the wheel ships: ``python -m services.bento.shipped_kernels``.

For each family of processors a process compiles all kernels of features and estimates for this
Python. ``make wheel`` lets it write them where the build of the wheel finds them; kernels that
another Python has compiled from the same sources stay. In an installation without them it writes
them into the packages: later processes load kernels and compile none.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aggregators.kernels.numba_cache import Kernel, known_kernels
from aggregators.kernels.shipped.families import FAMILIES
from aggregators.kernels.shipped.kernel_archive import (
    archive_path,
    delete_stale_archives,
    package_root,
    source_digest,
    write_archive,
)
from aggregators.kernels.shipped.kernel_cache import serialised
from services.bento.startup import EXPLANATION_KERNELS

__all__ = ["compile_family", "main"]

_CONTRACTION = re.compile(
    r"\bf(?:add|sub|mul|div|rem|neg|cmp)\b[^%@]*\b(?:fast|contract|reassoc)\b|llvm\.fmuladd"
)
"""What allows LLVM to round a sum or a product otherwise, in its intermediate representation.

``llvm.fma`` is no such thing: it has one rounding in every family, in an instruction or in libm.
"""


def compile_family(family: str, modules: Sequence[str], to: Path | None) -> None:
    """Compile the kernels of some modules in this process, which compiles for a family.

    Args:
        family: for which ``NUMBA_CPU_NAME`` makes this process compile.
        modules: their names.
        to: the folder that gets a folder for each package; None: the packages' own.
    """
    for module in modules:
        importlib.import_module(module)
    kernels: dict[str, dict[str, bytes]] = defaultdict(dict)
    for kernel in known_kernels():
        if kernel.module in modules:
            package = kernel.name.partition(".")[0]
            kernels[package][kernel.name] = serialised(_compiled(kernel, family))
    for package, found in kernels.items():
        path = archive_path(_root(package, to), family)
        write_archive(path, package, found)
        sys.stdout.write(f"{path}: {len(found)} kernels\n")


def _compiled(kernel: Kernel[Any, Any], family: str) -> Any:
    """Compile a kernel; its code must be the family's, and round as that of others."""
    kernel.compile()
    call = kernel._call
    (result,) = call.overloads.values()
    _, processor, features = result.library.codegen.magic_tuple()
    if (processor, features) != (family, ""):
        raise SystemExit(f"{kernel.name} was compiled for {processor} with {features!r}")
    for code in call.inspect_llvm().values():
        if found := _CONTRACTION.search(code):
            raise SystemExit(f"{kernel.name} for {family}: {found[0]} changes the bits of sums")
    return result


def _root(package: str, to: Path | None) -> Path:
    return package_root(package) if to is None else to / package


def _compile_in_a_process(family: str, modules: Sequence[str], to: Path | None) -> bool:
    """Compile for a family with an empty cache; return whether it was done."""
    command = [sys.executable, "-m", __spec__.name, "--here", *modules, "--family", family]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "NUMBA_CPU_NAME": family,
            "NUMBA_CPU_FEATURES": "",  # none beyond those of the family
            "NUMBA_CACHE_DIR": folder,
        }
        given = [] if to is None else ["--to", os.fspath(to)]
        return subprocess.run([*command, *given], env=environment, check=False).returncode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Compile the kernels of some families, side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="default: all of features and estimates")
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="default: all")
    parser.add_argument("--to", type=Path, help="a folder for each package is made in it")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    modules, to = options.modules or EXPLANATION_KERNELS, options.to
    families: list[str] = options.family or list(FAMILIES)
    if options.here:
        compile_family(families[0], modules, to)
        return
    sources = {name: source_digest(name) for name in {one.partition(".")[0] for one in modules}}
    for package in sources:
        delete_stale_archives(_root(package, to), package)
        for family in families:  # else they would be loaded, not compiled
            archive_path(_root(package, to), family).unlink(missing_ok=True)
    with ThreadPoolExecutor(len(families)) as lanes:
        done = lanes.map(lambda family: _compile_in_a_process(family, modules, to), families)
        failed = [family for family, well in zip(families, done, strict=True) if not well]
    if failed:
        raise SystemExit(f"the kernels of {', '.join(failed)} were not compiled")
    if any(source_digest(package) != digest for package, digest in sources.items()):
        # The archives have the digest of the new sources and kernels of the old ones.
        for package in sources:
            for family in families:
                archive_path(_root(package, to), family).unlink(missing_ok=True)
        raise SystemExit("the sources have changed while their kernels were compiled; run it again")


if __name__ == "__main__":
    main()

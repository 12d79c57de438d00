"""Define families of processors: a kernel that is compiled for one runs on each of its processors.

The families are those of the psABI of x86-64. LLVM contracts no multiplication and addition into
one instruction unless it is told to, so that a kernel gives the same bits in every family.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Set

from numba.core.codegen import get_host_cpu_features

__all__ = ["FAMILIES", "family_of", "family_of_this_processor"]

_V2 = frozenset({"cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"})
_V3 = _V2 | {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}

FAMILIES: Mapping[str, frozenset[str]] = {"x86-64-v4": _V4, "x86-64-v3": _V3, "x86-64": frozenset()}
"""What LLVM calls each family, and the features that it takes; the best one first."""


def family_of(machine: str, features: Set[str]) -> str:
    """Return the best family of a processor; empty where none is known.

    Args:
        machine: the architecture, as :func:`platform.machine` names it.
        features: what the processor has, by the names of LLVM.

    >>> family_of("x86_64", {"sse2"})
    'x86-64'
    >>> family_of("aarch64", {"neon"})
    ''
    """
    if machine not in ("x86_64", "AMD64"):
        return ""
    return next(name for name, needed in FAMILIES.items() if needed <= features)


def family_of_this_processor() -> str:
    """Return the best family of the processor that runs this process."""
    listed: str = get_host_cpu_features()  # type: ignore[no-untyped-call]
    has = {one[1:] for one in listed.split(",") if one.startswith("+")}
    return family_of(platform.machine(), has)

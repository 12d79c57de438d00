"""Parts have no machine code of their own: callers contain them, and Python runs another."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import codegen
from numba.core.compiler import Compiler
from packaging.requirements import Requirement

from aggregators.kernels.argument_types import FLOATS, INT
from aggregators.kernels.numba_cache import Kernel, inner
from aggregators.typing import Float64Array

ROOT = Path(__file__).parents[3]
REMEDY = (
    "aggregators/kernels/parts.py replaces parts of numba's compiler, which may change with any"
    " minor version: see what has become of them, mend parts.py, run tests/aggregators/kernels, and"
    " raise the bound of numba in pyproject.toml"
)


@inner
def scaled(values: Float64Array, factor: int) -> float:
    total = 0.0
    for value in values:
        total += value * factor
    return total


@inner
def scaled_twice(values: Float64Array, factor: int) -> float:
    return scaled(values, factor) + scaled(values, factor)


def _scale(values: Float64Array, factor: int) -> float:
    return scaled_twice(values, factor) + scaled(values, 1)


@pytest.mark.skipif("NUMBA_DISABLE_JIT" in os.environ, reason="nothing is compiled")
def test_a_part_is_compiled_into_its_caller_alone() -> None:
    kernel = Kernel(_scale, (FLOATS, INT))
    assert kernel(np.array([1.0, 2.0]), 3) == 21.0
    parts: list[Any] = [scaled, scaled_twice]
    for part in parts:
        (result,) = part.overloads.values()
        assert not result.library._object_caching_enabled  # numba keeps no machine code of it


def test_python_can_call_a_part_before_and_after_a_kernel_has() -> None:
    assert scaled_twice(np.array([1.0, 2.0]), 3) == 18.0
    assert Kernel(_scale, (FLOATS, INT))(np.array([0.5]), 2) == 2.5
    assert scaled_twice(np.array([1.0, 2.0]), 4) == 24.0
    assert scaled(np.array([1, 2]), 4) == 12.0


def test_numba_is_of_a_version_whose_compiler_is_known() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(one) for one in project["dependencies"]]
    (bounds,) = [one.specifier for one in requirements if one.name == "numba"]
    assert any(bound.operator == "<" for bound in bounds), "numba has no upper bound"
    assert bounds.contains(numba.__version__), (
        f"numba {numba.__version__} is not {bounds}: {REMEDY}"
    )


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (codegen.JITCodeLibrary, "_raise_if_finalized"),
        (codegen.JITCodeLibrary, "_get_module_for_linking"),
        (codegen.JITCodeLibrary, "finalize"),
        (Compiler, "compile_extra"),
        (type(numba.njit(lambda: 0)), "_compile_for_args"),
        (type(numba.njit(lambda: 0)), "get_call_template"),
    ],
)
@pytest.mark.skipif("NUMBA_DISABLE_JIT" in os.environ, reason="nothing is compiled")
def test_numba_has_what_parts_replace(owner: Any, name: str) -> None:
    assert hasattr(owner, name), (
        f"numba {numba.__version__} has no {owner.__name__}.{name}: {REMEDY}"
    )

"""Parts have no machine code of their own: callers contain them, and Python runs another."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from aggregators.kernels.argument_types import FLOATS, INT
from aggregators.kernels.numba_cache import Kernel, inner
from aggregators.typing import Float64Array


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

"""A kernel has one compiled version; other arguments are turned into those that it declares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import types
from numba.core import event
from numpy.typing import NDArray

from aggregators.features.warming import warm_up
from aggregators.kernels.argument_types import (
    FLOAT,
    FLOATS_2D,
    INT,
    INTS,
    INTS32,
    struct,
    tuple_type,
)
from aggregators.kernels.numba_cache import Kernel, inlined, inner, known_kernels
from aggregators.kernels.query_kernels import group_rows
from aggregators.typing import Float64Array, Int32Array

ROOT = Path(__file__).parents[3]


class Scaling(NamedTuple):
    """A factor, and what is added."""

    factor: float
    added: NDArray[Any]


def _scale(
    table: Float64Array, scaling: Scaling, rows: tuple[Int32Array, ...], times: int
) -> float:
    total = 0.0
    for group in rows:
        for row in group:
            for column in range(table.shape[1]):
                table[row, column] = table[row, column] * scaling.factor + scaling.added[column]
                total += table[row, column] * times
    return total


@pytest.fixture(scope="module")
def scale() -> Kernel[..., float]:
    signature = (FLOATS_2D, struct(Scaling, FLOAT, INTS), tuple_type(INTS32, 2), INT)
    return Kernel(_scale, signature)


def _table() -> Float64Array:
    return np.arange(6.0).reshape(3, 2)


def _rows() -> tuple[Int32Array, Int32Array]:
    return np.array([0], np.int32), np.array([2], np.int32)


EXPECTED = [[1.0, 4.0], [2.0, 3.0], [9.0, 12.0]]


def _assert_scaled(table: Float64Array, total: float) -> None:
    assert table.tolist() == EXPECTED
    assert total == 3 * (1.0 + 4.0 + 9.0 + 12.0)


@pytest.mark.parametrize("layout", ["C", "F", "strided", "offset"])
def test_arrays_of_any_layout_are_written_in_place(scale: Kernel[..., float], layout: str) -> None:
    table = _table()
    if layout == "F":
        table = np.asfortranarray(table)
    elif layout == "strided":
        table = np.repeat(table, 2, axis=1)[:, ::2]
    elif layout == "offset":
        table = np.pad(table, 1)[1:-1, 1:-1]
    added = np.array([1, 0, 2, 0])[::2]
    scaling = Scaling(2.0, added)
    _assert_scaled(table, scale(table, scaling, _rows(), 3))


def test_what_is_only_read_may_be_read_only_and_narrower(scale: Kernel[..., float]) -> None:
    added = np.array([1, 2], np.int32)
    added.flags.writeable = False
    table = _table()
    _assert_scaled(table, scale(table, Scaling(2, added), _rows(), np.int32(3)))


def test_arrays_of_other_numbers_are_refused(scale: Kernel[..., float]) -> None:
    scaling = Scaling(2.0, np.array([1.5, 2.5]))
    with pytest.raises(TypeError, match=r"1 dimensions of float64 came; expected 1 .* of int64"):
        scale(_table(), scaling, _rows(), 3)
    with pytest.raises(TypeError, match="1 dimensions of float64 came; expected 2"):
        scale(np.zeros(3), Scaling(2.0, np.array([1, 2])), _rows(), 3)


def test_other_numbers_of_arguments_are_refused(scale: Kernel[..., float]) -> None:
    with pytest.raises(TypeError):
        scale(_table())
    with pytest.raises(TypeError, match="a tuple of 1 values came; expected 2"):
        scale(_table(), Scaling(2.0, np.array([1, 2])), _rows()[:1], 3)


def test_nothing_is_compiled_twice(scale: Kernel[..., float]) -> None:
    scale.compile()
    with event.install_recorder("numba:compile") as recorder:
        scale.compile()
        test_arrays_of_any_layout_are_written_in_place(scale, "F")
    assert not recorder.buffer


def test_every_kernel_has_one_version_and_is_cached() -> None:
    warm_up()
    kernels = {kernel.name: kernel for kernel in known_kernels()}
    assert group_rows.name == "aggregators.kernels.query_kernels:group_rows"
    assert group_rows.name in kernels
    for kernel in kernels.values():
        kernel.compile()
        assert kernel.is_cached


def test_an_index_that_names_a_renamed_type_is_replaced(
    tmp_path: Path,
) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from kernel_of_test import add, Pair\n"
        "print(add(Pair(1.0, 2.0)), add.is_cached)\n"
    )
    source = (
        "from typing import NamedTuple\n"
        "from aggregators.kernels.argument_types import FLOAT, struct\n"
        "from aggregators.kernels.numba_cache import compiled\n"
        "class {name}(NamedTuple):\n    a: float\n    b: float\n"
        "Pair = {name}\n"
        "@compiled(struct({name}, FLOAT, FLOAT))\n"
        "def add(pair: {name}) -> float:\n    return pair.a + pair.b\n"
    )
    for name in ("Before", "Afterwards"):
        (tmp_path / "kernel_of_test.py").write_text(source.format(name=name), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.stdout == "3.0 True\n", done.stderr


@inner
def times(x: int, factor: int) -> int:
    return x * factor


@inlined
def times_two_and_three(x: int) -> int:
    return times(x, 2) + times(x, 3)


def test_an_inner_kernel_is_compiled_once_for_all_constants() -> None:
    assert times_two_and_three(5) == 25
    dispatcher: Any = times
    assert dispatcher.signatures == [(types.int64, types.int64)]


def test_an_inner_kernel_is_not_copied_into_the_callers_of_an_inlined_one() -> None:
    script = (
        "import tests.aggregators.kernels.test_numba_cache as here\n"
        "here.times_two_and_three(5)\n"
        "(text,) = here.times.inspect_llvm().values()\n"
        "print('alwaysinline' in text)\n"
    )
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "NUMBA_CACHE_DIR": folder},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == "False\n"

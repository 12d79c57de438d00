"""Code whose sums may be rounded otherwise on another processor is not shipped."""

from __future__ import annotations

from typing import Any

import numba
import pytest

from services.bento.shipped_kernels import _CONTRACTION


def multiply_and_add(a: float, b: float, c: float) -> float:
    return a * b + c


def code_of(**options: Any) -> str:
    make: Any = numba.njit
    kernel = make(**options)(multiply_and_add)
    kernel(1.0, 2.0, 3.0)
    (code,) = kernel.inspect_llvm().values()
    return str(code)


def test_strict_products_and_sums_are_shipped() -> None:
    assert _CONTRACTION.search(code_of()) is None


@pytest.mark.parametrize("fastmath", [True, {"contract"}, {"reassoc"}])
def test_what_llvm_may_contract_or_reorder_is_refused(fastmath: object) -> None:
    assert _CONTRACTION.search(code_of(fastmath=fastmath)) is not None

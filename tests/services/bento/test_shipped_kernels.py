"""Code whose sums may be rounded otherwise on another processor is not shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numba
import pytest

from aggregators.kernels.shipped.families import FAMILIES
from aggregators.kernels.shipped.kernel_archive import archive_path
from services.bento import shipped_kernels
from services.bento.shipped_kernels import _CONTRACTION, main


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


def test_kernels_of_sources_that_have_changed_meanwhile_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = iter(["before", "after"])
    family = next(iter(FAMILIES))
    path = archive_path(tmp_path / "aggregators", family)

    def compiled(*_: object) -> bool:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"kernels")
        return True

    monkeypatch.setattr(shipped_kernels, "source_digest", lambda _package: next(digests))
    monkeypatch.setattr(shipped_kernels, "_compile_in_a_process", compiled)
    with pytest.raises(SystemExit, match="have changed while"):
        main(["aggregators.kernels.selection", "--family", family, "--to", str(tmp_path)])
    assert not path.exists()

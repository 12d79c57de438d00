"""Kernels are compiled by other processes before they are needed, however those fare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aggregators.kernels.compilation import FEATURE_KERNELS
from services.bento.startup import EXPLANATION_KERNELS

ROOT = Path(__file__).parent.parent.parent.parent

COMPILE_ONE = """
import sys
from numba.core import event
import aggregators.kernels.compilation as compiling

told = []
with event.install_recorder("numba:compile") as recorder:
    compiling.compile_kernels(
        ("estimators.features.shrinkage", "estimators.quantiles.calibration_kernels"),
        lambda *pair: told.append(pair),
    )
print(len(recorder.buffer), told)
"""


def compile_in(folder: Path, *, python: str = sys.executable) -> str:
    """Compile a few small kernels into a cache folder; return what was compiled in that process."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.executable = {python!r}\n{COMPILE_ONE}"],
        cwd=ROOT,
        env={"NUMBA_CACHE_DIR": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_an_empty_cache_is_filled_by_other_processes(tmp_path: Path) -> None:
    steps = "[(0, 3), (1, 3), (2, 3), (3, 3), (3, 3)]"
    assert compile_in(tmp_path) == f"0 {steps}"
    assert compile_in(tmp_path) == "0 [(3, 3), (3, 3)]"


def test_where_no_other_process_can_be_had_this_one_compiles(tmp_path: Path) -> None:
    compilations, _, steps = compile_in(tmp_path, python="/bin/false").partition(" ")
    assert int(compilations) > 0
    assert steps == "[(0, 3), (3, 3)]"


@pytest.mark.parametrize("package", ["aggregators", "estimators"])
def test_services_compile_the_kernels_of_all_modules(package: str) -> None:
    having = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / package).rglob("*.py")
        if "\n@compiled(" in path.read_text()
    }
    assert having == {module for module in EXPLANATION_KERNELS if module.startswith(package)}
    assert set(FEATURE_KERNELS) <= set(EXPLANATION_KERNELS)

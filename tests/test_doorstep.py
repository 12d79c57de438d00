"""``import doorstep`` has the public names of all packages, is cheap, and is typed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import doorstep

ROOT = Path(__file__).parent.parent
PACKAGES = ("aggregators", "estimators", "services")
PUBLIC: Any = (
    doorstep  # its names are found when it runs, a type checker sees those of the packages
)
HEAVY = ("numpy", "pandas", "numba", "lightgbm", "bentoml", "aggregators", "estimators", "httpx")

USE = """
from typing import assert_type
import doorstep
from doorstep import EtaClient, FeatureSet, train
def check(features: FeatureSet, client: EtaClient, dataset: doorstep.Dataset) -> None:
    assert_type(doorstep.load("etp:latest"), doorstep.TrainedEstimator)
    assert_type(train(doorstep.Etp, dataset), doorstep.TrainedEstimator)
    assert_type(client.is_ready(), bool)
    features.no_such_name
    doorstep.no_such_name
"""


def loaded_after(code: str) -> set[str]:
    """Return which heavy libraries a program has loaded, in a process of its own."""
    seen = f"import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {seen}"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_of_a_package_is_there(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(doorstep, name) is getattr(module, name)
    assert set(module.__all__) <= set(dir(doorstep))


def test_there_is_no_other_name_and_none_twice() -> None:
    names = [name for one in PACKAGES for name in importlib.import_module(one).__all__]
    assert len(names) == len(set(names))
    assert sorted(names) == PUBLIC.__all__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = PUBLIC.no_such_name


def test_a_notebook_finds_what_it_needs() -> None:
    needed = {
        "Conditions", "CourierTravel", "Dataset", "EtaClient", "EtaModel", "Etp", "FeatureSet",
        "Parking", "WallEta", "evaluate", "load", "load_eta", "train",
    }  # fmt: skip
    assert needed <= set(PUBLIC.__all__)


def test_an_import_loads_what_is_used_and_no_more() -> None:
    assert loaded_after("import doorstep") == set()
    assert loaded_after("import services") == set()
    assert loaded_after("import doorstep; doorstep.EtaClient") == {"httpx"}
    assert "estimators" not in loaded_after("import doorstep; doorstep.Source")
    assert not {"bentoml", "lightgbm"} & loaded_after("import estimators; estimators.Dataset")
    assert "lightgbm" in loaded_after("import estimators; estimators.train")


def test_names_are_typed(tmp_path: Path) -> None:
    program = tmp_path / "notebook.py"
    program.write_text(USE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"),
         str(program)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(lines) == 2, done.stdout
    assert '"FeatureSet" has no attribute "no_such_name"' in lines[0]
    assert 'Module has no attribute "no_such_name"' in lines[1]

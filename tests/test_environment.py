"""Which Pythons the environment is made with, and that all places that name them agree."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_packaging import PYPROJECT

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "requirements" / "make_environment.sh"
CHECK = runpy.run_path(str(ROOT / "requirements" / "check_python.py"))
TESTED = [".".join(map(str, version)) for version in CHECK["TESTED"]]
NEWEST = ".".join(map(str, CHECK["NEWEST"]))
LINUX = "linux-x86_64"

# Runs what make_environment.sh asks for as a Python of another version; makes no environment.
AS_ANOTHER = """
import platform, runpy, sys
version, (first, *rest) = sys.argv[1], sys.argv[2:]
sys.version_info = (*map(int, version.split(".")), 0, "final", 0)
platform.python_version = lambda: version + ".0"
if first == "-c":
    exec(rest[0])
elif first == "-m":
    print("ran", *rest)
else:
    runpy.run_path(first, run_name="__main__")
"""

Make = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Runs the script where the path has these Pythons alone: name -> version."""

    def run(pythons: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        (tmp_path / "as_another.py").write_text(AS_ANOTHER)
        for name, version in pythons.items():
            real = f'exec "{sys.executable}" "{tmp_path}/as_another.py" {version} "$@"'
            (folder / name).write_text(f"#!/bin/sh\n{real}\n")
            (folder / name).chmod(0o755)
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), "place"],
            env={**environment, "PATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def refusal(version: str = "3.12", machine: str = LINUX, **others: Any) -> str:
    options = {"implementation": "cpython", "is_free_threaded": False, **others}
    numbers = tuple(int(number) for number in version.split("."))
    reason: str = CHECK["reason_against"](numbers, machine=machine, **options)
    return reason


@pytest.mark.parametrize("version", [*TESTED, NEWEST])
@pytest.mark.parametrize("machine", [LINUX, "linux-aarch64", "macosx-14.0-arm64"])
def test_these_can_have_the_locked_packages(version: str, machine: str) -> None:
    assert refusal(version, machine) == ""
    assert bool(CHECK["remark_on"](tuple(map(int, version.split("."))))) == (version not in TESTED)


def test_others_are_told_why_they_cannot() -> None:
    assert f"Python 3.15 is newer than the locked packages, which have wheels up to {NEWEST}" in (
        refusal("3.15.2")
    )
    assert "this is pypy" in refusal(implementation="pypy")
    assert "global interpreter lock" in refusal(is_free_threaded=True)
    assert "Apple silicon, and this is macosx-13.0-x86_64" in refusal(machine="macosx-13.0-x86_64")
    assert "this one has musl" in refusal(machine="linux-x86_64-musl")


def test_a_tested_version_comes_before_whatever_python3_is(make: Make) -> None:
    done = make({"python3": "3.14", "python3.13": "3.13", "python3.14": "3.14"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Making place with python3.13 (3.13.0)",
        "ran venv place",
    ]


def test_a_version_that_nobody_tests_is_taken_with_a_remark(make: Make) -> None:
    done = make({"python3": "3.14", "python": "2.7"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Making place with python3 (3.14.0)",
        "Nobody runs the tests with Python 3.14; they run with 3.11, 3.12, 3.13.",
        "ran venv place",
    ]


def test_a_version_that_is_too_new_is_refused_with_the_remedy(make: Make) -> None:
    done = make({"python3": "3.15", "python3.10": "3.10"})
    assert done.returncode == 1
    assert done.stdout == ""
    assert "python3: Python 3.15 is newer than the locked packages" in done.stderr
    assert "make PYTHON=/path/to/python3.12" in done.stderr


def test_a_python_that_is_named_is_the_only_one_looked_at(make: Make) -> None:
    pythons = {"python3.12": "3.12", "python3.15": "3.15"}
    done = make(pythons, PYTHON="python3.15")
    assert done.returncode == 1
    assert "among: python3.15." in done.stderr


def test_all_places_name_the_same_versions() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == TESTED
    named = "Programming Language :: Python :: "
    classifiers = [one for one in PYPROJECT["project"]["classifiers"] if one.startswith(named)]
    assert classifiers == [named + version for version in TESTED]
    assert PYPROJECT["project"]["requires-python"] == f">={TESTED[0]}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python {TESTED[0]} to {TESTED[-1]}, with which the tests run" in readme
    assert f"({NEWEST} installs, untested)" in readme


def test_this_python_is_one_of_them() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "requirements" / "check_python.py")],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stdout

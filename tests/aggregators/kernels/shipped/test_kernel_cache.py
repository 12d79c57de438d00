"""What was compiled beforehand is loaded where it fits, gives the same bits, and is else not used.

A package with two kernels stands for those of features and estimates. It is compiled for each
family of processors that this one belongs to, by processes of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from aggregators.kernels.shipped.families import FAMILIES, family_of_this_processor

ROOT = Path(__file__).parents[4]

SOURCE = """
from aggregators.kernels.argument_types import FLOATS, INTS
from aggregators.kernels.numba_cache import compiled, inner

@inner
def product(a: float, b: float) -> float:
    return a * b

@compiled(FLOATS, FLOATS, FLOATS)
def multiply_and_add(a, b, c):
    for i in range(len(a)):
        c[i] += product(a[i], b[i])

@compiled(INTS)
def total(numbers):
    found = {start}
    for number in numbers:
        found += number
    return found
"""

CALL = """
import json, sys
import numpy as np
import aggregators.kernels.shipped.kernel_archive as archive
from numba.core import event

if sys.argv[1]:
    archive.family_of_this_processor = lambda: sys.argv[1]
import some_kernels.loops as loops

a, b, c = np.random.default_rng(7).normal(size=(3, 1000))
with event.install_recorder("numba:compile") as recorder:
    cached = [loops.multiply_and_add.is_cached, loops.total.is_cached]
    loops.multiply_and_add(a, b, c)
    total = loops.total(np.arange(4))
print(json.dumps({"compiled": len(recorder.buffer), "c": c.tolist(), "total": int(total),
                  "cached": cached}))
"""

BEST = family_of_this_processor()
RUNNING = list(FAMILIES)[list(FAMILIES).index(BEST) :] if BEST else []

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RUNNING, reason="no family of processors is known for this one"),
]


class Installation:
    """A package with kernels, as a wheel would install it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "some_kernels"
        self.package.mkdir(exist_ok=True)
        (self.package / "__init__.py").write_text("")
        self.write(start=0)

    def write(self, *, start: int) -> None:
        (self.package / "loops.py").write_text(SOURCE.format(start=start))

    def python(self, *arguments: str, cache: str = "empty") -> str:
        path = os.pathsep.join(map(str, (self.folder, ROOT)))
        environment = {**os.environ, "PYTHONPATH": path}
        environment["NUMBA_CACHE_DIR"] = str(self.folder / cache)
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def compile(self, *families: str) -> None:
        given = [part for family in families for part in ("--family", family)]
        self.python("-m", "services.bento.shipped_kernels", "some_kernels.loops", *given)

    def call(self, *, family: str = "", cache: str = "empty") -> dict[str, object]:
        found: dict[str, object] = json.loads(self.python("-c", CALL, family, cache=cache))
        return found

    @property
    def archives(self) -> list[Path]:
        return sorted((self.package / "shipped_kernels").glob("*.zip"))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = Installation(tmp_path_factory.mktemp("shipped"))
    installation.compile(*RUNNING)
    assert len(installation.archives) == len(RUNNING)
    return installation


@pytest.fixture
def own(shipped: Installation, tmp_path: Path) -> Installation:
    """A copy with kernels for this processor alone."""
    shutil.copytree(shipped.package, tmp_path / "some_kernels")
    installation = Installation(tmp_path)
    for path in installation.archives:
        if not path.name.endswith(f"x86_64-{BEST}.zip"):
            path.unlink()
    return installation


@pytest.mark.parametrize("family", RUNNING)
def test_every_family_rounds_products_and_sums_one_by_one(
    shipped: Installation, family: str
) -> None:
    answer = shipped.call(family=family)
    assert answer["compiled"] == 0
    assert answer["cached"] == [True, True]
    a, b, c = np.random.default_rng(7).normal(size=(3, 1000)).tolist()
    assert answer["c"] == [x * y + z for x, y, z in zip(a, b, c, strict=True)]
    at_once = [
        float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)
    ]
    assert answer["c"] != at_once, "these numbers would not show a product that is not rounded"
    assert answer["total"] == 6


def test_kernels_of_other_sources_are_compiled_again(own: Installation) -> None:
    assert own.call()["compiled"] == 0
    own.write(start=10)
    answer = own.call(cache="second")
    assert answer["total"] == 16
    assert answer["compiled"] != 0
    assert answer["cached"] == [False, False]


def test_kernels_of_another_compiler_are_compiled_again(own: Installation) -> None:
    (path,) = own.archives
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(entries["about.json"])
    entries["about.json"] = json.dumps({**about, "numba": "0.0.1"}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    assert own.call()["compiled"] != 0


def test_a_damaged_archive_is_not_used(own: Installation) -> None:
    (path,) = own.archives
    path.write_bytes(path.read_bytes()[:100])
    answer = own.call()
    assert answer["compiled"] != 0
    assert answer["total"] == 6


def test_archives_of_other_sources_go_when_kernels_are_compiled(own: Installation) -> None:
    (old,) = own.archives
    of_another_python = old.with_name("cpython-399-linux-x86_64-x86-64.zip")
    of_another_python.write_bytes(old.read_bytes())
    own.compile(BEST)
    assert of_another_python.exists(), "it was compiled from the same sources"
    own.write(start=1)
    own.compile(BEST)
    assert not of_another_python.exists()

"""The wheel of release 0.1.0 lives beside the current code and computes the same features.

A later major version of `aggregators` may compute other values. Models that were trained on the
values of this release then need its code, so the wheel must stay installable on its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
WHEEL = FIXTURES / "doorstep-0.1.0-py3-none-any.whl"
PACKAGES = ("aggregators", "commands", "doorstep", "estimators", "services", "simulator")

# Run by both versions. The values have no short binary form, so that sums in another order differ.
PROGRAM = textwrap.dedent(
    """
    import pandas as pd
    from aggregators import (
        Duration, FeatureSet, Ratio, Source, StatsAfterEvent, StatsBetweenEvents, StatsLastNSamples,
    )

    ORDERS = Source(
        "orders", sample_id="order_id", events=("dispatched", "accepted", "ready"),
        dimensions=("store_id",), attributes=("amount",),
    )
    noon = pd.Timestamp("2026-03-02 12:00", tz="UTC")
    dispatched = [noon + pd.Timedelta(seconds=97 * i) for i in range(40)]
    ORDER_TABLE = pd.DataFrame(
        {
            "order_id": range(40),
            "store_id": ["s-7", "s-8", "s-7"] * 13 + ["s-8"],
            "amount": [0.1 * (i * 7 % 11) + 1 / 3 for i in range(40)],
            "dispatched": dispatched,
            "accepted": [t + pd.Timedelta(seconds=13 + i % 5) for i, t in enumerate(dispatched)],
            "ready": [
                t + pd.Timedelta(milliseconds=301_007 + 7_919 * (i * 5 % 17)) if i % 6 else pd.NaT
                for i, t in enumerate(dispatched)
            ],
        }
    )
    time_to_ready = Duration("dispatched", "ready")
    features = FeatureSet(
        [
            StatsLastNSamples(
                ORDERS, name="last_7", dimension="store_id", function="mean", event="ready", n=7,
                attribute=Ratio("amount", time_to_ready),
            ),
            StatsBetweenEvents(
                ORDERS, name="queue", dimension="store_id", function="count",
                first_event="dispatched", second_event="ready", max_age="20min",
            ),
            StatsAfterEvent(
                ORDERS, name="spread", dimension="store_id", function="std", attribute="amount",
                event="accepted", window="15min",
            ),
        ]
    )
    values = features.transform(ORDER_TABLE, "training", as_of="dispatched")
    COMPUTED = {
        "fingerprints": [feature.fingerprint for feature in features],
        "values": {name: [float(v).hex() for v in values[name]] for name in values.columns},
    }
    """
)

SHOWN = """
import importlib, importlib.metadata, json, sys
sys.path.insert(0, sys.argv[1])
packages = {name: importlib.import_module(name) for name in json.loads(sys.argv[2])}
exec(compile(open(sys.argv[3], encoding="utf-8").read(), "program", "exec"))
print(json.dumps({
    "files": {name: package.__file__ for name, package in packages.items()},
    "distribution": [one.version for one in importlib.metadata.distributions(
        name="doorstep", path=[sys.argv[1]])],
    "aggregators": packages["aggregators"].__version__,
    "computed": COMPUTED,
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release in a folder of its own, without dependencies and without the package index."""
    folder = tmp_path_factory.mktemp("release")
    install = ("uv", "pip", "install", "--offline", "--no-deps", "--quiet", "--target")
    made = subprocess.run(
        [sys.executable, "-m", *install, str(folder), "--python", sys.executable, str(WHEEL)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def shown(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the release reports, from a process that sees its folder before all others.

    Uncompiled: compiling the kernels of a fresh installation takes longer than the forty rows do.
    """
    folder = tmp_path_factory.mktemp("asked")
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    arguments = (str(installed), json.dumps(PACKAGES), str(program))
    run = subprocess.run(
        [sys.executable, "-c", SHOWN, *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "BENTOML_DO_NOT_TRACK": "True"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    reported: dict[str, Any] = json.loads(run.stdout)
    return reported


def test_the_release_is_imported_from_its_own_folder(
    installed: Path, shown: dict[str, Any]
) -> None:
    folders = {name: Path(file).parent.parent for name, file in shown["files"].items()}
    assert folders == dict.fromkeys(PACKAGES, installed)


def test_the_release_has_its_versions(shown: dict[str, Any]) -> None:
    assert shown["distribution"] == ["0.1.0"]
    assert shown["aggregators"] == "1.0.0"


def test_the_current_code_computes_the_same_bits(shown: dict[str, Any]) -> None:
    names: dict[str, Any] = {}
    exec(compile(PROGRAM, "program", "exec"), names)
    assert names["COMPUTED"] == shown["computed"]
    mean = [value for value in shown["computed"]["values"]["last_7"] if value != "nan"]
    assert len(set(mean)) > 20, "the comparison needs many different values"


def test_the_wheel_holds_sources_alone_and_is_small() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        assert wheel.testzip() is None
    kinds = {Path(name).suffix for name in names if ".dist-info/" not in name}
    assert kinds <= {".py", ".typed", ".md", ".html", ".css", ".j2", ".txt", ".json"}
    assert WHEEL.stat().st_size < 2_000_000, "the wheel is stored with the sources: keep it small"

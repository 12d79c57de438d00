"""The wheel of release 0.1.0 lives beside the current code, over the same event store.

Its `aggregators` 1.0.0 adds pairwise, where later ones round the exact sum: the other features are
the same bits, and sums agree closely. Models that were trained on the values of 1.0.0 need its
code: the current code refuses them and says what to do, and the release goes on serving them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

import aggregators
from aggregators import Duration, FeatureSet, SqliteEventStore
from aggregators.functions import FUNCTION_VERSIONS
from commands.main import app
from deploy.bentos import BentoPlan
from estimators import DefinitionMismatchError
from estimators.etp import Etp
from estimators.registry import model_store
from estimators.registry import models as registry
from services.estimation.loading import ModelMissing, ServedPart, load_fallback, load_part
from services.estimation.metrics import EstimateMetrics
from tests import release_program as current

ROOT = Path(__file__).parent.parent
WHEEL = Path(__file__).parent / "fixtures" / "doorstep-0.1.0-py3-none-any.whl"
PROGRAM = Path(__file__).parent / "release_program.py"
LARGEST_DIFFERENCE = 1e-12
"""Between sums that are rounded once and sums that are rounded at each step, relative."""
MOMENT = "2026-03-02T12:35:00Z"

Release = Callable[..., Any]


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
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The BentoML home of the release."""
    return tmp_path_factory.mktemp("bentoml")


@pytest.fixture(scope="module")
def release(installed: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Run a task of the program in a process that sees the release before all other code.

    Uncompiled: compiling the kernels of a fresh installation takes longer than so few rows do.
    """
    settings = {
        "PYTHONPATH": str(installed),
        "NUMBA_DISABLE_JIT": "1",
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
    }

    def run(*arguments: str | Path) -> Any:
        done = subprocess.run(
            [sys.executable, "-P", str(PROGRAM), *map(str, arguments)],
            cwd=tmp_path_factory.mktemp("asked"),
            capture_output=True, text=True, check=False, env={**os.environ, **settings},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def has_new_definition(name: str) -> bool:
    """Whether sums are part of a feature of the program."""
    return name.rpartition("_")[0].removesuffix("_last") in FUNCTION_VERSIONS


def assert_agree(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare features: the same bits, but for sums."""
    assert found.keys() == expected.keys()
    for name, value in found.items():
        tolerance = LARGEST_DIFFERENCE if has_new_definition(name) else 0.0
        np.testing.assert_allclose(value, expected[name], rtol=tolerance, atol=0.0, err_msg=name)


def test_the_release_is_imported_from_its_own_folder(installed: Path, release: Release) -> None:
    shown = release("versions")
    assert shown["folders"] == dict.fromkeys(current.PACKAGES, str(installed))
    assert shown["distribution"] == ["0.1.0"]
    assert shown["aggregators"] == "1.0.0"


def test_features_of_a_table_are_the_same_bits_and_sums_agree_closely(release: Release) -> None:
    before, now = release("training"), current.training()
    assert_agree(now["values"], before["values"])
    changed = {name for name in before["values"] if has_new_definition(name)}
    assert len(changed) == 4 * len(FUNCTION_VERSIONS)
    assert {
        name
        for name, fingerprint in now["fingerprints"].items()
        if fingerprint != before["fingerprints"][name]
    } == changed
    for name, values in now["values"].items():
        assert len({value for value in values if value == value}) > 2, f"{name} shows little"


@pytest.mark.parametrize("writer", ["release", "current"])
def test_each_reads_an_event_store_that_the_other_wrote(
    writer: str, release: Release, tmp_path: Path
) -> None:
    file = tmp_path / "events.db"

    def now(task: str, path: Path) -> Any:
        return current.TASKS[task](str(path))

    first, second = (release, now) if writer == "release" else (now, release)
    written = first("write", file)["values"]
    found = second("read", file)
    for one, other in zip(found["before"], written, strict=True):
        assert_agree(one, other)
    assert found["values"] != found["before"]
    for one, other in zip(first("look", file)["values"], found["values"], strict=True):
        assert_agree(one, other)


class Trained(NamedTuple):
    """What the release trained: the tags of its models, and their features."""

    tags: dict[str, str]
    features: list[str]


@pytest.fixture(scope="module")
def trained(release: Release) -> Trained:
    return Trained(**release("train"))


def test_the_release_serves_its_model_from_an_event_store_of_the_current_code(
    release: Release, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / "events.db"
    store = SqliteEventStore(file, sources=[current.ORDERS])
    store.append_table(current.ORDERS, current.orders())
    store.close()
    answer = release("serve", file, MOMENT)
    assert answer["status"] == "ok"
    assert answer["model"]["tag"] == trained.tags["etp"]
    assert answer["model"]["aggregators_version"] == "1.0.0"

    target = Duration("dispatched", "ready")
    defined = {one.name: one for one in Etp.features_for(current.ORDERS, target)}
    features = FeatureSet([defined[name] for name in trained.features])
    store = SqliteEventStore(file, sources=[current.ORDERS])
    expected = features.transform(
        store,
        "inference",
        as_of=pd.Timestamp(MOMENT),
        keys=dict.fromkeys(features.dimensions, "s-7"),
        sample_id=None,
    )
    store.close()
    served = {
        name: np.nan if value is None else value for name, value in answer["features"].items()
    }
    assert served == pytest.approx(expected, rel=LARGEST_DIFFERENCE, abs=0.0, nan_ok=True)
    assert sum(value == value for value in served.values()) > len(served) / 2


@pytest.fixture
def models_of_the_release(home: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """The models of the release in the model store of this process."""
    monkeypatch.setattr(model_store, "_store", lambda: home / "models")
    return trained


def refusal(tag: str, command: str) -> str:
    """The message for a model of the release."""
    return (
        f"{tag} was trained with aggregators 1.0.0; aggregators {aggregators.__version__} is"
        f" installed and computes some of its features differently. Train it again: `{command}`."
        " Until then, the bento or the release that it was trained with serves it from the same"
        " event store"
    )


def test_a_model_of_the_release_is_refused_with_the_command_that_trains_it_again(
    models_of_the_release: Trained,
) -> None:
    command = "doorstep train etp --dataset cities"
    for name, expected_command in (("etp", command), ("eta_ready", f"{command} --name eta_ready")):
        tag = models_of_the_release.tags[name]
        expected = refusal(tag, expected_command)
        with pytest.raises(DefinitionMismatchError) as caught:
            registry.load(tag)
        assert str(caught.value) == expected
        assert registry.read(tag).metadata["aggregators_version"] == "1.0.0"


def test_a_service_does_not_answer_with_a_model_of_the_release(
    models_of_the_release: Trained,
) -> None:
    tag = models_of_the_release.tags["etp"]
    metrics = EstimateMetrics("etp", CollectorRegistry())
    with pytest.raises(ModelMissing) as caught:
        load_part("etp:latest", ServedPart("etp"), metrics=metrics)
    assert str(caught.value) == refusal(tag, "doorstep train etp --dataset cities")
    assert load_fallback("etp:latest", why="no model") is not None


@pytest.mark.parametrize("command", [("evaluate",), ("explain",), ("models", "seal")], ids=" ".join)
def test_a_command_does_not_use_a_model_of_the_release(
    command: tuple[str, ...], models_of_the_release: Trained
) -> None:
    tag = models_of_the_release.tags["etp"]
    shown = CliRunner().invoke(app, [*command, "etp:latest"])
    assert shown.exit_code == 1, shown.output
    assert refusal(tag, "doorstep train etp --dataset cities") in shown.output


def test_a_bento_of_the_current_code_gets_no_model_of_the_release(
    models_of_the_release: Trained,
) -> None:
    tag = models_of_the_release.tags["eta_ready"]
    with pytest.raises(DefinitionMismatchError) as caught:
        BentoPlan.of("etp", ROOT)
    command = "doorstep train etp --dataset cities --name eta_ready"
    assert str(caught.value) == refusal(tag, command)


def test_the_wheel_holds_sources_alone_and_is_small() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        names = wheel.namelist()
        assert wheel.testzip() is None
    kinds = {Path(name).suffix for name in names if ".dist-info/" not in name}
    assert kinds <= {".py", ".typed", ".md", ".html", ".css", ".j2", ".txt", ".json"}
    assert WHEEL.stat().st_size < 2_000_000, "the wheel is stored with the sources: keep it small"

"""The bento builds, and serves from an environment that holds what it names and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement

from services.process import free_port
from tests.test_packaging import pins

ROOT = Path(__file__).parent.parent
SOURCES = ("aggregators", "estimators", "services")
OTHER_FILES = ("bentofile.yaml", "LICENSE", "README.md")
COMMAND_TIMEOUT_S = 300.0
START_TIMEOUT_S = 240.0  # nothing is compiled yet: neither bytecode nor kernels

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Bento:
    """A bento as a container gets it: unpacked, its model inside."""

    folder: Path
    model: str
    order: dict[str, object]

    @property
    def requirements(self) -> Path:
        return self.folder / "env" / "python" / "requirements.txt"


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command prints; its whole output where it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=COMMAND_TIMEOUT_S,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without anything through which the repository could leak in."""
    leaks = ("PYTHON", "VIRTUAL_ENV", "BENTOML_", "DOORSTEP_", "COV_", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(leaks)}
    return {**kept, "BENTOML_DO_NOT_TRACK": "True", **settings}


def train_a_small_model() -> tuple[str, dict[str, object]]:
    """The tag of a model of a small simulated city, and an order to ask it about."""
    from commands.datasets import simulated_dataset
    from estimators import registry
    from estimators.training import train_etp
    from simulator import CityPlan

    dataset = simulated_dataset(CityPlan(stores=4, days=8, seed=1))
    trained = train_etp(dataset, baselines=False)
    last = dataset.table.iloc[-1]
    names = {*trained.estimator.features.dimensions, *trained.estimator.facts.inputs}
    order = {name: None if pd.isna(last[name]) else last[name] for name in names}
    return registry.save(trained), json.loads(json.dumps(order, default=float))


@pytest.fixture(scope="module")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Bento:
    """Built from a copy, so that nothing but the copied files can get into it."""
    tag, order = train_a_small_model()
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in OTHER_FILES:
        shutil.copy(ROOT / name, source / name)
    (source / "requirements").mkdir()
    shutil.copy(ROOT / "requirements" / "runtime.lock", source / "requirements")

    run(sys.executable, "-m", "bentoml", "build", cwd=source)
    archive = tmp_path_factory.mktemp("bento") / "bento.zip"
    run(sys.executable, "-m", "bentoml", "export", "doorstep-etp:latest", archive, cwd=source)
    shutil.unpack_archive(archive, archive.parent / "bento")
    archive.unlink()
    return Bento(archive.parent / "bento", tag, order)


@pytest.fixture(scope="module")
def environment(bento: Bento, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Python of a fresh environment, installed as the bento's own Dockerfile installs it."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    python = folder / "bin" / "python"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    assert uv is not None, "uv is missing; `make test` installs it"
    settings = clean_environment()
    if "PIP_INDEX_URL" in settings:
        settings.setdefault("UV_DEFAULT_INDEX", settings["PIP_INDEX_URL"])
    run(uv, "venv", "--python", sys.executable, folder, cwd=bento.folder, env=settings)
    install = (uv, "pip", "install", "--python", python, "-r", bento.requirements)
    try:
        run(*install, cwd=bento.folder / "src", env=settings)
    except AssertionError as error:
        unreachable = "client error (Connect)" in str(error) or "dns error" in str(error)
        if unreachable and not os.environ.get("CI"):
            pytest.skip("the package index cannot be reached, so nothing can be installed")
        raise
    yield python
    shutil.rmtree(folder)  # a gigabyte that nobody will look at


@contextlib.contextmanager
def served(python: Path, bento: Bento, folder: Path) -> Iterator[str]:
    """Serve the bento from a folder of its own, with an empty model store; gives the URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [str(python), "-m", "bentoml", "serve", str(bento.folder), "--port", str(port)]
    log = folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(BENTOML_HOME=str(folder / "bentoml")),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/readyz", timeout=2.0).is_success:
                    yield url
                    return
            time.sleep(0.2)
        pytest.fail(f"the bento does not serve:\n{log.read_text(errors='replace')}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_bento_names_exactly_what_is_locked(bento: Bento) -> None:
    lines = bento.requirements.read_text(encoding="utf-8").splitlines()
    named = [line for line in lines if line and line[0].isalnum()]
    requirements = [Requirement(line.rstrip("\\ ")) for line in named]
    locked = pins("runtime")
    assert {requirement.name for requirement in requirements} == set(locked)
    for requirement in requirements:
        assert str(requirement.specifier) == f"=={locked[requirement.name]}"


def test_bento_holds_the_model_and_the_code_alone(bento: Bento) -> None:
    manifest = yaml.safe_load((bento.folder / "bento.yaml").read_text(encoding="utf-8"))
    assert [model["tag"] for model in manifest["models"]] == [bento.model]
    name, _, version = bento.model.partition(":")
    assert (bento.folder / "models" / name / version).is_dir()
    inside = {path.name for path in (bento.folder / "src").iterdir()}
    assert inside == {*SOURCES, "LICENSE", "bentofile.yaml"}


def test_bento_serves_from_its_own_environment(
    bento: Bento, environment: Path, tmp_path: Path
) -> None:
    program = "import importlib.util as i; print(i.find_spec('aggregators'), i.find_spec('pytest'))"
    seen = run(environment, "-c", program, cwd=tmp_path, env=clean_environment())
    assert seen.split() == ["None", "None"], "the repository leaks into the bento's environment"

    with served(environment, bento, tmp_path) as url:
        body = {"order": bento.order, "sample_id": None}
        answer = httpx.post(f"{url}/predict", json=body, timeout=10.0)
        assert answer.status_code == httpx.codes.OK, answer.text
        assert answer.json()["model"]["tag"] == bento.model
        assert answer.json()["mean_s"] > 0.0

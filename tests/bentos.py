"""Bentos for tests: made from a copy of the sources, served by a Python that has what they lock."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx

from services.bento.process import free_port
from tests.patient_http import get, post
from tests.test_packaging import pins
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parent.parent
SOURCES = ("aggregators", "estimators", "services")

_FAILED = b"Application startup failed"

_TRAIN_A_SMALL_MODEL = """
import json
import pandas as pd
from commands.data.sources import simulated_dataset
from estimators.registry import models as registry
from estimators.etp import train_etp
from simulator import CityPlan

dataset = simulated_dataset(CityPlan(stores=4, days=8, seed=1))
trained = train_etp(dataset, baselines=False)
last = dataset.table.iloc[-1]
names = sorted({*trained.estimator.features.dimensions, *trained.estimator.facts.inputs})
order = {name: None if pd.isna(last[name]) else last[name] for name in names}
print(json.dumps({"tag": registry.save(trained, name="eta_ready"), "order": order}, default=float))
"""


@dataclass(frozen=True)
class Bento:
    """A bento as a container gets it: unpacked, its model inside.

    Args:
        folder: the bento.
        home: the BentoML home that it was built from.
        model: the tag of its model.
        order: an order to ask it about.
    """

    folder: Path
    home: Path
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
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment without anything through which the repository could leak in."""
    leaks = ("PYTHON", "VIRTUAL_ENV", "BENTOML_", "DOORSTEP_", "COV_", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(leaks)}
    return {**kept, "BENTOML_DO_NOT_TRACK": "True", **settings}


def copied_sources(folder: Path, service: str) -> Path:
    """A copy of what a bento is built from, so that nothing else can get into it."""
    compiled = shutil.ignore_patterns("*.pyc")  # kernels that are compiled already come along
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=compiled)
    bentofile = "bentofile.yaml" if service == "eta" else f"bentofile.{service}.yaml"
    (folder / "requirements").mkdir()
    for name in (bentofile, f"requirements/{service}.lock", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def etp_bento(source: Path, folder: Path) -> Bento:
    """Train a small eTP with the code of `source`, and build the bento of both."""
    home = folder / "bentoml"
    home.mkdir(parents=True)
    settings = clean_environment(
        BENTOML_HOME=str(home), PYTHONPATH=os.pathsep.join([str(source), str(ROOT)])
    )
    said = run(sys.executable, "-c", _TRAIN_A_SMALL_MODEL, cwd=source, env=settings)
    trained = json.loads(said.splitlines()[-1])
    built = built_bento("etp", source, folder / "bento", home)
    return Bento(built, home, trained["tag"], trained["order"])


def built_bento(service: str, source: Path, folder: Path, home: Path) -> Path:
    """Build the bento of a service from `source`, and unpack it."""
    bentofile = "bentofile.yaml" if service == "eta" else f"bentofile.{service}.yaml"
    settings = clean_environment(BENTOML_HOME=str(home))
    bentoml = (sys.executable, "-m", "bentoml")
    run(*bentoml, "build", "-f", bentofile, "--version", "built", cwd=source, env=settings)
    archive = home / f"{service}.zip"
    name = f"doorstep-{service.replace('_', '-')}:built"
    run(*bentoml, "export", name, archive, cwd=source, env=settings)
    shutil.unpack_archive(archive, folder)
    archive.unlink()
    lend_kernels(source, folder / "src")
    return folder


def lend_kernels(source: Path, folder: Path) -> None:
    """Give a copy of the sources the kernels that are compiled already: it saves half a minute.

    What was compiled from other sources than these is found out by those that load it.
    """
    for cache in source.rglob("__pycache__"):
        twin = folder / cache.relative_to(source)
        if twin.parent.is_dir():
            compiled = shutil.ignore_patterns("*.pyc")
            shutil.copytree(cache, twin, ignore=compiled, dirs_exist_ok=True)


def linked_environment(service: str, folder: Path) -> Path:
    """The Python of an environment that holds what a service locks and nothing else.

    Its libraries are those of the environment that runs the tests: links, so it costs no time.
    """
    venv.EnvBuilder(symlinks=True).create(folder)
    (libraries,) = folder.glob("lib/python*/site-packages")
    for name in pins(service):
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another platform
            continue
        for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            if not (libraries / top).exists():
                (libraries / top).symlink_to(Path(str(installed.locate_file(top))))
    return folder / "bin" / "python"


@contextlib.contextmanager
def served(python: Path, bento: Path, folder: Path, **settings: str) -> Iterator[str]:
    """Serve a bento from its own code, with an empty model store; gives the URL once it is ready.

    Args:
        python: of the environment that serves it.
        bento: folder of the unpacked bento.
        folder: for what the service writes.
        settings: environment variables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{(port := free_port())}"
    place = ("--host", "127.0.0.1", "--port", str(port))
    log = folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), "-m", "services.bento.serve", str(bento), *place],
            cwd=bento / "src",
            env=clean_environment(BENTOML_HOME=str(folder / "bentoml"), **settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:

        def is_ready() -> bool:
            says = log.read_bytes()
            # It would try again, and again.
            assert process.poll() is None, says
            assert _FAILED not in says, says.decode(errors="replace")
            with contextlib.suppress(httpx.HTTPError):
                return get(f"{url}/readyz").is_success
            return False

        wait_until(is_ready, log.read_text, pause_s=0.2)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(url: str, path: str, body: object) -> Any:
    """What a service answers with 200."""
    answer = post(f"{url}{path}", json=body)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()

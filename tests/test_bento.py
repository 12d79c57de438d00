"""A bento builds, and serves from an environment that holds what it names and nothing else.

Each has its own code: an old model stays on the old features while a new one moves on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from aggregators.kernels.compilation import FEATURE_KERNELS
from aggregators.kernels.numba_cache import known_kernels
from deploy.bentos import BentoPlan, build, main
from tests.bentos import (
    ROOT,
    SOURCES,
    Bento,
    ask,
    clean_environment,
    copied_sources,
    etp_bento,
    linked_environment,
    run,
    served,
)
from tests.test_packaging import pins

# What a later version of the package changes: itself, its catalog, and what one feature means.
CHANGES = (
    ("aggregators/__init__.py", '__version__ = "2.0.0"', '__version__ = "3.0.0"'),
    ("aggregators/catalog/__init__.py", 'version="2.0.0"', 'version="3.0.0"'),
    (
        "aggregators/catalog/cities.py",
        'name="city_orders_15min",\n        event="activated",\n        window="15min"',
        'name="city_orders_15min",\n        event="activated",\n        window="25min"',
    ),
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Made:
    """Two bentos of one service, of different versions of the package, and their sources."""

    old_source: Path
    new_source: Path
    old: Bento
    new: Bento


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("versions")
    old_source = copied_sources(folder / "old-source", "etp")
    new_source = copied_sources(folder / "new-source", "etp")
    for name, before, after in CHANGES:
        text = (new_source / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} says {before!r} no longer"
        (new_source / name).write_text(text.replace(before, after), encoding="utf-8")
    with ThreadPoolExecutor(2) as pool:
        old = pool.submit(etp_bento, old_source, folder / "old")
        new = pool.submit(etp_bento, new_source, folder / "new")
        return Made(old_source, new_source, old.result(), new.result())


@pytest.fixture(scope="module")
def bento(made: Made) -> Bento:
    return made.old


@pytest.fixture(
    scope="module", params=["linked", pytest.param("installed", marks=pytest.mark.soak)]
)
def environment(
    request: pytest.FixtureRequest, bento: Bento, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The Python of an environment of the bento's own.

    What is locked is linked into it, or installed as the bento's own Dockerfile installs it.
    """
    folder = tmp_path_factory.mktemp("environment") / "venv"
    if request.param == "linked":
        yield linked_environment("etp", folder)
        return
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


def test_bento_names_exactly_what_is_locked(bento: Bento) -> None:
    lines = bento.requirements.read_text(encoding="utf-8").splitlines()
    named = [line for line in lines if line and line[0].isalnum()]
    requirements = [Requirement(line.rstrip("\\ ")) for line in named]
    locked = pins("etp")
    assert {requirement.name for requirement in requirements} == set(locked)
    for requirement in requirements:
        assert str(requirement.specifier) == f"=={locked[requirement.name]}"


def test_bento_holds_the_model_and_the_code_alone(bento: Bento) -> None:
    manifest = yaml.safe_load((bento.folder / "bento.yaml").read_text(encoding="utf-8"))
    assert [model["tag"] for model in manifest["models"]] == [bento.model]
    name, _, version = bento.model.partition(":")
    assert (bento.folder / "models" / name / version).is_dir()
    inside = {path.name for path in (bento.folder / "src").iterdir()}
    assert inside == {*SOURCES, "LICENSE", "bentofile.yaml", "requirements"}


def test_bento_serves_from_its_own_environment(
    bento: Bento, environment: Path, tmp_path: Path
) -> None:
    program = "import importlib.util as i; print(i.find_spec('aggregators'), i.find_spec('pytest'))"
    seen = run(environment, "-c", program, cwd=tmp_path, env=clean_environment())
    assert seen.split() == ["None", "None"], "the repository leaks into the bento's environment"

    with served(environment, bento.folder, tmp_path / "service") as url:
        answer = ask(url, "/predict", {"order": bento.order, "sample_id": None})
        assert answer["model"]["tag"] == bento.model
        assert answer["mean_s"] > 0.0


@pytest.fixture(scope="module")
def event_bento(tmp_path_factory: pytest.TempPathFactory) -> tuple[BentoPlan, Path]:
    """The plan of the event service's bento, and the bento."""
    folder = tmp_path_factory.mktemp("events")
    root = copied_sources(folder / "source", "events")
    plan = BentoPlan(service="events", root=root, models=())
    assert build(plan, to=folder / "bento")
    return plan, folder / "bento"


def test_event_service_needs_neither_models_nor_their_libraries(
    event_bento: tuple[BentoPlan, Path], tmp_path: Path
) -> None:
    _, folder = event_bento
    assert not (folder / "src" / "estimators").exists()
    assert "lightgbm" not in pins("events")
    python = linked_environment("events", tmp_path / "venv")
    # What the Dockerfile compiles when the image is built, no process compiles again.
    kernels = tmp_path / "kernels"
    settings = clean_environment(
        BENTOML_HOME=str(tmp_path / "bentoml"), NUMBA_CACHE_DIR=str(kernels)
    )
    run(python, "-m", "services.bento.precompile", folder, cwd=folder / "src", env=settings)
    compiled = {path.name for path in kernels.rglob("*.nb?")}
    for module in FEATURE_KERNELS:
        importlib.import_module(module)
    every = [one for one in known_kernels() if one.module in FEATURE_KERNELS]
    wanted = [one.name for one in every if not one.is_for_training]
    assert wanted
    for name in wanted:  # numba names its files after a kernel's file and function
        stem = name.rpartition(".")[2].replace(":", ".")
        assert any(file.startswith(f"{stem}-") for file in compiled), name
    cache = {"NUMBA_CACHE_DIR": str(kernels)}
    with served(python, folder, tmp_path / "service", **cache) as url:
        assert {path.name for path in kernels.rglob("*.nb?")} == compiled
        # Every feature of the catalog, those that tsfresh computes too.
        body = {"keys": {"courier_id": "c-1", "city": "BCN"}, "sample_id": None}
        answer = ask(url, "/features", body)
        assert answer["features"]["city_orders_15min"] == 0.0


def test_bento_is_built_once_and_holds_the_files_of_its_plan(
    event_bento: tuple[BentoPlan, Path], tmp_path: Path
) -> None:
    plan, _ = event_bento
    assert not build(plan, to=tmp_path / "bento")
    source = tmp_path / "bento" / "src"
    inside = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    planned = {path.relative_to(plan.root) for path in plan.files()}
    assert inside == planned | {Path("bentofile.yaml")}


def order_event(number: int, time: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "orders",
        "type": "activated",
        "subject": f"o-{number}",
        "time": f"2026-03-02T{time}Z",
        "data": {"store_id": "store-7", "city": "BCN", "products": number},
    }


def test_old_model_keeps_its_code_while_a_new_one_moves_on(made: Made, tmp_path: Path) -> None:
    """Both serve from one event store; each has its own features, model and answers."""
    python = linked_environment("etp", tmp_path / "venv")
    settings = {"DOORSTEP_STORE": str(tmp_path / "events.db")}
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        starting = [
            pool.submit(
                stack.enter_context, served(python, bento.folder, tmp_path / name, **settings)
            )
            for name, bento in (("old", made.old), ("new", made.new))
        ]
        old_url, new_url = (one.result() for one in starting)
        # Each takes an event, and both know both.
        assert ask(old_url, "/events", order_event(1, "11:40:00"))["applied"] == 1
        assert ask(new_url, "/events", order_event(2, "11:50:00"))["applied"] == 1
        body = {
            "order": made.old.order | {"store_id": "store-7", "city": "BCN"},
            "sample_id": None,
            "as_of": "2026-03-02T12:00:00Z",
            "include_features": True,
        }
        old, new = ask(old_url, "/predict", body), ask(new_url, "/predict", body)
        again = ask(old_url, "/predict", body)

    assert old["features"]["city_orders_15min"] == 1.0
    assert new["features"]["city_orders_15min"] == 2.0
    others = {"city_orders_15min"}
    assert {name: value for name, value in old["features"].items() if name not in others} == {
        name: value for name, value in new["features"].items() if name not in others
    }
    assert old["model"] == again["model"]
    assert old["mean_s"] == again["mean_s"]
    assert [one["model"]["tag"] for one in (old, new)] == [made.old.model, made.new.model]
    assert [one["model"]["catalog_version"] for one in (old, new)] == ["2.0.0", "3.0.0"]
    assert [one["model"]["aggregators_version"] for one in (old, new)] == ["2.0.0", "3.0.0"]
    assert old["model"]["fingerprint"] != new["model"]["fingerprint"]


def test_neither_version_can_answer_with_the_other_model(made: Made) -> None:
    """A bento with the wrong model would not start: the answers above are no accident."""
    for source, model in ((made.old_source, made.new), (made.new_source, made.old)):
        program = (
            "from estimators.registry import models as registry\n"
            "from estimators.core.errors import DefinitionMismatchError\n"
            f"try: registry.load({model.model!r})\n"
            "except DefinitionMismatchError as error: print(error)\n"
        )
        settings = clean_environment(BENTOML_HOME=str(model.home), PYTHONPATH=str(source))
        said = run(sys.executable, "-c", program, cwd=source, env=settings)
        assert f"{model.model} was trained with aggregators" in said
        assert "Train it again: `doorstep train etp --dataset simulator --name eta_ready`" in said


def test_version_of_a_bento_follows_from_what_is_in_it(made: Made, tmp_path: Path) -> None:
    root = tmp_path / "source"
    shutil.copytree(made.old_source, root)
    plan = BentoPlan(service="etp", root=root, models=("etp:a",))
    assert plan.tag == dataclasses.replace(plan, root=made.old_source).tag
    tags = {plan.tag, dataclasses.replace(plan, models=("etp:b",)).tag}
    tags.add(dataclasses.replace(plan, root=made.new_source).tag)
    with (root / "requirements" / "etp.lock").open("a") as lock:
        lock.write("# another\n")
    tags.add(plan.tag)
    assert len(tags) == 4


def test_unknown_service_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weather"]) == 2
    assert "'weather'; there are: events, etp" in capsys.readouterr().err


def test_missing_model_is_said(tmp_path: Path) -> None:
    home = clean_environment(BENTOML_HOME=str(tmp_path))  # nothing was saved in this one
    built = subprocess.run(
        [sys.executable, "-m", "deploy.bentos", "etp"],
        cwd=ROOT,
        env=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 1
    assert "no model 'eta_ready' was saved yet" in built.stderr
    assert (ROOT / "bentofile.etp.yaml").is_file()

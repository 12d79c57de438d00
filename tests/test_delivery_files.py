"""The files that other machines act on - image, bento, workflow, scripts - pass their linters."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bentoml._internal.bento.build_config import BentoBuildConfig, BentoPathSpec

from deploy.bentos import SERVICES
from estimators.eta.model import ETA_PARTS
from services.core.settings.models import (
    CourierTravelSettings,
    EtaSettings,
    EtpSettings,
    WallEtaSettings,
)

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def tool(name: str) -> str:
    """A linter of the environment that runs the tests; skips on systems it is not made for."""
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip(f"{name} is not installed beside {sys.executable}")
    return path


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dockerfile_passes_its_linter() -> None:
    run(tool("hadolint"), "Dockerfile")


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_image_is_pinned_and_does_not_run_as_root() -> None:
    lines = dockerfile().splitlines()
    assert [line for line in lines if re.match(r"ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-", line)]
    stages: dict[str, str] = {}
    for line in lines:
        if stage := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            assert stage[1] in {"${PYTHON_IMAGE}", *stages}, line
            stages[stage[2]] = ""
        elif line.startswith("USER "):
            stages[list(stages)[-1]] = line.removeprefix("USER ")
    assert list(stages)[-1] == "service", "the last stage is what is built without --target"
    assert stages["service"] == stages["tools"] == "10001:10001"


def test_image_says_whether_it_is_healthy_and_keeps_no_secret() -> None:
    *_, service = dockerfile().split("\nFROM ")
    assert "HEALTHCHECK --interval" in service
    assert "/readyz" in service
    assert not re.search(r"(?i)^(ARG|ENV).*(key|secret|password|token)", dockerfile(), re.MULTILINE)


def test_image_runs_what_the_bentos_hold() -> None:
    """The bento's own code serves it, from its folder, with what its own lock names."""
    text = dockerfile()
    assert "WORKDIR /opt/doorstep/bento/src" in text
    assert "exec python -m services.bento.serve /opt/doorstep/bento --host 0.0.0.0" in text
    assert "/opt/doorstep/bin/python -m services.bento.precompile /opt/doorstep/bento" in text
    assert "COPY build/bentos/${SERVICE} /opt/doorstep/bento" in text
    (listed,) = re.findall(r"# One of (.+)\.\nARG SERVICE=eta", text)
    assert tuple(listed.split(", ")) == SERVICES


def test_image_gets_every_file_that_it_copies() -> None:
    """`.dockerignore` leaves everything out but what it names."""
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE)
    copied = {source for line in copies for source in line.split()}
    bentos = {source for source in copied if source.startswith("build/bentos/${SERVICE}")}
    roots = {source.partition("/")[0] for source in copied - bentos}
    assert bentos
    assert roots | {"build/bentos"} == allowed
    assert all((ROOT / name).exists() for name in roots)


@pytest.mark.parametrize("service", SERVICES)
def test_bentofile_is_what_bentoml_reads(service: str) -> None:
    path = ROOT / ("bentofile.yaml" if service == "eta" else f"bentofile.{service}.yaml")
    config = BentoBuildConfig.from_file(str(path)).with_defaults()
    assert config.name == f"doorstep-{service.replace('_', '-')}"
    assert str(config.service).startswith(f"services.{service}:")
    assert config.python.lock_packages is False
    assert config.python.requirements_txt == f"requirements/{service}.lock"
    assert f"/requirements/{service}.lock" in (config.include or [])
    assert all(str(pattern).startswith("/") for pattern in config.include or []), "or anywhere"


@pytest.mark.parametrize("service", SERVICES)
def test_a_bento_holds_the_templates_of_its_pages(service: str) -> None:
    path = ROOT / ("bentofile.yaml" if service == "eta" else f"bentofile.{service}.yaml")
    config = BentoBuildConfig.from_file(str(path)).with_defaults()
    included = BentoPathSpec(config.include or [], config.exclude or [])
    needed = [
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "services").rglob("*")
        if file.suffix in {".py", ".html", ".css"}
    ]
    assert any(name.endswith("base.html") for name in needed)
    assert [name for name in needed if not included.includes(name)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_bentofile_names_a_service_and_the_models_that_it_asks_for(service: str) -> None:
    path = ROOT / ("bentofile.yaml" if service == "eta" else f"bentofile.{service}.yaml")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    module, _, name = document["service"].partition(":")
    assert (
        f"class {name}("
        in (text := (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        or f"class {name}:" in text
    )
    asked = {
        "events": set(),
        "etp": set(EtpSettings().models.values()),
        "courier_travel": set(CourierTravelSettings().models.values()),
        "wall_eta": set(WallEtaSettings().models.values()),
        "eta": {EtaSettings().model},
    }
    models = document.get("models", [])
    assert {model["alias"] for model in models if "alias" in model} == asked[service]
    if service == "eta":
        parts = {model["tag"] for model in models} - {"eta:latest"}
        assert parts == {f"eta_{part}:latest" for part in ETA_PARTS}


def test_workflow_follows_its_schema() -> None:
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", WORKFLOW)


def test_workflow_runs_the_same_command_with_pinned_actions() -> None:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["test"]["steps"]
    commands = {step["run"]: step for step in steps if "run" in step}
    assert list(commands) == [".ci/run", "make benchmark-quick"]
    assert commands["make benchmark-quick"]["continue-on-error"], "figures are not judged"
    assert "benchmark-quick:" in (ROOT / "Makefile").read_text()
    actions = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)


@pytest.mark.parametrize(
    "script",
    [
        ".ci/run",
        *sorted(f"requirements/{one.name}" for one in (ROOT / "requirements").glob("*.sh")),
    ],
)
def test_scripts_pass_shellcheck(script: str) -> None:
    run(tool("shellcheck"), script)


def test_ci_runs_the_command_of_the_readme() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_pre_commit_configuration_is_valid() -> None:
    run(tool("pre-commit"), "validate-config", ".pre-commit-config.yaml")

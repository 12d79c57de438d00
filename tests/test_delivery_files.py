"""The files that other machines act on - image, bento, workflow, scripts - pass their linters."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bentoml._internal.bento.build_config import BentoBuildConfig

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


def test_image_is_pinned_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-", line)]
    assert all("${PYTHON_IMAGE}" in line for line in lines if line.startswith("FROM"))
    assert "USER 10001:10001" in lines


def test_image_gets_every_file_that_it_copies() -> None:
    """`.dockerignore` leaves everything out but what it names."""
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copies = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    copied = {source.partition("/")[0] for line in copies for source in line.split()}
    assert copied <= allowed
    assert all((ROOT / name).exists() for name in copied)


def test_bentofile_is_what_bentoml_reads() -> None:
    config = BentoBuildConfig.from_file(str(ROOT / "bentofile.yaml")).with_defaults()
    assert config.service == "services.etp:EtpService"
    assert config.python.lock_packages is False
    assert config.python.requirements_txt == "requirements/runtime.lock"
    assert [(str(model.tag), model.alias) for model in config.models] == [("etp:latest",) * 2]


def test_workflow_follows_its_schema() -> None:
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", WORKFLOW)


def test_workflow_runs_the_same_command_with_pinned_actions() -> None:
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    actions = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)


@pytest.mark.parametrize(
    "script",
    [".ci/run", "requirements/make_environment.sh", "requirements/install_redis_server.sh"],
)
def test_scripts_pass_shellcheck(script: str) -> None:
    run(tool("shellcheck"), script)


def test_ci_runs_the_command_of_the_readme() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_pre_commit_configuration_is_valid() -> None:
    run(tool("pre-commit"), "validate-config", ".pre-commit-config.yaml")

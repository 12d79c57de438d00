"""The page on deployment says what is there: its commands, services, labels and numbers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from commands.main import app
from deploy.bentos import SERVICES
from services.middleware.api_keys import ApiKeys
from tests.deploy.kustomized import DEPLOY, OVERLAYS, documents, kustomized, of_kind, pods
from tests.readme import blocks_of, commands_of

ROOT = DEPLOY.parent
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
INLINE = re.findall(r"`([^`\n]+)`", PAGE)
# A line that ends with a backslash goes on.
COMMANDS = commands_of(PAGE.replace("\\\n    ", ""))
MAKE = (ROOT / "Makefile").read_text(encoding="utf-8")


def parsed(line: str, folder: Path) -> str:
    """The command that a line of the page runs, its options checked but nothing done."""
    arguments = shlex.split(line.partition(" > ")[0])[1:]
    for name in {part for part in arguments if part.endswith((".yaml", ".parquet"))}:
        (folder / name).touch()
        arguments = [str(folder / name) if part == name else part for part in arguments]
    command: Any = get_command(app)
    names = []
    while hasattr(command, "commands"):
        names.append(arguments.pop(0))
        command = command.commands[names[-1]]
    with command.make_context(names[-1], arguments):
        return " ".join(names)


def test_commands_of_the_page_are_those_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORSTEP_API_KEYS_FILE", str(tmp_path / "api_keys.json"))
    lines = [line for line in [*COMMANDS, *INLINE] if line.startswith("doorstep ")]
    lines = [line for line in lines if "..." not in line]
    seen = {parsed(line, tmp_path) for line in lines}
    assert seen == {"train eta", "compare", "keys create"}


def test_keys_are_made_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secrets").mkdir()
    assert "mkdir -p secrets" in COMMANDS
    assert "export DOORSTEP_API_KEYS_FILE=secrets/api_keys.json" in COMMANDS
    monkeypatch.setenv("DOORSTEP_API_KEYS_FILE", "secrets/api_keys.json")
    for line in COMMANDS:
        if line.startswith("doorstep keys create"):
            done = CliRunner().invoke(app, shlex.split(line.partition(" > ")[0])[1:])
            assert done.exit_code == 0, done.output
            if " > " in line:
                Path(line.partition(" > ")[2]).write_text(done.stdout)
    keys = list(ApiKeys.from_file(Path("secrets/api_keys.json")))
    assert {key.name for key in keys} == {"composed service", "routing engine", "order system"}
    assert Path("secrets/api_key").read_text().startswith("dstp_")
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    for secret in compose["secrets"].values():
        assert (tmp_path / secret["file"]).is_file()


def test_targets_images_and_overlays_exist() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    seen = set()
    for line in COMMANDS:
        words = shlex.split(line)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", MAKE, re.MULTILINE)
            assert all(word.removeprefix("SERVICE=") in SERVICES for word in words[2:])
        elif words[:2] == ["docker", "build"]:
            given = dict(zip(words[2::2], words[3::2], strict=False))
            assert given.get("--build-arg", "SERVICE=eta").removeprefix("SERVICE=") in SERVICES
            assert f"AS {given.get('--target', 'service')}\n" in dockerfile
        elif words[:3] == ["kubectl", "apply", "-k"]:
            assert (ROOT / words[3] / "kustomization.yaml").is_file()
        seen.add(words[0])
    assert {"make", "docker", "kubectl", "doorstep"} <= seen
    assert {name for name in OVERLAYS if f"deploy/overlays/{name}" in PAGE} == {*OVERLAYS}


def test_services_hold_the_models_of_the_table() -> None:
    for service in SERVICES:
        bentofile = ROOT / ("bentofile.yaml" if service == "eta" else f"bentofile.{service}.yaml")
        document = yaml.safe_load(bentofile.read_text(encoding="utf-8"))
        models = [model["tag"].partition(":")[0] for model in document.get("models", [])]
        (row,) = re.findall(rf"^\| `{service}` \| `{document['name']}` \|.*$", PAGE, re.MULTILINE)
        if service == "eta":
            assert "`eta` and its six parts" in row
            assert len(models) == 7
        else:
            assert re.findall(r"`(\w+)`", row.rpartition(" | ")[2]) == models


def test_secrets_are_made_as_the_manifests_name_them() -> None:
    made = {}
    for line in COMMANDS:
        if "create secret generic" in line:
            words = shlex.split(line)
            assert words[1:3] == ["-n", "doorstep"]
            keys = {
                word.partition("=")[2].partition("=")[0]
                if "literal" in word
                else Path(word.partition("=")[2]).name
                for word in words
                if word.startswith("--from-")
            }
            made[words[6]] = keys
    named = {one["metadata"]["name"]: one for one in documents(DEPLOY / "secrets.example.yaml")}
    assert made == {name: {*secret["stringData"]} for name, secret in named.items()}
    url = named["doorstep-store"]["stringData"]["url"]
    url = url.removeprefix("EXAMPLE: ").replace("PASSWORD", "$PASSWORD")
    assert any(url in block.text for block in blocks_of(PAGE))


def test_numbers_and_labels_are_those_of_the_manifests() -> None:
    resources = kustomized(DEPLOY / "overlays" / "distributed")
    scalers = of_kind(resources, "HorizontalPodAutoscaler")
    most = sorted({scaler["spec"]["maxReplicas"] for scaler in scalers})
    (least,) = {scaler["spec"]["minReplicas"] for scaler in scalers}
    assert f"| {least} to {most[0]}, {most[1]} or {most[2]} pods at 60% of a core |" in PAGE
    labels = set(re.findall(r'^\| `([\w./-]+): "?[\w]+"?` \|', PAGE, re.MULTILINE))
    used = {
        label
        for policy in of_kind(resources, "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
        for label in peer.get("namespaceSelector", {}).get("matchLabels", {})
    }
    assert labels == used
    training = pods(resources)["training"]["spec"]["containers"][0]
    assert "8 GB" in PAGE
    assert training["resources"]["requests"]["memory"] == "8Gi"


def test_paths_of_the_page_exist() -> None:
    paths = {one for one in INLINE if re.fullmatch(r"[\w./-]+/[\w./-]+\.(?:yaml|py|md)", one)}
    assert len(paths) >= 3
    for path in paths:
        assert (ROOT / path).is_file() or (DEPLOY / path).is_file(), path
    for link in re.findall(r"\]\(([\w./]+\.md)", PAGE):
        assert (ROOT / "docs" / link).is_file(), link

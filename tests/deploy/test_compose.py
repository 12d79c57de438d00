"""The composition of containers follows its specification, and is as locked up as it can be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.bentos import SERVICES
from tests.test_delivery_files import tool

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "docker-compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
BUILT = {service.replace("_", "-"): service for service in SERVICES}
WRITTEN_TO = {"/tmp", "/var/lib/doorstep", "/data"}
# Nobody outside asks the estimators and the store.
REACHED = {"events", "eta"}


def test_file_follows_its_specification() -> None:
    command = (tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", FILE)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_services_run_beside_the_store() -> None:
    assert {*CONTAINERS} == {"redis", "tools", *BUILT}
    for name, service in BUILT.items():
        build = CONTAINERS[name]["build"]
        assert build == {"context": ".", "args": {"SERVICE": service}}
        assert CONTAINERS[name]["image"] == f"doorstep-{name}:${{DOORSTEP_VERSION:-0.1.0}}"
        assert CONTAINERS[name]["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert CONTAINERS["tools"]["build"]["target"] == "tools"
    assert CONTAINERS["tools"]["profiles"], "nothing that stays up"


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_container_may_do_nothing_that_it_needs_not(name: str) -> None:
    container = CONTAINERS[name]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", container["user"])
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in container
    assert "privileged" not in container
    assert ":latest" not in container["image"]
    assert re.search(r"\d", container["image"].partition("@")[0].rpartition(":")[2])
    targets = {volume.rpartition(":")[2] for volume in container.get("volumes", [])}
    targets |= {mount.partition(":")[0] for mount in container.get("tmpfs", [])}
    assert targets <= WRITTEN_TO
    for volume in container.get("volumes", []):
        assert volume.partition(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_container_is_reached_by_those_who_shall(name: str) -> None:
    container = CONTAINERS[name]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert ("callers" in container["networks"]) == (name in REACHED)
    assert ("ports" in container) == (name in REACHED)
    for port in container.get("ports", []):
        assert port.startswith("127.0.0.1:"), "a proxy with TLS stands before it"
        assert port.endswith(":3000")


def test_keys_are_mounted_and_stand_nowhere_else() -> None:
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {
        "./secrets/api_keys.json",
        "./secrets/api_key",
    }
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    for name in BUILT:
        container = CONTAINERS[name]
        mounted = {secret["target"] for secret in container["secrets"]}
        assert {secret["source"] for secret in container["secrets"]} <= COMPOSE["secrets"].keys()
        files = {
            variable: value
            for variable, value in container["environment"].items()
            if "KEY" in variable
        }
        assert "DOORSTEP_API_KEYS_FILE" in files
        assert all(variable.endswith("_FILE") for variable in files)
        assert {*files.values()} == mounted
    assert "DOORSTEP_ALLOW_ANONYMOUS" not in FILE.read_text()

"""`doorstep models`: whole models are listed whatever else lies in the store; seals are added."""

from __future__ import annotations

import json
from pathlib import Path

import bentoml

from estimators.etp import train_etp
from estimators.registry import models as registry
from tests.commands.running import doorstep as run
from tests.estimators.building import QUICK, town, town_dataset

NAME = "etp_listed"


def test_a_broken_folder_is_named_and_the_others_are_listed() -> None:
    trained = train_etp(town_dataset(town(3)), parameters=QUICK)
    whole, broken = registry.save(trained, name=NAME), registry.save(trained, name=NAME)
    folder = Path(bentoml.models.get(broken).path)
    (folder / "model.yaml").unlink()
    result = run("models")
    assert result.returncode == 0
    assert whole in result.stdout
    assert broken not in result.stdout
    lines = [line for line in result.stderr.splitlines() if broken in line]
    assert lines == [f"broken: {broken}: model.yaml is missing"]
    as_json = run("models", "--json")
    assert whole in {one["tag"] for one in json.loads(as_json.stdout)}
    assert run("models", "show", broken).returncode == 1
    assert run("models", "show", f"{NAME}:latest").returncode == 0

    sealed = Path(bentoml.models.get(whole).path) / "checksums.json"
    sealed.unlink()
    assert run("models", "seal", f"{NAME}:latest").stdout == f"{whole}: checksums added\n"
    assert sealed.is_file()
    assert "unchanged since it was saved" in run("models", "seal", whole).stdout
    assert run("models", "seal", f"{NAME}:gone").returncode == 1

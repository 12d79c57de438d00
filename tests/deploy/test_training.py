"""What the nightly training is told to do, it can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from aggregators.catalog import ORDERS
from commands.main import app
from simulator import CityPlan, simulate
from tests.deploy.kustomized import DEPLOY, documents, of_kind, pods

RESOURCES = documents(DEPLOY / "base" / "training" / "training.yaml")
POD: dict[str, Any] = pods(RESOURCES)["training"]["spec"]


def arguments(container: dict[str, Any], folder: Path, store: Path) -> list[str]:
    """Those of a container, with its mounts in a folder."""
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    told: list[str] = []
    for argument in container["args"]:
        inside = [mount for mount in mounts if f"={mount}/" in argument]
        for mount in inside:
            argument = argument.replace(f"={mount}/", f"={folder}{mount}/")
        told.append(argument.replace("$(DOORSTEP_STORE)", str(store)))
    for mount in mounts:
        Path(f"{folder}{mount}").mkdir(parents=True, exist_ok=True)
    return told


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An event store with the orders of a small city."""
    orders = tmp_path / "simulated.parquet"
    simulate(CityPlan(stores=3, days=2, seed=3)).to_parquet(orders)
    path = tmp_path / "events.db"
    done = CliRunner().invoke(app, ["import", "--store", str(path), "--table", str(orders)])
    assert done.exit_code == 0, done.output
    return path


def test_export_is_what_the_mapping_reads(store: Path, tmp_path: Path) -> None:
    (export,) = POD["initContainers"]
    (train,) = POD["containers"]
    done = CliRunner().invoke(app, arguments(export, tmp_path, store))
    assert done.exit_code == 0, done.output

    (config,) = of_kind(RESOURCES, "ConfigMap")
    told = arguments(train, tmp_path, store)
    options = dict(one.removeprefix("--").split("=", 1) for one in told if one.startswith("--"))
    mapping = Path(options["mapping"])
    mapping.write_text(config["data"][mapping.name], encoding="utf-8")
    done = CliRunner().invoke(app, ["mapping", "check", str(mapping), "--data", options["data"]])
    assert done.exit_code == 0, done.output
    assert not Path(options["metrics"]).exists()

    group, name = told[:2]
    command: Any = get_command(app)
    for one in (group, name):
        command = command.commands[one]
    with command.make_context(name, told[2:]) as context:
        assert context.params["save"] is True
        assert str(context.params["data"]) == options["data"]


def test_mapping_names_what_the_catalog_knows() -> None:
    (config,) = of_kind(RESOURCES, "ConfigMap")
    mapping = yaml.safe_load(config["data"]["mapping.yaml"])
    assert mapping["id"] == ORDERS.sample_id
    assert tuple(mapping["events"]) == ORDERS.events
    assert set(mapping["dimensions"]) == set(ORDERS.dimensions)
    assert set(mapping["attributes"]) == set(ORDERS.attributes)
    columns = {*mapping["dimensions"], *mapping["attributes"]}
    known_from = dict(ORDERS.known_from)
    assert mapping["known_from"] == {name: known_from[name] for name in columns & set(known_from)}

"""``--json`` prints one document with keys that stay, and nothing else on standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from commands.main import app
from estimators.etp import train_etp
from estimators.registry import models as registry
from simulator import CityPlan, simulate
from tests.commands.running import ROOT
from tests.estimators.building import QUICK

pytestmark = pytest.mark.slow

CITY = ("--dataset", "simulator", "--stores", "6", "--days", "6", "--seed", "3")
FEW = ("--stores", "2", "--days", "4", "--max-rows", "40", "--max-queries", "10")
SCORED = {"model", "metadata", "report"}


@pytest.fixture(scope="module")
def model() -> str:
    """A small model of a simulated city."""
    from commands.data.sources import DatasetName, open_dataset

    dataset = open_dataset(DatasetName.SIMULATOR, None, stores=6, days=6, seed=3)
    return registry.save(train_etp(dataset, parameters=QUICK, baselines=False), name="json_etp")


def document(*arguments: str) -> Any:
    shown = CliRunner().invoke(app, [*arguments, "--json"])
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_scores_have_the_keys_of_their_files(model: str, tmp_path: Path) -> None:
    written = tmp_path / "metrics.json"
    evaluated = document("evaluate", model, *CITY, "--metrics", str(written))
    assert set(evaluated) == SCORED
    assert {**json.loads(written.read_text()), **evaluated} == json.loads(written.read_text())
    assert evaluated["model"] == model
    assert set(evaluated["report"]["rows"][0]) == {"model", "group", "value", "scores"}
    trained = document("train", "etp", *CITY, "--no-save")
    assert set(trained) == SCORED
    assert trained["model"] is None


def test_an_eta_has_the_same_keys(saved_eta: str) -> None:
    cities = ("--orders", "3000", "--days", "8", "--seed", "107")
    found = document("evaluate", saved_eta, *cities)
    assert set(found) == SCORED
    assert found["report"]["estimator"] == "eta"


def test_comparisons_and_ablations_have_those_of_their_files(model: str) -> None:
    compared = document("compare", model, "--against-baselines", *CITY)
    assert set(compared) == {"dataset", "period", "models", "rows"}
    worth = document("ablate", "etp", *CITY, "--splits", "1", "--by", "dimension")
    assert {"estimator", "dataset", "target", "overall", "rows"} <= set(worth)


def test_a_check_of_equivalence_is_a_document() -> None:
    found = document("check-equivalence", *FEW)
    assert set(found) == {"aggregators", "compared", "mismatches", "runs"}
    assert found["mismatches"] == 0


def test_a_mapping_that_was_checked_is_a_document(tmp_path: Path) -> None:
    simulate(CityPlan(stores=2, days=2, seed=2)).to_csv(tmp_path / "orders.csv", index=False)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "file: orders.csv\nid: order_id\nevents: [dispatched, ready]\ndimensions: [store_id]\n"
    )
    found = document("mapping", "check", str(mapping))
    assert set(found) == {"data", "source", "rows", "columns", "questions", "findings"}
    assert [one["name"] for one in found["columns"]] == ["dispatched", "ready", "store_id"]
    assert found["columns"][2]["known_from"] == "dispatched"
    assert found["questions"][0]["target"] == ["dispatched", "ready"]


PRINTING = (
    "catalog", "mapping check", "train etp", "train eta", "ablate etp", "evaluate", "explain",
    "models", "models show", "compare", "keys list", "check-equivalence",
)  # fmt: skip


@pytest.mark.parametrize("name", PRINTING)
def test_every_command_that_prints_a_table_has_the_option_and_is_documented(name: str) -> None:
    command: Any = get_command(app)
    for part in name.split():
        command = command.commands[part]
    assert "--json" in {option for one in command.params for option in one.opts}
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    assert f"`{name.replace(' etp', '')}`" in page

"""`doorstep compare` and `doorstep ablate`: what they print, write and how they end."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.compare import WORSE
from commands.main import app
from estimators.etp import Etp, train_etp
from estimators.registry import models as registry
from estimators.training.model_comparison import compare_models
from estimators.training.train import train
from estimators.wall_eta import WallEta
from simulator import CityPlan, simulate
from tests.commands.reports.html_pages import check_page
from tests.commands.running import ROOT
from tests.estimators.building import QUICK, town, town_dataset
from tests.readme import commands_of

PLAN = ("--stores", "6", "--days", "6", "--seed", "3")
CITY = ("--dataset", "simulator", *PLAN)


def run(*arguments: str) -> tuple[int, str]:
    shown = CliRunner().invoke(app, list(arguments))
    return shown.exit_code, shown.output


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two models of one city: with all features, and with a single one."""
    from commands.data.sources import DatasetName, open_dataset

    dataset = open_dataset(DatasetName.SIMULATOR, None, stores=6, days=6, seed=3)
    name = "compared_etp"
    good = registry.save(train_etp(dataset, parameters=QUICK, baselines=False), name=name)
    poor = train_etp(dataset, parameters=QUICK, baselines=False, features=["city_accepted_15min"])
    return good, registry.save(poor, name=name)


def test_models_are_compared_on_the_same_orders(models: tuple[str, str], tmp_path: Path) -> None:
    page, numbers = tmp_path / "compared.html", tmp_path / "compared.json"
    code, output = run(
        "compare", *models, *CITY, "--slices", "--report", str(page), "--metrics", str(numbers)
    )
    assert code == 0, output
    document = json.loads(numbers.read_text())
    assert document["models"] == list(models)
    overall = [row for row in document["rows"] if row["group"] == "all"]
    assert len({row["scores"]["n"] for row in overall}) == 1
    assert overall[0]["mae_difference"] is None
    difference = overall[1]["mae_difference"]
    apart = overall[1]["scores"]["mae_s"] - overall[0]["scores"]["mae_s"]
    assert difference["mean_s"] == pytest.approx(apart)
    assert {row["group"] for row in document["rows"]} == {"all", "city", "hour", "store age"}
    assert f"{difference['mean_s']:+.1f}" in output
    read = check_page(page.read_text())
    assert len(read.all("svg")) == 4
    assert all(tag in read.said for tag in models)
    said = f"{difference['mean_s']:+.1f} [{difference['low_s']:+.1f}, {difference['high_s']:+.1f}]"
    assert said in read.said


def test_the_exit_code_tells_a_worse_model(models: tuple[str, str]) -> None:
    code, output = run("compare", *models, *CITY, "--fail-if-worse", "1%")
    assert code == WORSE
    assert "worse:" in output
    code, output = run("compare", *reversed(models), *CITY, "--fail-if-worse", "1%")
    assert code == 0, output
    assert run("compare", *models, *CITY, "--fail-if-worse", "a lot")[0] == 1


def test_baselines_stand_beside_and_never_fail(models: tuple[str, str]) -> None:
    code, output = run("compare", models[0], *CITY, "--against-baselines", "--fail-if-worse", "0%")
    assert code == 0, output
    assert "constant median" in output
    assert "without real-time features" in output


def test_what_cannot_be_compared_is_one_line(models: tuple[str, str]) -> None:
    code, output = run("compare", models[0], *CITY)
    assert code == 1
    assert "1 models; expected two or more" in output
    code, output = run("compare", models[0], "compared_etp:nowhere", *CITY)
    assert code == 1
    assert "compared_etp:nowhere" in output
    code, output = run("compare", *models, *CITY, "--report", "page.txt")
    assert code == 1
    assert "ends in .html" in output
    code, output = run("compare", *models, *CITY, "--metrics", "no/such/folder/m.json")
    assert code == 1
    assert "there is no folder" in output


def test_models_of_different_questions_are_refused() -> None:
    etp = train_etp(town_dataset(town(5)), parameters=QUICK, baselines=False)
    other = town_dataset(town(5)).about(etp.estimator.target, as_of="accepted")
    same = train(Etp, other, parameters=QUICK, baselines=False)
    compared = compare_models({"a": etp, "b": same}, other)
    assert compared.overall("b").mae is not None
    assert compared.overall("b").mae.mean_s == 0.0  # type: ignore[union-attr]
    from commands.data.sources import DatasetName, open_dataset
    from estimators import InputError, seconds_between

    city = open_dataset(DatasetName.SIMULATOR, None, stores=4, days=4, seed=3)
    whole = city.about(seconds_between("activated", "delivered"), as_of="activated")
    wall = train(WallEta, whole, parameters=QUICK, baselines=False)
    with pytest.raises(InputError, match="same question"):
        compare_models({"etp": etp, "wall": wall}, other)


def test_ablation_says_what_each_group_is_worth(tmp_path: Path) -> None:
    page, numbers = tmp_path / "worth.html", tmp_path / "worth.json"
    small = ("--dataset", "simulator", "--stores", "4", "--days", "5", "--seed", "3")
    code, output = run(
        "ablate", "courier-travel", "--leg", "to-store", *small, "--splits", "1", "--by", "extra",
        "--report", str(page), "--metrics", str(numbers),
    )  # fmt: skip
    assert code == 0, output
    assert "inner splits of the training period" in output
    document = json.loads(numbers.read_text())
    assert document["target"] == ["courier_assigned", "courier_at_store"]
    kinds = [row["kind"] for row in document["rows"]]
    assert kinds == ["facts", "all", "extra"]
    assert not document["rows"][-1]["in_model"]
    read = check_page(page.read_text())
    assert len(read.all("svg")) == 2
    assert all(name in read.said for name in document["rows"][-1]["features"])
    code, output = run("ablate", "etp", *small, "--by", "colour")
    assert code == 1
    assert "--by is 'colour'" in output


def test_commands_on_own_data_run_in_their_order(tmp_path: Path) -> None:
    orders = simulate(CityPlan(stores=6, days=7, seed=2))
    orders = orders.rename(columns={"order_id": "order_no", "activated": "placed_at"})
    orders.to_csv(tmp_path / "history.csv", index=False)
    page = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
    lines = commands_of(page)
    assert len(lines) == 6
    for line in lines:
        names = {
            name: str(tmp_path / name) for name in re.findall(r"\w+\.(?:csv|yaml)|trial", line)
        }
        arguments = [names.get(part, part) for part in shlex.split(line)[1:]]
        if arguments[0] == "ablate":  # fewer groups, so that it takes seconds
            arguments += ["--by", "source"]
        code, output = run(*arguments)
        assert code == 0, output
    code, output = run("evaluate", "--model", "etp:latest")
    assert code == 1
    assert "trained on 'history'" in output

"""`doorstep simulate --fit`: from a mapping to a nature that `--nature` takes again.

Tests `commands.simulation.fitting`, `commands.reports.fit_page` and `commands.data.natures`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.console.output import UserError
from commands.data.natures import chosen_nature, write_nature
from commands.main import app
from commands.simulation import fitting
from simulator import Scenario, simulate_cities
from simulator.fitting import fit_nature
from simulator.world.nature import REALISTIC, Nature
from tests.commands.reports.html_pages import check_page

MAPPING = """\
file: own.csv
id: order_id
events: {activated: placed, picked_up: collected, delivered: done}
dimensions: {store_id: shop, courier_id: rider}
"""
SMALL = Scenario(cities=1, days=2, orders=600, seed=4)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    orders = simulate_cities(SMALL).tables["orders"]
    names = {
        "activated": "placed", "picked_up": "collected", "delivered": "done",
        "store_id": "shop", "courier_id": "rider",
    }  # fmt: skip
    orders.rename(columns=names)[["order_id", *names.values()]].to_csv(
        tmp_path / "own.csv", index=False
    )
    path = tmp_path / "mapping.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def test_a_table_becomes_a_nature_that_simulates_again(
    mapping: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "fit_nature", partial(fit_nature, scenario=SMALL, trials=14))
    out = tmp_path / "fit"
    shown = CliRunner().invoke(app, ["simulate", "--fit", str(mapping), "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "delivery_median_s" in shown.output
    assert (
        "not in the table, so unchanged: crowd_work, utilisation, city_day_sigma, speed"
        in shown.output
    )
    check_page((out / "fit.html").read_text(encoding="utf-8"))
    found = json.loads((out / "moments.json").read_text(encoding="utf-8"))
    assert found["fitted"]["work"] == "delivery_median_s"
    for one in found["moments"]:
        assert (one["problem"] is None) or f"{one['moment']}: {one['problem']}" in shown.output
    nature = chosen_nature(str(out / "nature.yaml"))
    assert isinstance(nature, Nature)
    assert nature.work != REALISTIC.work
    assert nature.speed == REALISTIC.speed
    again = ["simulate", "--nature", str(out / "nature.yaml"), "--orders", "200", "--days", "1"]
    shown = CliRunner().invoke(app, [*again, "--cities", "1", "--out", str(tmp_path / "city")])
    assert shown.exit_code == 0, shown.output
    assert chosen_nature(str(tmp_path / "city" / "scenario.json")) == nature


def test_a_written_nature_is_read_again(tmp_path: Path) -> None:
    nature = replace(REALISTIC, work=0.3, utilisation=(0.01, 0.2), least_slots=2)
    write_nature(nature, tmp_path / "n.yaml", "Two\nlines.")
    assert chosen_nature(str(tmp_path / "n.yaml")) == nature
    assert chosen_nature("lively") == "lively"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("walk: 1.2", "there is no 'walk'"),
        ("work: fast", "work is 'fast'; expected a number"),
        ("work: 1000", "work is 1000.0; it must be between"),
        ("least_slots: 1.5", "expected a whole number"),
        ("utilisation: 0.2", "expected a list of 2 numbers"),
        ("work: [", "is no YAML"),
        ("- 3", "has no parameters"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "n.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        chosen_nature(str(path))


@pytest.mark.parametrize("name", ["wild", "missing.yaml"])
def test_an_unknown_nature_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=name):
        chosen_nature(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fit", "m.yaml"], "pass --out FOLDER"),
        (["--data", "x.csv"], "pass --fit MAPPING"),
        (["--fit", "m.yaml", "--out", "fit", "--to", "http://127.0.0.1:1"], "leave out --to"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, ["simulate", *options])
    assert shown.exit_code == 1
    assert message in shown.output

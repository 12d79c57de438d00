"""`doorstep try`: from a table to a report, whatever of it can be trained.

Tests `commands.mapping`, `commands.own_table.trial`, `commands.own_table.trial_summary` and
`commands.own_table.first_mapping`.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from commands.main import app
from commands.options.estimators import OFFERED, EstimatorChoice
from commands.own_table.trial import Trained
from estimators.evaluation.report import Report
from simulator import CityPlan, simulate
from tests.commands.reports.html_pages import check_page

ROWS = 700


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    """Orders with a kitchen, and with a leg that almost no order has."""
    found = simulate(CityPlan(stores=4, days=6, seed=4))[
        ["order_id", "store_id", "city", "products", "accepted", "ready", "picked_up", "delivered"]
    ]
    few = found["delivered"].where(found.index < 5)
    return found.assign(delivered=few).rename(columns={"delivered": "reached_the_customer_at"})


def run(*arguments: str) -> tuple[int, str]:
    shown = CliRunner().invoke(app, ["try", *arguments])
    assert shown.exception is None or isinstance(shown.exception, SystemExit), shown.output
    return shown.exit_code, shown.stdout


def test_the_next_command_is_one() -> None:
    to_store = Trained(
        choice=EstimatorChoice(offered=OFFERED[2], leg="to-store"),
        start="courier_assigned",
        end="courier_at_store",
        report=Report(estimator="courier_travel", dataset="t", period=("", ""), rows=()),
        notes=(),
        page=Path("p.html"),
    )
    command = to_store.next_command(Path("out/mapping.yaml"), Path("t.csv"))
    assert command.startswith("doorstep train courier-travel --leg to-store --mapping out/")
    options = shlex.split(command)[3::2]
    known = {one for option in get_command(app).commands["train"].commands["courier-travel"].params  # type: ignore[attr-defined]
             for one in option.opts}  # fmt: skip
    assert {*options} <= known


def result_of(*arguments: str) -> dict[str, Any]:
    code, printed = run(*arguments, "--json", "--rows", str(ROWS))
    assert code == 0, printed
    found: dict[str, Any] = json.loads(printed)
    return found


@pytest.fixture(scope="module")
def tried(orders: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("tried")
    orders.to_csv(folder / "history.csv", index=False)
    return result_of(str(folder / "history.csv"), "--to", str(folder / "out"))


def test_what_has_its_events_is_trained_and_the_rest_says_why(tried: dict[str, Any]) -> None:
    assert tried["rows"] == ROWS
    (etp,) = tried["trained"]
    assert (etp["estimator"], etp["target"]) == ("etp", ["accepted", "ready"])
    models = {row["model"] for row in etp["report"]["rows"] if row["group"] == "all"}
    assert {"etp", "constant median", "without real-time features"} <= models
    assert any("rows are too few to choose by" in note for note in etp["notes"])
    assert "no row from" in tried["refused"]["courier_travel_to_customer"]


def test_the_pages_show_the_scores_and_lead_to_each_other(tried: dict[str, Any]) -> None:
    (etp,) = tried["trained"]
    check_page(Path(etp["page"]).read_text())
    text = Path(tried["report"]).read_text()
    page = check_page(text, beside=("etp.html",))
    scored = next(row for row in etp["report"]["rows"] if row["model"] == "etp")
    assert f"{scored['scores']['mae_s']:,.1f}" in page.said
    assert '<a href="etp.html">' in text
    assert "courier_travel_to_customer: no row from" in page.said


def test_a_mapping_in_the_folder_is_kept(tried: dict[str, Any], orders: pd.DataFrame) -> None:
    mapping = Path(tried["mapping"])
    own = "attributes: []\nevents: [accepted, ready]\nid: order_id\ndimensions: [store_id]\n"
    (mapping.parent / "again").mkdir()
    kept = mapping.parent / "again" / "mapping.yaml"
    kept.write_text(own)
    again = result_of(str(mapping.parent.parent / "history.csv"), "--to", str(kept.parent))
    assert kept.read_text() == own
    assert again["questions"] == []
    assert [one["estimator"] for one in again["trained"]] == ["etp"]
    assert again["refused"] == {}


@pytest.mark.parametrize("chunk_rows", [50_000, 60])
def test_the_latest_rows_are_taken(
    chunk_rows: int, orders: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commands.data import mapped_tables
    from commands.data.mapped_dataset import mapped_dataset

    monkeypatch.setattr(mapped_tables, "CHUNK_ROWS", chunk_rows)
    monkeypatch.setattr(mapped_tables.MappedFile.chunks, "__defaults__", (chunk_rows, None))
    shuffled = orders.sample(frac=1.0, random_state=1)
    shuffled.to_parquet(tmp_path / "history.parquet")
    (tmp_path / "mapping.yaml").write_text(
        "file: history.parquet\nid: order_id\nevents: [accepted, ready]\ndimensions: [store_id]\n"
    )
    dataset = mapped_dataset(tmp_path / "mapping.yaml", latest=40)
    latest = orders.sort_values("accepted", na_position="first")["order_id"].tail(40)
    assert {*dataset.table["order_id"]} == {*latest}
    assert dataset.tests.sum() == 8
    in_file = [one for one in shuffled["order_id"] if one in {*latest}]
    assert dataset.table["order_id"].tolist() == in_file


def test_nothing_that_can_be_trained_is_an_error(orders: pd.DataFrame, tmp_path: Path) -> None:
    orders.head(20).to_csv(tmp_path / "few.csv", index=False)
    code, printed = run(str(tmp_path / "few.csv"), "--to", str(tmp_path / "few"))
    assert code == 1
    assert "etp was not trained: " in printed
    assert (tmp_path / "few" / "report.html").is_file()


def test_a_table_without_times_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "no.csv").write_text("order,store\n1,a\n2,b\n")
    assert run(str(tmp_path / "no.csv"), "--to", str(tmp_path / "no"))[0] == 1
    assert not (tmp_path / "no").exists()
    (tmp_path / "file").write_text("")
    assert run(str(tmp_path / "no.csv"), "--to", str(tmp_path / "file"))[0] == 1

"""The pages on parity and on tables keep their word: their commands run, their examples print."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from commands.main import app
from simulator import CityPlan, simulate
from tests.commands.running import ROOT
from tests.readme import commands_of, examples_of

PAGES = ("parity", "import_export")
FEW = ("--stores", "2", "--days", "4", "--max-rows", "60")


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def check_commands() -> list[str]:
    return [line for line in commands_of(page("parity")) if "history.csv" not in line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the table that the pages speak of."""
    orders = simulate(CityPlan(stores=2, days=1, seed=2))
    orders["activated"] = orders["activated"].dt.tz_convert("Europe/Madrid").dt.tz_localize(None)
    orders.rename(columns={"activated": "placed_at"}).to_csv(tmp_path / "history.csv", index=False)
    (tmp_path / "mapping.yaml").write_text(
        "id: order_id\nevents: {activated: placed_at, ready: ready}\ndimensions: [store_id]\n"
        "clock: Europe/Madrid\n"
    )
    return tmp_path


@pytest.mark.parametrize("line", check_commands())
def test_commands_on_parity_run(line: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    arguments = shlex.split(line)
    assert arguments.pop(0) == "doorstep"
    if "../shared/data" in arguments:
        folder = str(request.getfixturevalue("data_folder"))
        arguments = [folder if part == "../shared/data" else part for part in arguments]
    if "--report" in arguments:
        arguments[-1] = str(tmp_path / arguments[-1])
    redis = any(part.startswith("redis://") for part in arguments)
    if redis or "--through-service" in arguments:  # these have tests of their own
        known = {name for option in get_command(app).commands["check-equivalence"].params  # type: ignore[attr-defined]
                 for name in option.opts}  # fmt: skip
        assert {part for part in arguments if part.startswith("--")} <= known
        return
    shown = CliRunner().invoke(app, [*arguments, *FEW])
    assert shown.exit_code == 0, shown.output
    assert " 0 mismatches" in shown.output


def test_commands_on_tables_run_in_their_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [line for line in commands_of(page("parity")) if "history.csv" in line]
    lines = [*commands_of(page("import_export")), *own]
    assert len(lines) == 5
    for line in lines:
        arguments = shlex.split(line)[1:]
        names = {
            path: str(folder / path) for path in re.findall(r"\w+\.(?:csv|db|parquet|yaml)", line)
        }
        shown = CliRunner().invoke(app, [names.get(part, part) for part in arguments])
        assert shown.exit_code == 0, shown.output
    rows = len(pd.read_csv(folder / "history.csv"))
    assert len(pd.read_parquet(folder / "orders.parquet")) == rows


def test_the_example_prints_what_the_page_shows() -> None:
    ((code, expected),) = examples_of(page("parity"))
    assert expected is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "parity.md", "exec"), {"__name__": "page"})
    assert printed.getvalue() == expected


@pytest.mark.parametrize("name", PAGES)
def test_links_resolve(name: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page(name))
    assert links
    assert not [link for link in links if not (ROOT / "docs" / link).exists()]

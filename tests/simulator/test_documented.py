"""Every parameter and every option stands in docs/simulator.md."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import typer

from commands.main import app
from simulator import SOURCES, Imperfections, Scenario

PAGE = (Path(__file__).parent.parent.parent / "docs" / "simulator.md").read_text(encoding="utf-8")
OPTIONS = [
    option
    for parameter in typer.main.get_command(app).commands["simulate"].params  # type: ignore[attr-defined]
    for option in parameter.opts
    if option.startswith("--") and option not in ("--help", "--overwrite")
]


@pytest.mark.parametrize("name", [field.name for field in fields(Scenario)])
def test_scenarios_are_documented(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("name", [field.name for field in fields(Imperfections)])
def test_imperfections_are_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("option", OPTIONS)
def test_options_are_documented(option: str) -> None:
    assert option in PAGE


def test_sources_and_their_columns_are_documented() -> None:
    for source in SOURCES:
        assert f"| `{source.name}` |" in PAGE
        for column in source.columns:
            assert f"`{column}`" in PAGE, column


def test_typical_imperfections_are_as_documented() -> None:
    typical = Imperfections.typical()
    compared = set()
    for row in PAGE.splitlines():
        cells = [cell.strip() for cell in row.split("|")]
        names = [name.strip(" `") for name in cells[1].split(",")] if len(cells) > 3 else []
        if names and all(hasattr(typical, name) for name in names):
            values = [float(value) for value in cells[2].split(",")]
            assert [getattr(typical, name) for name in names] == values, names
            compared.update(names)
    assert compared == {field.name for field in fields(Imperfections)}

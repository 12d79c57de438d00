"""Options of a group stand in a command's signature, and reach it as one argument."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from commands.console.option_groups import OptionGroup, with_options


@dataclass(frozen=True)
class Size:
    """Two options in one."""

    rows: int
    unit: str


SIZE = OptionGroup(
    options={"rows": (Annotated[int, typer.Option(min=1)], 3), "unit": (str, "km")}, build=Size
)


def show(name: str, size: Size, *, loud: bool = False) -> str:
    """Show what was given."""
    return f"{name} {size.rows} {size.unit}{'!' if loud else ''}"


def test_the_options_take_the_place_of_their_argument() -> None:
    command = with_options(show, size=SIZE)
    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["name", "rows", "unit", "loud"]
    assert parameters["rows"].default == 3
    assert command(name="a", rows=5, unit="m", loud=True) == "a 5 m!"
    assert command.__doc__ == show.__doc__


def test_a_command_line_reads_them_and_keeps_their_limits() -> None:
    app = typer.Typer()
    command = with_options(lambda size: print(size.rows, size.unit), size=SIZE)  # noqa: T201
    app.command()(command)
    runner = CliRunner()
    assert runner.invoke(app, ["--rows", "7"]).output == "7 km\n"
    assert runner.invoke(app, ["--rows", "0"]).exit_code == 2


def test_what_the_group_builds_of_its_options_may_refuse_them() -> None:
    def refuse(rows: int, unit: str) -> Size:
        raise ValueError(f"{rows} {unit} is too much")

    command = with_options(show, size=OptionGroup(options=SIZE.options, build=refuse))
    with pytest.raises(ValueError, match="3 km is too much"):
        command(name="a", rows=3, unit="km")

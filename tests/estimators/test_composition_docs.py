"""The page on the composed ETA keeps its word: its example prints that, its commands exist."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path

from typer.main import get_command

from commands.main import app
from estimators.core.stages import OPEN_STAGES, PARTS, pending_at
from estimators.eta.model import ETA_PARTS
from tests.readme import commands_of, examples_of

PAGE = (Path(__file__).parents[2] / "docs" / "composition.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_shows() -> None:
    ((code, expected),) = examples_of(PAGE)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "composition.md", "exec"), {})
    assert printed.getvalue() == expected


def test_its_commands_exist() -> None:
    lines = commands_of(PAGE)
    assert len(lines) == 3
    for line in lines:
        command = get_command(app)
        words = shlex.split(line)[1:]
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        options = {name for one in command.params for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_it_names_all_parts_and_what_is_to_come_in_each_stage() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    rows = [row for row in rows if len(row) == 3]  # the others have figures
    for part in ETA_PARTS:
        assert any(row[0] == f"`{part}`" and f"`eta_{part}`" in row[1] for row in rows), part
    told = {row[0]: row[2] for row in rows if "`eta_" not in row[1]}
    for stage in OPEN_STAGES:
        (to_come,) = [text for names, text in told.items() if f"`{stage}`" in names]
        listed = {part for part in PARTS if f"`{part}`" in to_come}
        if not to_come.startswith("all parts"):
            assert listed == {*pending_at(stage)} - {"conditions"}, stage
        else:
            assert pending_at(stage) == PARTS, stage

"""The page on experiments keeps its word: its commands run in their order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.main import app
from tests.commands.running import ROOT
from tests.readme import commands_of

pytestmark = pytest.mark.slow

SMALL = {"--stores": "6", "--days": "6", "--tune": "2"}
"""In the place of what the page says, so that it takes seconds."""


def test_commands_run_in_their_order(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    lines = commands_of(page)
    assert len(lines) == 8
    for line in lines:
        arguments = shlex.split(line)[1:]
        for k, part in enumerate(arguments):
            arguments[k] = SMALL.get(arguments[k - 1], part)
        if arguments[0] == "ablate" and "--by" not in arguments:
            arguments += ["--by", "source"]
        for k, part in enumerate(arguments):
            if re.fullmatch(r"\w+\.(html|json)", part):
                arguments[k] = str(tmp_path / part)
        shown = CliRunner().invoke(app, arguments)
        assert shown.exit_code == 0, shown.output
    assert {path.name for path in tmp_path.iterdir()} == {
        "worth.html", "worth.json", "compared.html", "compared.json",
    }  # fmt: skip


def test_links_resolve() -> None:
    for name in ("experiments", "own_data"):
        page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page)
        assert links
        assert not [link for link in links if not (ROOT / "docs" / link).exists()]

"""The parts of a page: text is text, tables scroll, charts that are not drawn leave nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from commands.reports.page import (
    Cell,
    Details,
    FactList,
    Figure,
    Figures,
    Heading,
    Page,
    Row,
    Section,
    Sides,
    Table,
    Text,
    seconds_cell,
)
from services.core.pages.rendering import render
from tests.commands.reports.html_pages import check_page

HOSTILE = "<script>alert(1)</script>\"'&"


def test_markup_in_any_part_is_text() -> None:
    blocks = (
        Text(HOSTILE),
        Heading(HOSTILE, "bad"),
        Table(heads=(HOSTILE, "b"), rows=[Row([HOSTILE, Cell(HOSTILE, HOSTILE, "good")])]),
        FactList({HOSTILE: HOSTILE}),
        Details(HOSTILE, HOSTILE),
        Sides({HOSTILE: HOSTILE}),
        Figures([Figure(title=HOSTILE, chart=None)]),
    )
    page = check_page(Page(title=HOSTILE, top=blocks, sections=[Section(HOSTILE, blocks)]).html())
    assert page.said.count(HOSTILE) == 4 + 2 * 12
    assert not page.all("figure")


def test_a_table_marks_numbers_and_what_matters() -> None:
    rows = [Row(["a", seconds_cell(90.0), "x"], emphasised=True), Row(["b", Cell("-"), "y"])]
    table = Table(heads=("name", "s", "text"), rows=rows, texts=(0, 2))
    page = check_page(Page(title="t", top=[], sections=[Section("s", [table])]).html())
    assert page.rows == [["name", "s", "text"], ["a", "90.0 1.5 min", "x"], ["b", "-", "y"]]
    kinds = [found.get("class", "") for tag, found in page.tags if tag in ("th", "td", "tr")]
    assert kinds == ["", "", "number", "", "own", "", "number", "", "", "", "number", ""]


def test_a_value_that_a_template_names_is_needed() -> None:
    with pytest.raises(jinja2.UndefinedError, match="title"):
        render("base.html")


def test_drawing_is_loaded_only_where_a_page_is_drawn() -> None:
    code = (
        "import sys, commands.main\n"
        "import commands.compare, commands.ablate, commands.evaluate, commands.simulate\n"
        "import commands.check_equivalence, commands.equivalence.page, commands.options.report\n"
        "print([name for name in sys.modules if name.startswith('matplotlib')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_the_settings_of_a_user_do_not_change_a_chart(tmp_path: Path) -> None:
    """And a home where nothing can be written is no reason to print anything."""
    code = (
        "import numpy as np\n"
        "from commands.reports.plots import line_chart\n"
        "from commands.reports.scales import Scale\n"
        "y = np.arange(3.0)\n"
        "print(line_chart('l', y, {'': y}, Scale(), Scale(seconds=True)).svg)"
    )
    (tmp_path / "matplotlibrc").write_text("lines.linestyle: --\naxes.grid: False\nfont.size: 30\n")
    (tmp_path / "file").touch()
    settings = {
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "MPLCONFIGDIR": str(tmp_path / "file" / "below"),
    }
    drawn = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300,
            env={**os.environ, **changed},
        )
        for changed in ({}, settings)
    ]  # fmt: skip
    assert drawn[1].stderr == ""
    assert drawn[0].stdout == drawn[1].stdout
    assert drawn[0].stdout.startswith("<svg")

"""The parts of a page: text is text, tables scroll, charts that are not drawn leave nothing."""

from __future__ import annotations

import subprocess
import sys

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

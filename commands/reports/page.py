"""A report as a page: sections of text, charts, tables and facts, with a list of contents.

Pages say here what stands on them, without markup; ``templates/report.html`` says how it looks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from commands.reports.chart import WIDTH_PX, Chart
from commands.reports.palette import stylesheet
from services.core.pages.rendering import render

__all__ = [
    "Block",
    "Cell",
    "Details",
    "FactList",
    "Figure",
    "Figures",
    "Heading",
    "Page",
    "Row",
    "Section",
    "Sides",
    "Table",
    "Text",
    "seconds_cell",
]

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Text:
    """A paragraph; `kind` is "good", "bad" or empty."""

    text: str | Markup
    kind: str = ""
    template: str = "text"


@dataclass(frozen=True)
class Heading:
    """A heading within a section; `kind` is "good", "bad" or empty."""

    text: str
    kind: str = ""
    template: str = "heading"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart with its title above it, and a note on how to read it below."""

    title: str
    chart: Chart | None
    note: str = ""


@dataclass(frozen=True)
class Figures:
    """Charts side by side, as many as the page is wide; those without a chart are left out."""

    figures: Sequence[Figure]
    template: str = "figures"

    @property
    def drawn(self) -> list[Figure]:
        """Those that have a chart."""
        return [one for one in self.figures if one.chart is not None]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, a smaller second line, "good", "bad" or empty."""

    text: str
    note: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table; the emphasised one is bold."""

    cells: Sequence[Cell | str]
    emphasised: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table in a box of its own, in which it scrolls where the page is narrow.

    Args:
        heads: of the columns.
        rows: a cell per column.
        texts: numbers of the columns of text; they stand left, numbers stand right.
    """

    heads: Sequence[str]
    rows: Sequence[Row]
    texts: Sequence[int] = (0,)
    template: str = "table"


@dataclass(frozen=True)
class FactList:
    """Names with their values."""

    facts: Mapping[str, str]
    template: str = "facts"


@dataclass(frozen=True)
class Details:
    """Text that is shown once its summary is opened."""

    summary: str
    text: str
    template: str = "details"


@dataclass(frozen=True)
class Sides:
    """Texts side by side as they are, each below its heading."""

    sides: Mapping[str, str]
    template: str = "sides"


Block = Text | Heading | Figures | Table | FactList | Details | Sides


@dataclass(frozen=True)
class Section:
    """A part of a page that the list of contents names."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """What the list of contents leads to.

        >>> Section("Is it sure?", []).anchor
        'is-it-sure'
        """
        return "-".join(re.findall(r"\w+", self.title.lower()))


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page.

    Args:
        title: of the page.
        top: what stands above the list of contents.
        sections: the parts, in order.
    """

    title: str
    top: Sequence[Block]
    sections: Sequence[Section]

    def html(self) -> str:
        """Return the page as one HTML file that loads nothing."""
        return render(
            "report.html",
            folder=TEMPLATES,
            title=self.title,
            top=self.top,
            sections=self.sections,
            palette=Markup(stylesheet()),
            chart_width_px=WIDTH_PX,
        )


def seconds_cell(seconds: float, digits: int = 1) -> Cell:
    """Return seconds, with minutes below; a dash where there are none.

    >>> seconds_cell(412.3)
    Cell(text='412.3', note='6.9 min', kind='')
    >>> seconds_cell(float("nan")).text
    '-'
    """
    if math.isnan(seconds):
        return Cell("-")
    return Cell(f"{seconds:,.{digits}f}", f"{seconds / 60.0:,.1f} min")

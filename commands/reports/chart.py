"""A chart as a page shows it; who draws it stands in ``drawing.py``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from commands.reports.palette import stylesheet, variable

__all__ = ["WIDTH_PX", "Chart", "LegendItem"]

WIDTH_PX = 344
"""Every chart is so wide: what a page of 400 pixels has between its margins."""


LEGEND_PX, LETTER_PX = 24, 7.5
"""Height of the legend in a file of its own, and the width of its letters."""

FILE_RULES = (
    ":root{--page:#fff}@media (prefers-color-scheme:dark){:root{--page:#0d1117}}"
    "text{font-family:system-ui,sans-serif;paint-order:stroke;stroke:var(--page);stroke-width:3px}"
)
"""What a page says of its charts, for a file that stands in a page of somebody else."""


@dataclass(frozen=True)
class LegendItem:
    """What one colour of a chart stands for.

    Args:
        name: of the series.
        colour: its name in the palette.
        dashed: whether its line is dashed.
    """

    name: str
    colour: str
    dashed: bool = False

    @property
    def variable(self) -> str:
        """The CSS value of the colour."""
        return variable(self.colour)


@dataclass(frozen=True)
class Chart:
    """A chart that stands in a page.

    Args:
        svg: an element of HTML.
        legend: what its colours stand for; the page writes it above the chart.
    """

    svg: str
    legend: tuple[LegendItem, ...] = ()

    def file(self) -> str:
        """Return a file of its own: it carries its colours, its font and its legend."""
        start = self.svg.index(">") + 1
        (height,) = re.findall(r'height="([\d.]+)"', self.svg[:start])
        total = float(height) + LEGEND_PX
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {total:g}"'
            f' width="{WIDTH_PX}" height="{total:g}" role="img">'
            f"<style>{stylesheet()}{FILE_RULES}</style>{self._legend()}"
            f'<g transform="translate(0 {LEGEND_PX})">{self.svg[start:-6]}</g></svg>\n'
        )

    def _legend(self) -> str:
        parts, x = [], 4.0
        for item in self.legend:
            text = f'<text x="{x + 16:g}" y="14" style="font-size:12.5px;fill:var(--chart-dim)">'
            parts.append(
                f'<rect x="{x:g}" y="5" width="11" height="9" style="fill:{item.variable}"/>'
                f"{text}{escape(item.name)}</text>"
            )
            x += 36.0 + LETTER_PX * len(item.name)
        return "".join(parts)

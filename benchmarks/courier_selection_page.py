"""The results of the replay of courier selection as a table and a chart for the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from commands.reports.plots import row_bars
from commands.reports.scales import Scale

__all__ = ["PAGE", "table", "write"]

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "courier_selection.md"
CHART = DOCS / "courier_selection.svg"
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"
COLUMNS = {
    "courier_wait_s": ("courier waits, s", "{:.0f}", 1.0),
    "courier_wait_p90_s": ("p90", "{:.0f}", 1.0),
    "food_wait_s": ("food waits, s", "{:.0f}", 1.0),
    "late_food_share": ("late food", "{:.1f}%", 100.0),
    "delivery_s": ("delivery, s", "{:,.0f}", 1.0),
    "late_share": ("later than promised", "{:.1f}%", 100.0),
    "late_s": ("by, s", "{:.0f}", 1.0),
    "ride_s": ("way to the store, s", "{:.0f}", 1.0),
    "busy_share": ("couriers busy", "{:.1f}%", 100.0),
    "refused": ("refused per order", "{:.2f}", 1.0),
    "regret_s": ("regret, s", "{:.0f}", 1.0),
}
GAPS = ("courier_wait_s", "food_wait_s", "late_food_share", "delivery_s", "late_s", "busy_share")
CHARTED = {"courier_wait_s": "courier waits", "food_wait_s": "food waits"}


def table(result: Mapping[str, Any]) -> str:
    """Return the tables of all supplies as Markdown."""
    parts = []
    for supply, found in result["supplies"].items():
        parts += [f"Courier supply {supply}, {found['days']} days of cities:", "", *_means(found),
                  "", "By the numbers less the others, paired, with 95% intervals:", "",
                  *_gaps(found), ""]  # fmt: skip
    return "\n".join(parts)


def write(result: Mapping[str, Any]) -> None:
    """Write the tables into the page, and the chart beside it."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table(result)}\n{END}{after}", encoding="utf-8")
    CHART.write_text(chart(result), encoding="utf-8")


def chart(result: Mapping[str, Any]) -> str:
    """Return a chart of who waits for whom, for each way and supply, as an SVG file."""
    names, series = [], {name: list[float]() for name in CHARTED.values()}
    for supply, found in result["supplies"].items():
        for way, means in found["means"].items():
            names.append(f"{way} ({supply})")
            for key, label in CHARTED.items():
                series[label].append(means[key])
    values = {label: np.array(seconds) for label, seconds in series.items()}
    scale = Scale(label="per order", seconds=True, low=0.0)
    return row_bars("Who waits for whom, per order", names, values, scale).file()


def _means(found: Mapping[str, Any]) -> list[str]:
    lines = _heading(["couriers chosen", *(name for name, _, _ in COLUMNS.values())])
    for way, means in found["means"].items():
        cells = [
            "-" if means[key] is None else form.format(means[key] * scale)
            for key, (_, form, scale) in COLUMNS.items()
        ]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def _gaps(found: Mapping[str, Any]) -> list[str]:
    lines = _heading(["than", *(COLUMNS[key][0] for key in GAPS)])
    for way, gaps in found["by the numbers less"].items():
        cells = []
        for key in GAPS:
            scale = COLUMNS[key][2]
            digits = 1 if scale != 1.0 else 0
            mean, low, high = (value * scale for value in gaps[key])
            cells.append(f"{mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]")
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def _heading(names: list[str]) -> list[str]:
    return ["| " + " | ".join(names) + " |", "|---|" + "---:|" * (len(names) - 1)]

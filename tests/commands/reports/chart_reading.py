"""Reads a chart as a person does: by its ticks, its marks and its legend."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from commands.reports.chart import Chart, LegendItem
from commands.reports.palette import variable

__all__ = ["Box", "bars", "legend", "lines", "notes", "texts", "ticks"]

_PAIR = re.compile(r"([ML]) (-?[\d.]+) (-?[\d.]+)")


@dataclass(frozen=True)
class Box:
    """A bar: its ends on the level axis and on the upright axis."""

    left: float
    right: float
    low: float
    high: float


def texts(chart: Chart) -> list[str]:
    return ["".join(one.itertext()) for one in _root(chart).iter("text")]


def notes(chart: Chart) -> list[str]:
    return ["".join(one.itertext()) for one in _root(chart).iter("title")]


def legend(chart: Chart) -> list[str]:
    assert all(isinstance(one, LegendItem) for one in chart.legend)
    return [one.name for one in chart.legend]


def ticks(chart: Chart, axis: str) -> dict[str, float]:
    """Return the text of each tick with a line through the chart, and where it is, px."""
    found = {}
    for group in _root(chart).iter("g"):
        parts = list(group)
        if len(parts) != 2 or parts[0].find("path") is None or parts[1].find("text") is None:
            continue
        path, text = parts[0].find("path"), parts[1].find("text")
        assert path is not None
        assert text is not None
        (x1, y1), (x2, y2) = _points(path)
        if axis == "x" and x1 == x2:
            found["".join(text.itertext())] = x1
        if axis == "y" and y1 == y2:
            found["".join(text.itertext())] = y1
    return found


def lines(chart: Chart, colour: str) -> list[list[tuple[float, float]]]:
    """Return the stretches of the lines of a colour, in the values of the axes."""
    found = []
    for path in _root(chart).iter("path"):
        if f"stroke:{variable(colour)}" in path.get("style", "").split(";"):
            steps = _PAIR.findall(path.get("d", ""))
            starts = [k for k, (kind, _, _) in enumerate(steps) if kind == "M"]
            for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
                found.append([_value(chart, float(x), float(y)) for _, x, y in steps[start:end]])
    return found


def bars(chart: Chart, colour: str) -> list[Box]:
    """Return the filled boxes of a colour, in the values of the axes."""
    found = []
    for path in _root(chart).iter("path"):
        if f"fill:{variable(colour)}" in path.get("style", "").split(";"):
            x, y = zip(*(_value(chart, *point) for point in _points(path)), strict=True)
            found.append(Box(min(x), max(x), min(y), max(y)))
    return found


def _value(chart: Chart, x: float, y: float) -> tuple[float, float]:
    return _on(ticks(chart, "x"), x), _on(ticks(chart, "y"), y)


def _on(found: dict[str, float], px: float) -> float:
    """Return what a place stands for by the first and the last tick; without ticks the place."""
    numbers = [(_number(text), place) for text, place in found.items()]
    known = [(value, place) for value, place in numbers if value is not None]
    if len(known) < 2:
        return px
    (first, first_px), (last, last_px) = known[0], known[-1]
    return first + (px - first_px) / (last_px - first_px) * (last - first)


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix(" s").replace(",", ""))
    except ValueError:
        return None


def _root(chart: Chart) -> ET.Element:
    return ET.fromstring(chart.svg)


def _points(path: ET.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for _, x, y in _PAIR.findall(path.get("d", ""))]

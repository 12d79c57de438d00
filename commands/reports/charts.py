"""The plots of a training's report: each takes scores or diagnostics and gives an SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np

from estimators.core.typing import FloatArray
from estimators.evaluation.report import ReportRow
from estimators.evaluation.scores import Scores
from estimators.training.diagnostics import DependenceCurve, Example, Period, Reliability
from simulator.report.charts import COLOURS, Axes, Frame, bars, lines

__all__ = [
    "calibration",
    "contributions",
    "coverage",
    "coverage_by_day",
    "dependence",
    "deviation",
    "drawn",
    "errors",
    "errors_by_day",
    "examples",
    "horizontal_bars",
    "pinball",
    "pit",
    "reliability",
    "spread_of_widths",
    "widths",
]

TOLERANCE = 0.04
"""What the share inside a range may differ from its level in any slice."""

NORMAL_QUANTILE_95 = 1.96
"""Standard errors on either side that hold 95 of 100 results of chance."""

SLICES_SHOWN = 24

ROWS_LEAST = 50
"""A slice of fewer rows says nothing and is not drawn, unless there are no others."""

WIDE = 1200
_GOOD, _BAD, _BAND = "#2a9d6f", "#c0504d", "#e9eef4"


def drawn(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the slices that are drawn: those with enough rows, at most ``SLICES_SHOWN``."""
    large = [row for row in rows if row.scores.n >= ROWS_LEAST]
    return (large or [row for row in rows if row.scores.n])[:SLICES_SHOWN]


def calibration(scores: Mapping[str, Scores]) -> str:
    """Share of outcomes at or below each predicted quantile, beside the level it should be."""
    known = {name: one for name, one in scores.items() if one.calibration}
    if not known:
        return ""
    levels = np.array(sorted(next(iter(known.values())).calibration))
    series = {"ideal": 100.0 * levels}
    for name, one in known.items():
        series[name] = np.array([100.0 * one.calibration.get(level, np.nan) for level in levels])
    axes = Axes(x_label="level of the quantile, %", y_label="% at or below", y_max=100.0)
    return lines(100.0 * levels, series, axes, dashed=("ideal",))


def deviation(scores: Scores) -> str:
    """By how much the share of outcomes below each quantile misses its level; chance as a band."""
    if not scores.calibration or not scores.n:
        return ""
    levels = np.array(sorted(scores.calibration))
    missed = 100.0 * np.array([scores.calibration[level] - level for level in levels.tolist()])
    chance = 100.0 * NORMAL_QUANTILE_95 * np.sqrt(levels * (1.0 - levels) / scores.n)
    reach = max(2.0, 1.15 * float(np.abs(np.r_[missed, chance]).max()))
    axes = Axes(
        x_label="level of the quantile, %", y_label="percentage points", y_min=-reach, y_max=reach
    )
    frame = Frame(100.0 * levels, missed, axes)
    around = [(x, y) for x, y in zip(levels, chance, strict=True)]
    around += [(x, -y) for x, y in reversed(around)]
    corners = " ".join(f"{frame.x(100.0 * x):.1f},{frame.y(y):.1f}" for x, y in around)
    marks = [
        f'<polygon points="{corners}" fill="{_BAND}"/>',
        _line(frame.x(100.0 * levels[0]), frame.y(0.0), frame.x(100.0 * levels[-1]), frame.y(0.0),
              "#1d2733"),
        _polyline(frame, (100.0 * levels).tolist(), missed.tolist(), COLOURS[1]),
    ]  # fmt: skip
    return frame.svg("".join(marks), [])


def pinball(losses: Mapping[float, float]) -> str:
    """What being wrong costs at each level."""
    levels = np.array(list(losses))
    axes = Axes(x_label="level of the quantile, %", y_label="pinball loss, s", y_min=0.0)
    return lines(100.0 * levels, {"": np.array(list(losses.values()))}, axes)


def spread_of_widths(widths: Mapping[float, float]) -> str:
    """How wide the 80% ranges are, from the narrowest to the widest."""
    shares = np.array(list(widths))
    axes = Axes(x_label="% of the orders", y_label="80% range at most, s", y_min=0.0)
    return lines(100.0 * shares, {"": np.array(list(widths.values()))}, axes)


def pit(scores: Scores) -> str:
    """How many outcomes fell in each twentieth of their own distribution, against expectation."""
    counts = np.array(scores.pit, dtype=np.float64)
    if not counts.sum():
        return ""
    expected = counts.sum() / len(counts)
    ratio = counts / expected
    chance = NORMAL_QUANTILE_95 * math.sqrt((1.0 - 1.0 / len(counts)) / expected)
    x = (np.arange(len(counts)) + 0.5) / len(counts)
    axes = Axes(
        x_label="place in the own distribution", y_label="times expected",
        y_max=max(1.6, float(ratio.max()) * 1.1),
    )  # fmt: skip
    frame = Frame(np.array([0.0, 1.0]), np.r_[ratio, 0.0], axes)
    marks = [_band(frame, 0.0, 1.0, 1.0 - chance, 1.0 + chance)]
    for place, value in zip(x.tolist(), ratio.tolist(), strict=True):
        left, right = frame.x(place - 0.022), frame.x(place + 0.022)
        colour = COLOURS[0] if abs(value - 1.0) <= chance else COLOURS[1]
        marks.append(_rectangle(left, right, frame.y(value), frame.y(0.0), colour))
    marks.append(_line(frame.x(0.0), frame.y(1.0), frame.x(1.0), frame.y(1.0), "#1d2733"))
    return frame.svg("".join(marks), [])


def coverage(rows: Sequence[ReportRow]) -> str:
    """Share of outcomes inside each central range, by slice, in the band where it should be."""
    levels = sorted(rows[0].scores.coverage, reverse=True)
    ticks = [(float(i), row.value) for i, row in enumerate(rows)]
    axes = Axes(x_label="", y_label="% inside", y_min=20.0, y_max=100.0, x_ticks=ticks)
    frame = Frame(np.array([-0.6, len(rows) - 0.4]), np.array([20.0, 100.0]), axes)
    marks = [
        _band(
            frame, -0.6, len(rows) - 0.4,
            100.0 * (level - TOLERANCE), min(100.0 * (level + TOLERANCE), 100.0),
        )
        for level in levels
    ]  # fmt: skip
    for colour, level in zip(COLOURS, levels, strict=False):
        for i, row in enumerate(rows):
            share, n = row.scores.coverage[level], row.scores.n
            chance = NORMAL_QUANTILE_95 * math.sqrt(max(share * (1.0 - share), 0.0) / max(n, 1))
            x = frame.x(float(i))
            low_y, high_y = frame.y(100.0 * (share - chance)), frame.y(100.0 * (share + chance))
            marks.append(_line(x, low_y, x, high_y, colour))
            marks.append(_dot(x, frame.y(100.0 * share), colour))
    return frame.svg("".join(marks), [f"{level:.0%}" for level in levels])


def errors(rows: Sequence[ReportRow]) -> str:
    """Mean absolute error by slice."""
    return _by_slice(rows, "MAE, s", lambda scores: {"": scores.mae_s})


def widths(rows: Sequence[ReportRow]) -> str:
    """Mean width of the central ranges by slice."""

    def of(scores: Scores) -> dict[str, float]:
        return {f"{level:.0%}": scores.width_s[level] for level in (0.5, 0.8)}

    return _by_slice(rows, "width, s", of)


def errors_by_day(periods: Sequence[Period]) -> str:
    """Mean absolute error over the test period."""
    mae_s = np.array([period.mae_s for period in periods])
    axes = Axes(x_label="", y_label="MAE, s", x_ticks=_days(periods), y_min=0.0)
    return lines(np.arange(len(periods), dtype=np.float64), {"": mae_s}, axes)


def coverage_by_day(periods: Sequence[Period]) -> str:
    """Share inside the 80% range over the test period."""
    share = 100.0 * np.array([period.coverage for period in periods])
    x = np.arange(len(periods), dtype=np.float64)
    series = {"inside": share, "80%": np.full(len(x), 80.0)}
    axes = Axes(
        x_label="", y_label="% inside the 80% range", y_min=min(50.0, float(share.min())),
        y_max=100.0, x_ticks=_days(periods),
    )  # fmt: skip
    return lines(x, series, axes, dashed=("80%",))


def reliability(parts: Sequence[Reliability]) -> str:
    """What happened beside what was predicted, by predicted median."""
    x = [part.median_s for part in parts]
    happened = np.array([part.actual_s for part in parts])
    predicted = np.array([part.predicted_s for part in parts])
    axes = Axes(x_label="predicted median, s", y_label="s", y_min=min(0.0, float(predicted.min())))
    frame = Frame(np.array(x), np.r_[happened.ravel(), predicted.ravel()], axes)
    marks = []
    for k in range(happened.shape[1]):
        for y, dash in ((happened[:, k], ""), (predicted[:, k], ' stroke-dasharray="5 3"')):
            marks.append(_polyline(frame, x, y.tolist(), COLOURS[k], dash))
    return frame.svg("".join(marks), ["10%", "half", "90%"])


def contributions(seconds: Mapping[str, float], most: int) -> str:
    """Mean absolute contribution, the largest first; what is left over as one bar."""
    shown = dict(list(seconds.items())[:most])
    rest = list(seconds.values())[most:]
    if rest:
        shown[f"each of {len(rest)} others at most"] = rest[0]
    return horizontal_bars(shown, "s")


def horizontal_bars(values: Mapping[str, float], unit: str, *, emphasised: str = "") -> str:
    """Return a bar per name; the emphasised one in another colour, missing values left out."""
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    if not known:
        return ""
    row, letter = 19, 6.1
    label = 14.0 + letter * max(len(name) for name in known)
    height, room = row * len(known) + 6, 250.0
    largest = max(known.values()) or 1.0
    parts = []
    for i, (name, value) in enumerate(known.items()):
        y = 3 + i * row
        width = max(room * max(value, 0.0) / largest, 1.0)
        colour = COLOURS[1] if name == emphasised else COLOURS[0]
        parts.append(
            f'<text x="{label - 6:.0f}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            + _rectangle(label, label + width, y + 2, y + row - 2, colour)
            + f'<text x="{label + width + 5:.0f}" y="{y + 13}">{value:,.1f} {unit}</text>'
        )
    total = label + room + 70.0
    return (
        f'<svg viewBox="0 0 {total:.0f} {height}" style="width:{total:.0f}px" role="img">'
        f"{''.join(parts)}</svg>"
    )


def dependence(one: DependenceCurve) -> str:
    """What a column adds by its value: a line over numbers, bars for categories."""
    # Names of categories are long and stand where the label would.
    is_number = all(isinstance(value, float) for value in one.values)
    axes = Axes(x_label=one.unit if is_number else "", y_label="adds, s")
    added_s = np.array(one.contribution_s)
    if is_number:
        x = np.array([float(value) for value in one.values])
        if len(x) > 1:
            return lines(x, {"": added_s}, axes)
    return _signed_bars([str(value) for value in one.values], added_s, axes)


def examples(rows: Sequence[Example]) -> str:
    """Predicted ranges of single orders, and what then happened."""
    highs = [row.eight_tenths_s[1] for row in rows] + [row.actual_s for row in rows]
    low = min(0.0, *(row.eight_tenths_s[0] for row in rows))
    top = max(float(np.quantile(highs, 0.95)) * 1.1, 1.0)
    axes = Axes(
        x_label="", y_label="s", y_max=top, y_min=low, x_ticks=_example_ticks(rows), width=WIDE,
    )  # fmt: skip
    frame = Frame(np.array([-0.7, len(rows) - 0.3]), np.array([low, top]), axes)
    half = min(0.3 * (frame.x(1.0) - frame.x(0.0)), 9.0)
    marks = []
    for i, row in enumerate(rows):
        x = frame.x(float(i))
        low_y, high_y = (frame.y(value) for value in row.eight_tenths_s)
        inside = row.eight_tenths_s[0] <= row.actual_s <= row.eight_tenths_s[1]
        title = (
            f"{row.sample_id}, {row.as_of}: half in {row.half_s[0]:,.0f} to"
            f" {row.half_s[1]:,.0f} s, 80% in {row.eight_tenths_s[0]:,.0f} to"
            f" {row.eight_tenths_s[1]:,.0f} s; it took {row.actual_s:,.0f} s"
        )
        y = frame.y(row.median_s)
        marks.append(
            f"<g><title>{escape(title)}</title>"
            + _line(x, low_y, x, high_y, "#8fa9c8", 2.0)
            + _rectangle(
                x - half, x + half, frame.y(row.half_s[1]), frame.y(row.half_s[0]), "#b7cbe3"
            )
            + _line(x - half, y, x + half, y, COLOURS[0], 2.0)
            + _dot(x, frame.y(row.actual_s), _GOOD if inside else _BAD, 3.4)
            + "</g>"
        )
    return frame.svg("".join(marks), [])


def _by_slice(
    rows: Sequence[ReportRow], label: str, of: Callable[[Scores], Mapping[str, float]]
) -> str:
    found = [of(row.scores) for row in rows]
    series = {name: np.array([one[name] for one in found]) for name in found[0]}
    return bars([row.value for row in rows], series, Axes(x_label="", y_label=label))


def _signed_bars(names: Sequence[str], values: FloatArray, axes: Axes) -> str:
    """Bars from 0 upwards and downwards."""
    ticks = [(float(i), name) for i, name in enumerate(names)]
    framed = Axes(x_label=axes.x_label, y_label=axes.y_label, x_ticks=ticks)
    frame = Frame(np.array([-0.6, len(names) - 0.4]), np.r_[values, 0.0], framed)
    half = 0.38 * (frame.x(1.0) - frame.x(0.0))
    marks = [
        _rectangle(
            frame.x(float(i)) - half, frame.x(float(i)) + half,
            frame.y(max(value, 0.0)), frame.y(min(value, 0.0)), COLOURS[0],
        )
        for i, value in enumerate(values.tolist())
    ]  # fmt: skip
    return frame.svg("".join(marks), [])


def _days(periods: Sequence[Period]) -> list[tuple[float, str]]:
    step = max(1, math.ceil(len(periods) / 7))
    return [(float(i), periods[i].start[5:]) for i in range(0, len(periods), step)]


def _example_ticks(rows: Sequence[Example]) -> list[tuple[float, str]]:
    step = max(1, math.ceil(len(rows) / 10))
    return [(float(i), rows[i].as_of[5:10]) for i in range(0, len(rows), step)]


def _band(frame: Frame, left: float, right: float, low: float, high: float) -> str:
    return _rectangle(frame.x(left), frame.x(right), frame.y(high), frame.y(low), _BAND)


def _rectangle(left: float, right: float, top: float, foot: float, colour: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 0.5):.1f}"'
        f' height="{max(foot - top, 0.5):.1f}" fill="{colour}"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.2) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        f' stroke-width="{width}"/>'
    )


def _polyline(
    frame: Frame, x: Sequence[float], y: Sequence[float], colour: str, dash: str = ""
) -> str:
    points = " ".join(f"{frame.x(a):.1f},{frame.y(b):.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'


def _dot(x: float, y: float, colour: str, radius: float = 3.0) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'

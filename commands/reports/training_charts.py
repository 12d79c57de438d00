"""The charts of a training's report: each takes scores or diagnostics and gives a chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from commands.reports.chart import Chart, LegendItem
from commands.reports.drawing import canvas, finished
from commands.reports.palette import SERIES, colour
from commands.reports.plots import (
    HEIGHT_PX,
    column_bars,
    draw_range,
    draw_rows,
    line_chart,
    middle_of,
    row_bars,
    value_rows,
)
from commands.reports.scales import Scale, apply_x, apply_y
from estimators.evaluation.report import ReportRow
from estimators.evaluation.scores import Scores
from estimators.training.diagnostics import DependenceCurve, Example, Period, Reliability

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
    "errors_by_model",
    "examples",
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

EXAMPLES_SHOWN = 14
"""Rows of one chart of examples."""

LEVEL_SCALE = Scale(label="level of the quantile, %")


def drawn(rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Return the slices that are drawn: those with enough rows, at most ``SLICES_SHOWN``."""
    large = [row for row in rows if row.scores.n >= ROWS_LEAST]
    return (large or [row for row in rows if row.scores.n])[:SLICES_SHOWN]


def time_text(seconds: float) -> str:
    """Return seconds with minutes beside them.

    >>> time_text(412.34)
    '412.3 s · 6.9 min'
    """
    return f"{seconds:,.1f} s · {seconds / 60.0:,.1f} min"


def calibration(scores: Mapping[str, Scores]) -> Chart | None:
    """Share of outcomes at or below each predicted quantile, beside the level it should be."""
    known = {name: one for name, one in scores.items() if one.calibration}
    if not known:
        return None
    levels = np.array(sorted(next(iter(known.values())).calibration))
    series = {"ideal": 100.0 * levels}
    for name, one in known.items():
        series[name] = np.array([100.0 * one.calibration.get(level, np.nan) for level in levels])
    y_scale = Scale(label="% at or below", low=0.0, high=100.0)
    return line_chart("Calibration", 100.0 * levels, series, LEVEL_SCALE, y_scale, dashed=["ideal"])


def deviation(scores: Scores) -> Chart | None:
    """By how much the share of outcomes below each quantile misses its level; chance as a band."""
    if not scores.calibration or not scores.n:
        return None
    levels = np.array(sorted(scores.calibration))
    missed = 100.0 * np.array([scores.calibration[level] - level for level in levels.tolist()])
    chance = 100.0 * NORMAL_QUANTILE_95 * np.sqrt(levels * (1.0 - levels) / scores.n)
    reach = max(2.0, 1.15 * float(np.abs(np.r_[missed, chance]).max()))
    with canvas(HEIGHT_PX) as (figure, axes):
        axes.fill_between(100.0 * levels, -chance, chance, color=colour("chart-band"), linewidth=0)
        axes.axhline(0.0, color=colour("chart-dim"), linewidth=1.0)
        axes.plot(100.0 * levels, missed, color=colour(SERIES[1]))
        apply_x(axes, LEVEL_SCALE)
        apply_y(axes, Scale(label="percentage points", low=-reach, high=reach))
        return finished(figure, "Deviation from the promised share")


def pinball(losses: Mapping[float, float]) -> Chart:
    """What being wrong costs at each level."""
    x, y = 100.0 * np.array(list(losses)), np.array(list(losses.values()))
    y_scale = Scale(label="pinball loss", seconds=True, low=0.0)
    return line_chart("Pinball loss by level", x, {"": y}, LEVEL_SCALE, y_scale)


def spread_of_widths(widths: Mapping[float, float]) -> Chart:
    """How wide the 80% ranges are, from the narrowest to the widest."""
    x, y = 100.0 * np.array(list(widths)), np.array(list(widths.values()))
    y_scale = Scale(label="80% range at most", seconds=True, low=0.0)
    return line_chart("Widths of ranges", x, {"": y}, Scale(label="% of the orders"), y_scale)


def pit(scores: Scores) -> Chart | None:
    """How many outcomes fell in each twentieth of their own distribution, against expectation."""
    counts = np.array(scores.pit, dtype=np.float64)
    if not counts.sum():
        return None
    expected = counts.sum() / len(counts)
    ratio = counts / expected
    chance = NORMAL_QUANTILE_95 * math.sqrt((1.0 - 1.0 / len(counts)) / expected)
    return column_bars(
        "Place of the outcomes in their own distribution",
        (np.arange(len(counts)) + 0.5) / len(counts),
        ratio,
        Scale(label="place in the own distribution", low=0.0, high=1.0),
        Scale(label="times expected", low=0.0, high=max(1.6, float(ratio.max()) * 1.1)),
        colours=[SERIES[0] if abs(one - 1.0) <= chance else SERIES[1] for one in ratio.tolist()],
        width=0.9 / len(counts),
        band=(max(1.0 - chance, 0.0), 1.0 + chance),
    )


def coverage(rows: Sequence[ReportRow]) -> Chart:
    """Share of outcomes inside each central range, by slice, in the band where it should be."""
    names = [row.value for row in rows]
    levels = sorted(rows[0].scores.coverage, reverse=True)
    with draw_rows(names) as (figure, axes):
        for k, level in enumerate(levels):
            ends = 100.0 * (level - TOLERANCE), min(100.0 * (level + TOLERANCE), 100.0)
            axes.axvspan(*ends, color=colour("chart-band"), linewidth=0)
            for i, row in enumerate(rows):
                share, n = row.scores.coverage[level], row.scores.n
                chance = NORMAL_QUANTILE_95 * math.sqrt(max(share * (1.0 - share), 0.0) / max(n, 1))
                y = middle_of(i, names)
                reach = 100.0 * np.clip([share - chance, share + chance], 0.0, 1.0)
                axes.plot(reach, [y, y], color=colour(SERIES[k]), linewidth=1.5)
                axes.plot(100.0 * share, y, "o", color=colour(SERIES[k]), markersize=6.0)
        least = min(row.scores.coverage[level] for row in rows for level in levels)
        apply_x(axes, Scale(label="% inside", low=min(20.0, 100.0 * least - 2.0), high=102.0))
        legend = [LegendItem(f"{level:.0%} range", SERIES[k]) for k, level in enumerate(levels)]
        return finished(figure, "Share inside the ranges by slice", tuple(legend))


def errors(rows: Sequence[ReportRow]) -> Chart:
    """Mean absolute error by slice."""
    mae_s = np.array([row.scores.mae_s for row in rows])
    scale = Scale(label="mean absolute error", seconds=True, low=0.0)
    return row_bars("Mean absolute error by slice", [r.value for r in rows], {"": mae_s}, scale)


def widths(rows: Sequence[ReportRow]) -> Chart:
    """Mean width of the central ranges by slice."""
    series = {
        f"{level:.0%} range": np.array([row.scores.width_s[level] for row in rows])
        for level in (0.8, 0.5)
    }
    scale = Scale(label="mean width", seconds=True, low=0.0)
    names = [row.value for row in rows]
    return row_bars("Width of the ranges by slice", names, series, scale, stacked=True)


def errors_by_day(periods: Sequence[Period]) -> Chart:
    """Mean absolute error over the test period."""
    mae_s = np.array([period.mae_s for period in periods])
    x_scale, y_scale = Scale(ticks=_days(periods)), Scale(label="MAE", seconds=True, low=0.0)
    x = np.arange(len(periods), dtype=np.float64)
    return line_chart("Mean absolute error by day", x, {"": mae_s}, x_scale, y_scale)


def coverage_by_day(periods: Sequence[Period]) -> Chart:
    """Share inside the 80% range over the test period."""
    share = 100.0 * np.array([period.coverage for period in periods])
    x = np.arange(len(periods), dtype=np.float64)
    series = {"inside": share, "promised": np.full(len(x), 80.0)}
    y_scale = Scale(label="% inside the 80% range", low=min(50.0, float(share.min())), high=100.0)
    x_scale = Scale(ticks=_days(periods))
    label = "Share inside the 80% range by day"
    return line_chart(label, x, series, x_scale, y_scale, dashed=["promised"])


def reliability(parts: Sequence[Reliability]) -> Chart:
    """What happened beside what was predicted, by predicted median."""
    x = [part.median_s for part in parts]
    happened = np.array([part.actual_s for part in parts])
    predicted = np.array([part.predicted_s for part in parts])
    names = ("10%", "half", "90%")
    with canvas(HEIGHT_PX + 16.0) as (figure, axes):
        for k in range(len(names)):
            axes.plot(x, happened[:, k], color=colour(SERIES[k]))
            axes.plot(x, predicted[:, k], "--", color=colour(SERIES[k]))
        apply_x(axes, Scale(label="predicted median", seconds=True))
        low = min(0.0, float(predicted.min()), float(happened.min()))
        apply_y(axes, Scale(seconds=True, low=low))
        legend = [LegendItem(name, SERIES[k]) for k, name in enumerate(names)]
        return finished(figure, "Predicted and actual levels by predicted median", tuple(legend))


def contributions(seconds: Mapping[str, float], most: int) -> Chart | None:
    """Mean absolute contribution, the largest first; what is left over as one bar."""
    shown = dict(list(seconds.items())[:most])
    rest = list(seconds.values())[most:]
    if rest:
        shown[f"each of {len(rest)} others at most"] = rest[0]
    if not shown:
        return None
    return value_rows("Mean absolute contributions", shown, [time_text(s) for s in shown.values()])


def errors_by_model(mae_s: Mapping[str, float], *, emphasised: str) -> Chart | None:
    """Mean absolute error of each model; missing values have no bar."""
    known = {name: value for name, value in mae_s.items() if not math.isnan(value)}
    if not known:
        return None
    texts = [time_text(value) for value in known.values()]
    return value_rows("Mean absolute error by model", known, texts, emphasised=emphasised)


def dependence(one: DependenceCurve) -> Chart:
    """What a column adds by its value: a line over numbers, bars for categories."""
    added_s = np.array(one.contribution_s)
    numbers = [float(value) for value in one.values if isinstance(value, float)]
    if len(numbers) == len(one.values) and len(numbers) > 1:
        is_time = one.unit == "s"
        x_scale = Scale(label="" if is_time else one.unit, seconds=is_time)
        y_scale = Scale(label="adds", seconds=True)
        return line_chart(one.name, np.array(numbers), {"": added_s}, x_scale, y_scale)
    names = [str(value) for value in one.values]
    return row_bars(one.name, names, {"": added_s}, Scale(label="adds", seconds=True))


def examples(rows: Sequence[Example]) -> list[Chart]:
    """Predicted ranges of single orders, and what then happened; ``EXAMPLES_SHOWN`` a chart."""
    ends = [row.eight_tenths_s[1] for row in rows] + [row.actual_s for row in rows]
    low = min(0.0, *(row.eight_tenths_s[0] for row in rows))
    top = max(float(np.quantile(ends, 0.95)) * 1.1, 1.0)
    parts = range(0, len(rows), EXAMPLES_SHOWN)
    return [_examples(rows[start : start + EXAMPLES_SHOWN], low, top) for start in parts]


def _examples(rows: Sequence[Example], low: float, top: float) -> Chart:
    names = [f"{row.as_of[5:10]} {row.as_of[11:16]}" for row in rows]
    notes = {}
    with draw_rows(names) as (figure, axes):
        for i, row in enumerate(rows):
            inside = row.eight_tenths_s[0] <= row.actual_s <= row.eight_tenths_s[1]
            levels = (row.eight_tenths_s[0], row.half_s[0], row.median_s, row.half_s[1],
                      row.eight_tenths_s[1])  # fmt: skip
            draw_range(axes, float(i), np.clip(levels, low, top))
            shade = colour("chart-good" if inside else "chart-bad")
            (dot,) = axes.plot(min(row.actual_s, top), i, "o", color=shade, markersize=7.0)
            dot.set_gid(f"row-{i}")
            notes[f"row-{i}"] = _example_in_words(row)
        apply_x(axes, Scale(label="seconds and minutes", seconds=True, low=low, high=top), most=4)
        legend = (
            LegendItem("predicted", SERIES[0]),
            LegendItem("happened, inside", "chart-good"),
            LegendItem("happened, outside", "chart-bad"),
        )
        return finished(figure, "Predicted ranges and outcomes of orders", legend, notes)


def _example_in_words(row: Example) -> str:
    return (
        f"{row.sample_id}, {row.as_of}: half in {row.half_s[0]:,.0f} to {row.half_s[1]:,.0f} s,"
        f" 80% in {row.eight_tenths_s[0]:,.0f} to {row.eight_tenths_s[1]:,.0f} s; it took"
        f" {row.actual_s:,.0f} s ({row.actual_s / 60.0:,.1f} min)"
    )


def _days(periods: Sequence[Period]) -> list[tuple[float, str]]:
    step = max(1, math.ceil(len(periods) / 7))
    return [(float(i), periods[i].start[5:]) for i in range(0, len(periods), step)]

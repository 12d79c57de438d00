"""The kinds of charts: lines, upright columns, and rows of bars, ranges and intervals.

What has names is drawn in rows, so that names stand level and none is turned or cut, whatever the
width of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from commands.reports.chart import WIDTH_PX, Chart, LegendItem
from commands.reports.drawing import LINE_PX, canvas, finished, text_width_px
from commands.reports.palette import SERIES, colour
from commands.reports.scales import Scale, apply_x, apply_y
from estimators.core.typing import FloatArray

__all__ = [
    "Interval",
    "column_bars",
    "draw_rows",
    "interval_rows",
    "legend_of",
    "line_chart",
    "range_rows",
    "row_bars",
    "value_rows",
]

HEIGHT_PX = 236.0
ROW_PX, TALL_ROW_PX = 21.0, 36.0
"""Of a row whose name stands beside it, and of one whose name stands above it."""

LONG_NAME = 15
"""Characters from which on names stand above their rows."""

GAP_PX = 5.0
"""Between a bar and its value."""

AXIS_PX = 58.0
"""Of the axis below rows: two lines of ticks and a label."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its interval, and the name of its colour."""

    value: float
    low: float
    high: float
    colour: str
    note: str = ""


def legend_of(names: Sequence[str], dashed: Sequence[str] = ()) -> tuple[LegendItem, ...]:
    """Return the legend of series in the order of colours; a single one needs none."""
    if len(names) < 2:
        return ()
    return tuple(
        LegendItem(name, SERIES[k % len(SERIES)], name in dashed) for k, name in enumerate(names)
    )


def line_chart(
    label: str,
    x: FloatArray,
    series: Mapping[str, FloatArray],
    x_scale: Scale,
    y_scale: Scale,
    *,
    dashed: Sequence[str] = (),
) -> Chart:
    """Return lines over a common x, with gaps where a value is missing.

    Args:
        label: what the chart shows.
        x: shape (n,).
        series: name -> values, shape (n,).
        x_scale: the level axis.
        y_scale: the upright axis.
        dashed: names of series whose lines are dashed.
    """
    with canvas(HEIGHT_PX) as (figure, axes):
        for k, (name, y) in enumerate(series.items()):
            style = "--" if name in dashed else "-"
            marker = "o" if np.sum(~np.isnan(y)) == 1 else None
            axes.plot(x, y, style, color=colour(SERIES[k % len(SERIES)]), marker=marker,
                      clip_on=False)  # fmt: skip
        if all(np.isnan(y).all() for y in series.values()):
            axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center")
        apply_x(axes, x_scale)
        apply_y(axes, y_scale)
        return finished(figure, label, legend_of(list(series), dashed))


def column_bars(
    label: str,
    x: FloatArray,
    heights: FloatArray,
    x_scale: Scale,
    y_scale: Scale,
    *,
    colours: Sequence[str],
    width: float,
    band: tuple[float, float] | None = None,
) -> Chart:
    """Return upright bars over numbers.

    Args:
        label: what the chart shows.
        x: middle of each bar, shape (n,).
        heights: shape (n,).
        x_scale: the level axis.
        y_scale: the upright axis.
        colours: of each bar, names of the palette.
        width: of a bar.
        band: lower and upper end of a shaded band across the chart.
    """
    with canvas(HEIGHT_PX) as (figure, axes):
        if band is not None:
            axes.axhspan(*band, color=colour("chart-band"), linewidth=0, clip_on=False)
        axes.bar(x, heights, width, color=[colour(name) for name in colours], clip_on=False)
        apply_x(axes, x_scale)
        apply_y(axes, y_scale)
        return finished(figure, label)


@contextmanager
def draw_rows(names: Sequence[str], *, axis: bool = True) -> Iterator[tuple[Figure, Axes]]:
    """Give a chart with a named row for each whole number from the top, the first being 0.

    Args:
        names: of the rows.
        axis: whether there is an axis below; else every mark carries its value.
    """
    tall = _is_tall(names)
    height = len(names) * _row_px(names) + (AXIS_PX if axis else 8.0)
    with canvas(height) as (figure, axes):
        axes.set_ylim(len(names) - 0.4, -0.7 if tall else -0.6)
        axes.grid(visible=False, axis="y")
        axes.spines["bottom"].set_visible(axis)
        if tall:
            axes.set_yticks([])
            at_edge = blended_transform_factory(figure.transFigure, axes.transData)
            for k, name in enumerate(names):
                for line, text in enumerate(folded(name)):
                    y = k - 0.5 + line * LINE_PX / _row_px(names)
                    axes.text(0.005, y, text, transform=at_edge, va="top")
        else:
            axes.set_yticks(range(len(names)), names)
            axes.tick_params(axis="y", labelcolor=colour("chart-ink"))
        if not axis:
            axes.set_xticks([])
        yield figure, axes


def middle_of(k: int, names: Sequence[str]) -> float:
    """Return where the marks of a row stand: below its name, where that stands above."""
    return k + 0.5 - 11.5 / _row_px(names) if _is_tall(names) else float(k)


def thickness(names: Sequence[str], px: float) -> float:
    """Return how thick a mark of a row is in units of rows; with names above at most 13 px."""
    return min(px, 13.0 if _is_tall(names) else px) / _row_px(names)


def folded(name: str) -> list[str]:
    """Return a name in as many lines as the width of a chart asks for.

    >>> folded("store_time_to_ready_last_20_median_per_product_of_the_kitchen")
    ['store_time_to_ready_last_20_', 'median_per_product_of_the_kitchen']
    """
    if text_width_px(name) <= WIDTH_PX - 8.0:
        return [name]
    middle = len(name) / 2.0
    breaks = [found.end() for found in re.finditer(r"[_ :/,-]", name[:-1])] or [int(middle)]
    best = min(breaks, key=lambda place: abs(place - middle))
    return [*folded(name[:best].rstrip()), *folded(name[best:])]


def _is_tall(names: Sequence[str]) -> bool:
    """Whether a name is so long that all names stand above their rows."""
    return max((len(name) for name in names), default=0) >= LONG_NAME


def _row_px(names: Sequence[str]) -> float:
    if not _is_tall(names):
        return ROW_PX
    return TALL_ROW_PX + LINE_PX * max(len(folded(name)) - 1 for name in names)


def value_rows(
    label: str, values: Mapping[str, float], texts: Sequence[str], *, emphasised: str = ""
) -> Chart:
    """Return a bar per name with its value beside it.

    Args:
        label: what the chart shows.
        values: name -> value, 0 or more.
        texts: each value with its unit.
        emphasised: the name of the bar that has another colour.
    """
    names = list(values)
    tall = _is_tall(names)
    name_px = 0.0 if tall else max(text_width_px(name) for name in names)
    room_px = WIDTH_PX - name_px - 16.0
    ends = [
        value / max(1.0 - (text_width_px(text) + GAP_PX) / room_px, 0.1)
        for value, text in zip(values.values(), texts, strict=True)
    ]
    with draw_rows(names, axis=False) as (figure, axes):
        axes.set_xlim(0.0, max([*ends, 1e-12]))
        for k, (name, value) in enumerate(values.items()):
            y = middle_of(k, names)
            shade = "series-2" if name == emphasised else "series-1"
            axes.barh(y, value, thickness(names, 15.0), color=colour(shade))
            shift = axes.transData + ScaledTranslation(GAP_PX / 72.0, 0.0, figure.dpi_scale_trans)
            axes.text(value, y, texts[k], transform=shift, va="center", color=colour("chart-dim"))
        return finished(figure, label)


def row_bars(
    label: str,
    names: Sequence[str],
    series: Mapping[str, FloatArray],
    scale: Scale,
    *,
    stacked: bool = False,
) -> Chart:
    """Return bars from zero, to either side: for each name one of every series.

    Args:
        label: what the chart shows.
        names: of the rows.
        series: name -> value of each row, shape (n_rows,); missing ones have no bar.
        scale: of the values.
        stacked: whether bars lie over each other, the widest behind, instead of side by side.
    """
    room = thickness(names, 16.0)
    thick = room if stacked else room / len(series)
    with draw_rows(names) as (figure, axes):
        for k, values in enumerate(series.values()):
            shift = 0.0 if stacked else (k - (len(series) - 1) / 2.0) * thick
            y = [middle_of(row, names) + shift for row in range(len(names))]
            shown = thick * (0.5 if stacked and k else 1.0) * 0.94
            axes.barh(y, np.nan_to_num(values), shown, color=colour(SERIES[k % len(SERIES)]))
        axes.axvline(0.0, color=colour("chart-dim"), linewidth=1.0)
        apply_x(axes, scale, most=4)
        return finished(figure, label, legend_of(list(series)))


def range_rows(
    label: str, names: Sequence[str], quantiles: Sequence[FloatArray], scale: Scale
) -> Chart:
    """Return, for each name, the middle 80% as a line, the middle half as a box, the median.

    Args:
        label: what the chart shows.
        names: of the rows.
        quantiles: the levels 0.1, 0.25, 0.5, 0.75, 0.9 of each; NaN where there are none.
        scale: of the values.
    """
    with draw_rows(names) as (figure, axes):
        for k, levels in enumerate(quantiles):
            if np.isnan(levels).any():
                continue
            draw_range(axes, middle_of(k, names), levels, thick=thickness(names, 12.6))
        apply_x(axes, scale, most=5)
        return finished(figure, label)


def draw_range(
    axes: Axes, y: float, levels: Sequence[float] | FloatArray, thick: float = 0.6
) -> None:
    """Draw one box of :func:`range_rows` at a height; it is so many rows thick."""
    p10, p25, p50, p75, p90 = (float(one) for one in levels)
    shade = colour("series-1")
    axes.plot([p10, p90], [y, y], color=shade, linewidth=1.5, clip_on=False)
    axes.barh(y, p75 - p25, thick, left=p25, color=shade, alpha=0.4, clip_on=False)
    axes.plot(
        [p50, p50], [y - thick / 2.0, y + thick / 2.0], color=shade, linewidth=2.5, clip_on=False
    )


def interval_rows(label: str, intervals: Mapping[str, Interval], scale: Scale) -> Chart:
    """Return, for each name, a bar from zero to its value, and its interval as a line."""
    names = list(intervals)
    notes = {}
    with draw_rows(names) as (figure, axes):
        for k, one in enumerate(intervals.values()):
            y = middle_of(k, names)
            (bar,) = axes.barh(y, one.value, thickness(names, 12.0), color=colour(one.colour))
            bar.set_gid(f"row-{k}")
            notes[f"row-{k}"] = one.note
            axes.plot([one.low, one.high], [y, y], color=colour("chart-ink"), linewidth=1.5)
        axes.axvline(0.0, color=colour("chart-dim"), linewidth=1.0)
        apply_x(axes, scale, most=4)
        return finished(figure, label, notes={key: note for key, note in notes.items() if note})

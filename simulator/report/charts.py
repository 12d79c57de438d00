"""Charts as SVG, drawn by hand so that a page needs nothing else to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np

from simulator.world.arrays import FloatArray

__all__ = ["COLOURS", "Axes", "Frame", "bars", "lines", "ranges", "streets_map"]

WIDTH, HEIGHT = 460, 298
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 62
COLOURS = ("#3366aa", "#cc6633", "#2a9d6f", "#9957a8", "#b8860b", "#4aa3c7", "#c0504d", "#777777")
"""One per series; told apart also by those who see colours differently, and by their legend."""
_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What a chart says around its marks; ``y_min`` and ``y_max`` cut the axis there.

    ``width`` is the chart's in its own units; its height is always ``HEIGHT``.
    """

    x_label: str
    y_label: str
    y_max: float | None = None
    y_min: float | None = None
    width: int = WIDTH
    x_ticks: Sequence[tuple[float, str]] | None = None


def lines(
    x: FloatArray, series: Mapping[str, FloatArray], axes: Axes, *, dashed: Sequence[str] = ()
) -> str:
    """Return a chart of lines over a common x; gaps where a value is missing.

    >>> svg = lines(
    ...     np.array([0.0, 1.0]), {"a": np.array([1.0, 2.0])}, Axes(x_label="h", y_label="n")
    ... )
    >>> svg.startswith("<svg") and "polyline" in svg
    True
    """
    frame = Frame(x, np.concatenate(list(series.values())), axes)
    marks = []
    for colour, (name, y) in zip(_colours(len(series)), series.items(), strict=True):
        dash = ' stroke-dasharray="5 3"' if name in dashed else ""
        for part in _unbroken(x, y):
            points = " ".join(f"{frame.x(a):.1f},{frame.y(b):.1f}" for a, b in part)
            marks.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"'
                f"{dash}/>"
            )
    return frame.svg("".join(marks), [name for name in series if name])


def bars(names: Sequence[str], series: Mapping[str, FloatArray], axes: Axes) -> str:
    """Return a chart of bars: a group for each name, a bar in it for each series."""
    x = np.arange(len(names), dtype=np.float64)
    ticks = [(float(i), name) for i, name in enumerate(names)]
    frame = Frame(
        np.array([-0.5, len(names) - 0.5]), np.concatenate([*series.values(), [0.0]]),
        Axes(x_label=axes.x_label, y_label=axes.y_label, y_max=axes.y_max, x_ticks=ticks),
    )  # fmt: skip
    width = 0.8 / len(series)
    marks = []
    for k, (colour, y) in enumerate(zip(_colours(len(series)), series.values(), strict=True)):
        for i, value in zip(x, np.nan_to_num(y), strict=True):
            left, right = frame.x(i - 0.4 + k * width), frame.x(i - 0.4 + (k + 1) * width)
            top, foot = frame.y(float(value)), frame.y(0.0)
            marks.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 1.0, 1.0):.1f}"'
                f' height="{max(foot - top, 0.0):.1f}" fill="{colour}"/>'
            )
    return frame.svg("".join(marks), list(series) if len(series) > 1 else [])


def ranges(names: Sequence[str], values: Sequence[FloatArray], axes: Axes) -> str:
    """Return, for each name, the middle eight tenths of its values, the middle half, the median."""
    known = [v[~np.isnan(v)] for v in values]
    quantiles = [
        np.quantile(v, [0.1, 0.25, 0.5, 0.75, 0.9]) if len(v) else np.zeros(5) for v in known
    ]
    ticks = [(float(i), name) for i, name in enumerate(names)]
    frame = Frame(
        np.array([-0.6, len(names) - 0.4]), np.concatenate([*quantiles, [0.0]]),
        Axes(x_label=axes.x_label, y_label=axes.y_label, y_max=axes.y_max, x_ticks=ticks),
    )  # fmt: skip
    marks = []
    for i, (p10, p25, p50, p75, p90) in enumerate(quantiles):
        middle, half = frame.x(float(i)), (frame.x(0.3) - frame.x(0.0))
        marks.append(
            f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{frame.y(p10):.1f}"'
            f' y2="{frame.y(p90):.1f}" stroke="{COLOURS[0]}" stroke-width="1.5"/>'
            f'<rect x="{middle - half:.1f}" width="{2 * half:.1f}" y="{frame.y(p75):.1f}"'
            f' height="{frame.y(p25) - frame.y(p75):.1f}" fill="{COLOURS[0]}" opacity="0.45"/>'
            f'<line x1="{middle - half:.1f}" x2="{middle + half:.1f}" y1="{frame.y(p50):.1f}"'
            f' y2="{frame.y(p50):.1f}" stroke="{COLOURS[0]}" stroke-width="2.5"/>'
        )
    return frame.svg("".join(marks), [])


def streets_map(x_m: FloatArray, y_m: FloatArray, arms: FloatArray, stores: FloatArray) -> str:
    """Return a map: streets, one-way streets lighter, bridges thick, stores as dots (n, 2)."""
    size = 380.0
    reach = float(max(np.abs(x_m).max(), np.abs(y_m).max())) * 1.05
    scale = size / (2.0 * reach)

    def place(x: float, y: float) -> str:
        return f"{(x + reach) * scale:.1f} {(reach - y) * scale:.1f}"

    paths: dict[tuple[str, float], list[str]] = {}
    for a, b, _, one_way, bridge in arms:
        i, j = int(a), int(b)
        style = (COLOURS[6], 3.0) if bridge else (("#b5c4d6", 1.0) if one_way else ("#5b6b80", 1.2))
        step = f"M{place(x_m[i], y_m[i])}L{place(x_m[j], y_m[j])}"
        paths.setdefault(style, []).append(step)
    drawn = "".join(
        f'<path d="{"".join(steps)}" stroke="{colour}" stroke-width="{width}" fill="none"/>'
        for (colour, width), steps in paths.items()
    )
    dots = "".join(
        '<circle cx="{}" cy="{}" r="3" fill="{}"/>'.format(*place(x, y).split(), COLOURS[1])
        for x, y in stores
    )
    return f'<svg viewBox="0 0 {size:.0f} {size:.0f}" role="img">{drawn}{dots}</svg>'


class Frame:
    """The axes of a chart, and where in it a value lies.

    >>> axes = Axes(x_label="h", y_label="n")
    >>> frame = Frame(np.array([0.0, 1.0]), np.array([0.0, 2.0]), axes)
    >>> frame.x(0.0) < frame.x(1.0), frame.y(0.0) > frame.y(2.0)
    (True, True)
    """

    def __init__(self, x: FloatArray, y: FloatArray, axes: Axes) -> None:
        self._axes = axes
        known = y[~np.isnan(y)]
        highest = float(known.max()) if len(known) else 1.0
        lowest = min(float(known.min()) if len(known) else 0.0, 0.0)
        self._low = axes.y_min if axes.y_min is not None else lowest
        self._high = axes.y_max if axes.y_max is not None else highest * 1.06 or 1.0
        self._first, self._last = float(x.min()), float(x.max())

    def x(self, value: float) -> float:
        """Return how far from the left a value stands."""
        span = max(self._last - self._first, 1e-9)
        return LEFT + (value - self._first) / span * (self._axes.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return how far from the top a value stands."""
        value = min(max(value, self._low), self._high)
        share = (value - self._low) / max(self._high - self._low, 1e-9)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def svg(self, marks: str, legend: Sequence[str]) -> str:
        """Return the chart: axes, marks and the names of the series in the order of colours."""
        middle = LEFT + (self._axes.width - LEFT - RIGHT) / 2.0
        parts = [f'<svg viewBox="0 0 {self._axes.width} {HEIGHT}" role="img">', self._grid(), marks]
        parts.append(
            f'<text x="{middle}" y="{HEIGHT - 20}" text-anchor="middle">'
            f"{escape(self._axes.x_label)}</text>"
            f'<text x="4" y="14">{escape(self._axes.y_label)}</text>'
        )
        parts += self._legend(legend)
        return "".join(parts) + "</svg>"

    def _grid(self) -> str:
        parts = []
        for tick in _round_ticks(self._low, self._high):
            y = self.y(tick)
            parts.append(
                f'<line x1="{LEFT}" x2="{self._axes.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
                f' stroke="#e2e6ea"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
                f"{tick:g}</text>"
            )
        ticks = self._axes.x_ticks
        if ticks is None:
            ticks = [(t, f"{t:g}") for t in _round_ticks(self._first, self._last)]
        long = len(ticks) * max(len(name) for _, name in ticks) > 62
        for place, name in ticks:
            x, y = self.x(place), HEIGHT - BOTTOM + 15
            turn = f' transform="rotate(-28 {x:.1f} {y})" text-anchor="end"' if long else ""
            anchor = "" if long else ' text-anchor="middle"'
            parts.append(f'<text x="{x:.1f}" y="{y}"{anchor}{turn}>{escape(name)}</text>')
        return "".join(parts)

    def _legend(self, names: Sequence[str]) -> list[str]:
        parts, x = [], float(self._axes.width - RIGHT)
        for colour, name in reversed(list(zip(_colours(len(names)), names, strict=True))):
            x -= 6.4 * len(name) + 24.0
            parts.append(
                f'<rect x="{x:.0f}" y="6" width="9" height="9" fill="{colour}"/>'
                f'<text x="{x + 12:.0f}" y="14">{escape(name)}</text>'
            )
        return parts


def _colours(n: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(n)]


def _unbroken(x: FloatArray, y: FloatArray) -> list[list[tuple[float, float]]]:
    """The stretches of a line between its missing values."""
    known = ~np.isnan(y)
    breaks = [-1, *np.flatnonzero(~known).tolist(), len(y)]
    return [
        list(zip(x[a + 1 : b].tolist(), y[a + 1 : b].tolist(), strict=True))
        for a, b in pairwise(breaks)
        if b - a > 1
    ]


def _round_ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers within a span."""
    raw = max(high - low, 1e-9) / _TICKS
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(power * min((1.0, 2.0, 2.5, 5.0, 10.0), key=lambda m: abs(m * power - raw)))
    first = np.ceil(low / step) * step
    # Adding 0.0 turns -0.0 into 0.0.
    return [float(round(t, 10)) + 0.0 for t in np.arange(first, high + step * 1e-6, step)]

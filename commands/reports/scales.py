"""The axes of charts: round ticks, and times in seconds and in minutes side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

__all__ = ["Scale", "apply_x", "apply_y", "minutes_text", "time_ticks"]

SECOND_STEPS = (
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0,
    1_200.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0,
)  # fmt: skip
"""Between ticks of a time axis: round in seconds, and in minutes once it is one."""


MINUTES_PAD_PX = 21.0
"""From an axis to its minutes: the line of the seconds stands between."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One axis of a chart.

    Args:
        label: what it measures; the unit of a time axis is added.
        seconds: whether the values are seconds; they are then shown in minutes, too.
        low: where the axis begins; None: below the least value.
        high: where it ends; None: above the greatest value.
        ticks: places with their names, in the place of round numbers.
    """

    label: str = ""
    seconds: bool = False
    low: float | None = None
    high: float | None = None
    ticks: Sequence[tuple[float, str]] | None = None


def time_ticks(low_s: float, high_s: float, most: int = 6) -> list[float]:
    """Return at most so many round seconds within a span.

    >>> time_ticks(0.0, 1_500.0)
    [0.0, 300.0, 600.0, 900.0, 1200.0, 1500.0]
    >>> time_ticks(-31.0, 40.0, 5)
    [-30.0, -15.0, 0.0, 15.0, 30.0]
    """
    span = max(high_s - low_s, 1e-6)
    steps = [one for one in SECOND_STEPS if span / one < most]
    step = steps[0] if steps else SECOND_STEPS[-1] * math.ceil(span / SECOND_STEPS[-1] / most)
    first, last = math.ceil(low_s / step - 1e-9), math.floor(high_s / step + 1e-9)
    return [round(step * k, 6) + 0.0 for k in range(first, last + 1)]


def minutes_text(seconds: float) -> str:
    """Return seconds as minutes, with as many digits as tell ticks apart.

    >>> minutes_text(900.0), minutes_text(15.0), minutes_text(-90.0)
    ('15', '0.25', '-1.5')
    """
    return f"{seconds / 60.0:.{3 if abs(seconds) >= 60.0 else 2}g}"


def apply_y(axes: Axes, scale: Scale) -> None:
    """Set the limits, ticks and label of the upright axis; minutes stand on the right."""
    _limit(axes, "y", scale)
    label = scale.label
    if scale.seconds:
        ticks = time_ticks(*axes.get_ylim())
        axes.set_yticks(ticks, [_seconds_text(tick) for tick in ticks])
        right = axes.secondary_yaxis("right")
        right.set_yticks(ticks, [minutes_text(tick) for tick in ticks])
        right.spines[:].set_visible(False)
        right.grid(visible=False)
        axes.set_title("min", loc="right")
        label = f"{label}, s" if label else "s"
    elif scale.ticks is not None:
        axes.set_yticks([place for place, _ in scale.ticks], [name for _, name in scale.ticks])
    if label:
        axes.set_title(label, loc="left")


def apply_x(axes: Axes, scale: Scale, most: int = 5) -> None:
    """Set the limits, ticks and label of the level axis; minutes stand below the seconds."""
    _limit(axes, "x", scale)
    if scale.seconds:
        ticks = time_ticks(*axes.get_xlim(), most)
        axes.set_xticks(ticks, [f"{_seconds_text(tick)} s" for tick in ticks])
        # Minor ticks at the same places carry the minutes, one line lower.
        axes.xaxis.remove_overlapping_locs = False
        axes.set_xticks(ticks, [f"{minutes_text(tick)} min" for tick in ticks], minor=True)
        axes.tick_params(axis="x", which="minor", length=0.0, pad=MINUTES_PAD_PX)
    elif scale.ticks is not None:
        axes.set_xticks([place for place, _ in scale.ticks], [name for _, name in scale.ticks])
    if scale.label:
        axes.set_xlabel(scale.label)


def _limit(axes: Axes, which: str, scale: Scale) -> None:
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    low = low if scale.low is None else scale.low
    high = high if scale.high is None else scale.high
    set_limits(low, high if high > low else low + 1.0)


def _seconds_text(seconds: float) -> str:
    return f"{seconds:,.0f}" if float(seconds).is_integer() else f"{seconds:g}"

"""Hold the content of plots as plain numbers; other code draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.world.arrays import FloatArray

__all__ = ["RANGE_LEVELS", "BarPlot", "LinePlot", "OrderTruth", "RangePlot", "StreetMap"]

RANGE_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class LinePlot:
    """Lines over a common x.

    Args:
        x: shape (n,).
        series: name -> values, shape (n,); NaN where there is none.
        of: what x is.
        unit: of the values.
    """

    x: FloatArray
    series: Mapping[str, FloatArray]
    of: str
    unit: str


@dataclass(frozen=True)
class BarPlot:
    """Values of named groups.

    Args:
        names: of the groups.
        series: name -> value of each group, shape (n_groups,).
        unit: of the values.
        of: what the groups are.
    """

    names: Sequence[str]
    series: Mapping[str, FloatArray]
    unit: str
    of: str = ""


@dataclass(frozen=True)
class RangePlot:
    """How minutes are distributed in named groups.

    Args:
        names: of the groups.
        levels_min: ``RANGE_LEVELS`` of each, shape (5,); NaN where it has no values.
        of: what the groups are.
    """

    names: Sequence[str]
    levels_min: Sequence[FloatArray]
    of: str = ""


@dataclass(frozen=True, kw_only=True)
class StreetMap:
    """A city's streets as pairs of ends, shape (n, 2, 2), and its stores, shape (n, 2); metres."""

    streets_m: FloatArray
    one_way_m: FloatArray
    bridges_m: FloatArray
    stores_m: FloatArray


@dataclass(frozen=True, kw_only=True)
class OrderTruth:
    """The true distribution of an order's whole time by the event at which it is asked."""

    order_id: str
    took_min: float
    total: RangePlot

"""Lengths along and across streets, of a grid that is turned from north."""

from __future__ import annotations

import math
from typing import TypeVar

from estimators.core.typing import FloatArray

__all__ = ["EARTH_RADIUS_M", "along_and_across"]

EARTH_RADIUS_M = 6_371_008.8

Metres = TypeVar("Metres", float, FloatArray)


def along_and_across(north_m: Metres, east_m: Metres, turn_deg: float) -> tuple[Metres, Metres]:
    """Return how far a way leads along the streets, and how far across them, in metres.

    Args:
        north_m: how far it leads to the north, one way or many.
        east_m: how far to the east.
        turn_deg: where the streets lead, clockwise from north.

    >>> along_m, across_m = along_and_across(100.0, 0.0, 90.0)
    >>> round(along_m), round(across_m)
    (0, -100)
    """
    cos, sin = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return north_m * cos + east_m * sin, east_m * cos - north_m * sin

"""Distance, direction and streets of the way between two pairs of coordinates.

A model of raw coordinates spends its trees on the distance. So the way from the store to the
customer becomes facts: its great-circle length, its lengths along and across the streets, and its
bearing. How far the streets are turned from north is learned on the training period: the turn at
which the length along the streets explains durations best.

Each number is computed by one function of four numbers, for tables and for single requests.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators.core.street_grid import EARTH_RADIUS_M, along_and_across
from estimators.core.typing import FloatArray

__all__ = ["END_COLUMNS", "LEG_FACTS", "StreetLegs", "learn_legs"]

END_COLUMNS = ("store_lat", "store_lon", "customer_lat", "customer_lon")
"""The numbers of a request that give the facts of its way, degrees."""

LEG_FACTS = (
    "leg_great_circle_m",
    "leg_along_streets_m",
    "leg_across_streets_m",
    "leg_streets_m",
    "leg_bearing_deg",
)
"""The facts of a way, in order."""

LEG_MAX_M = 300_000.0
"""A longer way is a wrong coordinate: nobody delivers as far."""

SHORTEST_M = 50.0
ROWS_MIN = 200
"""With fewer rows the turn is not learned."""

_MISSING = (math.nan,) * len(LEG_FACTS)


@dataclass(frozen=True, kw_only=True)
class StreetLegs:
    """Makes the facts of a way from the coordinates of its ends.

    Args:
        turn_deg: how far the streets are turned from north, clockwise, 0 to below 90.

    >>> north_m, along_m, across_m, streets_m, bearing = StreetLegs(turn_deg=0.0).facts(
    ...     (60.0, 24.0, 60.01, 24.0)
    ... )
    >>> round(north_m), round(along_m), round(across_m), round(streets_m), bearing
    (1112, 1112, 0, 1112, 0.0)
    >>> StreetLegs(turn_deg=0.0).facts((95.0, 24.0, 60.01, 24.0))[0]
    nan
    """

    turn_deg: float

    def facts(self, ends: tuple[float, float, float, float]) -> tuple[float, ...]:
        """Return the facts of one way; all are NaN if an end is missing or wrong.

        An end is wrong if its latitude is not within 90 degrees or its longitude not within 180,
        or if both are 0. Ways of more than ``LEG_MAX_M`` are wrong, too.

        Args:
            ends: latitude and longitude of the start, latitude and longitude of the end, degrees.
        """
        if not (_is_place(ends[0], ends[1]) and _is_place(ends[2], ends[3])):
            return _MISSING
        lat_a, lon_a, lat_b, lon_b = map(math.radians, ends)
        length_m = _great_circle_m(lat_a, lon_a, lat_b, lon_b)
        if length_m > LEG_MAX_M:
            return _MISSING
        north_m = EARTH_RADIUS_M * (lat_b - lat_a)
        # The shorter way round where it crosses the date line.
        turned = math.remainder(lon_b - lon_a, math.tau)
        east_m = EARTH_RADIUS_M * turned * math.cos((lat_a + lat_b) / 2.0)
        along_m, across_m = along_and_across(north_m, east_m, self.turn_deg)
        bearing_deg = math.degrees(math.atan2(east_m, north_m))
        return length_m, along_m, across_m, abs(along_m) + abs(across_m), bearing_deg

    def of_rows(self, ends: FloatArray) -> FloatArray:
        """Return the facts of many ways, each row the bits of :meth:`facts`.

        Args:
            ends: shape (n_rows, 4).
        """
        rows: Iterable[Any] = map(tuple, ends.tolist())
        found = [self.facts(one) for one in rows]
        return np.array(found, dtype=np.float64).reshape(len(ends), len(LEG_FACTS))

    def to_json(self) -> dict[str, float]:
        """Return a JSON-able dictionary; ``StreetLegs(**document)`` reads it."""
        return {"turn_deg": self.turn_deg}


def learn_legs(ends: FloatArray, duration_s: FloatArray) -> StreetLegs:
    """Return the turn of the streets, learned from rows of the training period.

    For each whole degree a parabola of the logarithm of the length along and across the streets is
    fitted to the logarithm of the duration; the degree with the least squared error is taken.

    Args:
        ends: coordinates of the ways, degrees, shape (n_rows, 4).
        duration_s: how long each took, shape (n_rows,); NaN and what is not positive is left out.

    >>> rng = np.random.default_rng(0)
    >>> ends = 40.0 + 0.05 * rng.random((500, 4))
    >>> streets_m = StreetLegs(turn_deg=30.0).of_rows(ends)[:, 3]
    >>> learn_legs(ends, streets_m / 5.0).turn_deg
    30.0
    """
    legs = StreetLegs(turn_deg=0.0).of_rows(ends)
    known = ~np.isnan(legs[:, 0]) & (duration_s > 0.0)
    if int(known.sum()) < ROWS_MIN:
        return StreetLegs(turn_deg=0.0)
    north_m, east_m = legs[known, 1], legs[known, 2]
    logs = np.log(duration_s[known])
    errors = [_unexplained(north_m, east_m, logs, degrees) for degrees in range(90)]
    return StreetLegs(turn_deg=float(np.argmin(errors)))


def _is_place(lat: float, lon: float) -> bool:
    return abs(lat) <= 90.0 and abs(lon) <= 180.0 and not (lat == 0.0 and lon == 0.0)


def _great_circle_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Return the haversine distance of points in radians; Sinnott, 1984."""
    across = math.sin((lon_b - lon_a) / 2.0) ** 2
    half = math.sin((lat_b - lat_a) / 2.0) ** 2 + math.cos(lat_a) * math.cos(lat_b) * across
    return 2.0 * EARTH_RADIUS_M * math.asin(math.sqrt(min(max(half, 0.0), 1.0)))


def _unexplained(north_m: FloatArray, east_m: FloatArray, logs: FloatArray, degrees: int) -> float:
    """Return the variance that the length along streets of a turn leaves of the durations."""
    along_m, across_m = along_and_across(north_m, east_m, degrees)
    x = np.log(np.maximum(np.abs(along_m) + np.abs(across_m), SHORTEST_M))
    design = np.column_stack([np.ones_like(x), x, x * x])
    weights = np.linalg.lstsq(design, logs, rcond=None)[0]
    return float(np.square(logs - design @ weights).mean())

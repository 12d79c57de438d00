"""Declare which parameter of a nature is fitted to which moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulator.moments import Moment
from simulator.world.arrays import FloatArray
from simulator.world.nature import Nature

__all__ = ["MATCHES", "Match", "applied", "matched_moments"]

SHARE_UNIT = 0.3
"""A share moves by this, where another parameter is multiplied by e."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A parameter, and the moment that it moves most.

    Args:
        parameter: field of :class:`Nature`; of ``utilisation`` both bounds are multiplied.
        moments: the first of them that a table has is met.
        lowest: least value that is tried.
        highest: greatest value that is tried.
        share: whether the search moves it by differences; otherwise by factors.
    """

    parameter: str
    moments: tuple[str, ...]
    lowest: float
    highest: float
    share: bool = False

    def value(self, nature: Nature) -> float:
        """Return the parameter of a nature, of a range its upper bound."""
        found = getattr(nature, self.parameter)
        return float(found[1] if isinstance(found, tuple) else found)

    def place(self, value: float) -> float:
        """Return where the search is at a value."""
        return value / SHARE_UNIT if self.share else math.log(max(value, self.lowest))

    def at(self, place: float) -> float:
        """Return the value at a place of the search, within the limits.

        >>> MATCHES[0].at(MATCHES[0].place(1.25))
        1.25
        """
        value = place * SHARE_UNIT if self.share else math.exp(place)
        return min(max(float(f"{value:.6g}"), self.lowest), self.highest)


def _durations(of: str) -> tuple[str, str]:
    return f"preparation_{of}", f"delivery_{of}"


MATCHES = (
    Match(parameter="work", moments=_durations("median_s"), lowest=0.06, highest=15.0),
    Match(parameter="store_sigma", moments=_durations("store_share"), lowest=0.01, highest=1.5),
    Match(
        parameter="half_day_sigma", moments=_durations("last_order_correlation"),
        lowest=0.01, highest=1.0,
    ),
    Match(parameter="cooking_sigma", moments=_durations("log_iqr"), lowest=0.02, highest=1.5),
    Match(
        parameter="tail_share", moments=_durations("q99_s"), lowest=0.0, highest=0.6, share=True
    ),
    Match(parameter="crowd_work", moments=("preparation_load_2",), lowest=0.001, highest=0.5),
    Match(parameter="utilisation", moments=("preparation_hour_sd",), lowest=0.03, highest=1.5),
    Match(parameter="meal_width", moments=("peak_hour_share",), lowest=0.15, highest=4.0),
    Match(parameter="city_day_sigma", moments=("day_variation",), lowest=0.005, highest=1.0),
    Match(parameter="speed", moments=("way_pace_s_per_km",), lowest=0.15, highest=4.0),
    Match(parameter="rush", moments=("way_hour_sd",), lowest=0.05, highest=3.0),
    Match(parameter="ride_sigma", moments=("way_log_sd",), lowest=0.01, highest=1.2),
    Match(parameter="parking", moments=("door_median_s",), lowest=0.02, highest=8.0),
    Match(parameter="parking_sigma", moments=("door_log_sd",), lowest=0.02, highest=1.5),
    Match(parameter="stack_share", moments=("stacked_share",), lowest=0.0, highest=1.0, share=True),
    Match(
        parameter="stack_detour_m", moments=("stacked_extra_s",), lowest=300.0, highest=40_000.0
    ),
)  # fmt: skip
"""All parameters that can be fitted; every other one keeps its value."""


def matched_moments(target: Mapping[str, Moment]) -> dict[Match, str]:
    """Return the matches that a table allows, each with the moment that it is to meet."""
    found = {}
    for match in MATCHES:
        known = (
            name for name in match.moments if name in target and math.isfinite(target[name].value)
        )
        name = next(known, None)
        if name is not None:
            found[match] = name
    return found


def applied(nature: Nature, matches: tuple[Match, ...], places: FloatArray) -> Nature:
    """Return the nature with the parameters at places of the search."""
    changes: dict[str, float | tuple[float, float]] = {}
    for match, place in zip(matches, np.asarray(places).tolist(), strict=True):
        value = match.at(place)
        if match.parameter == "utilisation":
            low, high = nature.utilisation
            changes["utilisation"] = (float(f"{low * value / high:.6g}"), value)
        else:
            changes[match.parameter] = value
    return replace(nature, **changes)  # type: ignore[arg-type]

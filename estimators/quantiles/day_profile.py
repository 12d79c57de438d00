"""The profile of the day: by how much the durations of an hour exceed the typical duration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators.core.typing import FloatArray
from estimators.quantiles.calibration_kernels import profile_at

__all__ = ["DayProfile"]

DAY_STARTS_AT_H = 4.0
"""Local hour at which a day begins: what happens at 01:00 belongs to the evening before."""

STEP_H = 0.25
HALF_WINDOW_H = 0.375
MIN_ROWS = 8
"""A window with fewer rows takes the value of its neighbours."""


@dataclass(frozen=True)
class DayProfile:
    """Seconds by which a local hour's median exceeds the overall one; 0 where it does not.

    An order accepted at 11:40 by a kitchen that opens at 13:00 waits until then, so its duration
    falls by a second with every second that it is accepted later. Trees are made of steps. They
    need many steps to follow such a slope, and few rows support them. Boosting therefore starts at
    this profile and learns the differences.

    Args:
        hours: ascending hours since ``DAY_STARTS_AT_H``, shape (n,); none: 0 s everywhere.
        excess_s: at these hours, linear between them, constant beyond, shape (n,).

    >>> profile = DayProfile(np.array([8.0, 9.0]), np.array([3600.0, 0.0]))
    >>> profile.at(np.array([12.25, 20.0, np.nan])).tolist()  # local hours
    [2700.0, 0.0, 0.0]
    """

    hours: FloatArray
    excess_s: FloatArray

    @classmethod
    def learn(cls, local_hour: FloatArray, target_s: FloatArray) -> DayProfile:
        """Return the profile of labelled rows; hours that are NaN are left out.

        The median of every quarter of an hour and its surroundings (45 minutes in all, at least 8
        rows), less the median of all.

        >>> hour = np.repeat([12.0, 13.0, 14.0], 10)
        >>> seconds = np.repeat([4200.0, 600.0, 600.0], 10)
        >>> DayProfile.learn(hour, seconds).at(np.array([12.0, 14.0])).tolist()
        [3600.0, 0.0]
        """
        known = np.isfinite(local_hour)
        hour = _since_start(local_hour[known])
        seconds = target_s[known]
        order = np.argsort(hour, kind="stable")
        hour, seconds = hour[order], seconds[order]
        centres: list[float] = []
        medians: list[float] = []
        for centre in np.arange(STEP_H / 2, 24.0, STEP_H):
            low, high = np.searchsorted(hour, [centre - HALF_WINDOW_H, centre + HALF_WINDOW_H])
            if high - low >= MIN_ROWS:
                centres.append(float(np.median(hour[low:high])))
                medians.append(float(np.median(seconds[low:high])))
        if not centres:
            return cls(np.empty(0), np.empty(0))
        # Windows overlap, so two of them may have the same median hour: the first one stays.
        hours, first = np.unique(np.array(centres), return_index=True)
        excess_s = np.array(medians)[first] - float(np.median(target_s))
        return cls(hours, np.maximum(0.0, excess_s))

    def at(self, local_hour: FloatArray) -> FloatArray:
        """Return the seconds at local hours (0 to 24), shape (n,); 0 where the hour is NaN."""
        result = np.empty(len(local_hour))
        profile_at(
            np.ascontiguousarray(local_hour), DAY_STARTS_AT_H, self.hours, self.excess_s, result
        )
        return result

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {"hours": self.hours.tolist(), "excess_s": self.excess_s.tolist()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> DayProfile:
        """Return the profile that :meth:`to_json` wrote."""
        return cls(
            np.asarray(document["hours"], dtype=np.float64),
            np.asarray(document["excess_s"], dtype=np.float64),
        )


def _since_start(local_hour: FloatArray) -> FloatArray:
    return np.asarray((local_hour - DAY_STARTS_AT_H) % 24.0)

"""Choose the range that a customer is shown for an estimate.

The estimate says how likely every duration is. What is shown is a promise: few round numbers, wide
enough to be kept, narrow enough to be of use, rather too early than too late, and steady while the
customer looks at it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.typing import BoolArray, FloatArray
from services.core.errors import SettingError

__all__ = ["DisplayPolicy", "ShownRanges"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownRanges:
    """Ranges to be shown, one per row.

    Args:
        low_s: lower ends in seconds, multiples of the policy's step, shape (n_rows,).
        high_s: upper ends.
        inside: probability that the delivery falls into the range.
        late: probability that it comes later than the upper end.
        changed: whether another range had been shown before.
    """

    low_s: FloatArray
    high_s: FloatArray
    inside: FloatArray
    late: FloatArray
    changed: BoolArray


@dataclass(frozen=True, kw_only=True)
class DisplayPolicy:
    """The rules for a displayed range.

    Args:
        level: probability that the delivery falls into the range, before rounding.
        lateness_cost: how much worse it is to come after the range than before it. Of what lies
            outside, so many times as much is before it as after it.
        step_s: ends are multiples of it.
        least_width_s: of a range; what is narrower is widened, more so towards the late side.
        greatest_width_s: of a range; what is wider is cut, more so on the early side.
        hysteresis_s: an end that was shown stays until the estimate is further away from it than
            half a step and this.

    Raises:
        SettingError: a number is out of its bounds, or a width is no multiple of the step.

    >>> estimate = Distribution([0.05, 0.1, 0.5, 0.9, 0.95], [[1200, 1320, 1700, 2300, 2500.0]])
    >>> shown = DisplayPolicy().ranges(estimate)
    >>> shown.low_s.item() / 60, shown.high_s.item() / 60
    (25.0, 40.0)
    """

    level: float = 0.8
    lateness_cost: float = 2.0
    step_s: float = 300.0
    least_width_s: float = 600.0
    greatest_width_s: float = 1_800.0
    hysteresis_s: float = 60.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not math.isfinite(value):
                raise SettingError(f"{one.name} is {value!r}; expected a finite number")
        bounds = (
            ("level", 0.0 < self.level < 1.0, "above 0 and below 1"),
            ("lateness_cost", self.lateness_cost > 0.0, "above 0"),
            ("step_s", self.step_s > 0.0, "above 0"),
            ("least_width_s", self.least_width_s >= self.step_s, "at least step_s"),
            ("greatest_width_s", self.greatest_width_s >= self.least_width_s, "not below least"),
            ("hysteresis_s", self.hysteresis_s >= 0.0, "at least 0"),
        )
        for name, holds, expected in bounds:
            if not holds:
                raise SettingError(f"{name} is {getattr(self, name)!r}; expected {expected}")
        for name in ("least_width_s", "greatest_width_s"):
            if math.fmod(getattr(self, name), self.step_s):
                raise SettingError(
                    f"{name} is {getattr(self, name)!r}; expected a multiple of step_s"
                    f" ({self.step_s!r})"
                )

    def ranges(
        self,
        estimate: Distribution,
        *,
        shown_low_s: FloatArray | None = None,
        shown_high_s: FloatArray | None = None,
    ) -> ShownRanges:
        """Return the range to show for each row.

        Args:
            estimate: of the seconds until delivery.
            shown_low_s: lower ends that the same session has seen, NaN where none, shape
                (n_rows,); None: nothing was shown.
            shown_high_s: upper ends, likewise.
        """
        low, high = self._wanted(estimate)
        never = np.full(len(estimate), np.nan)
        before_low = never if shown_low_s is None else shown_low_s
        before_high = never if shown_high_s is None else shown_high_s
        low_s, high_s = self._within_widths(
            self._steady(low, before_low), self._steady(high, before_high)
        )
        seen = ~np.isnan(before_low) & ~np.isnan(before_high)
        in_time = estimate.cdf(high_s)
        return ShownRanges(
            low_s=low_s,
            high_s=high_s,
            inside=in_time - estimate.cdf(low_s),
            late=1.0 - in_time,
            changed=seen & ((low_s != before_low) | (high_s != before_high)),
        )

    def _wanted(self, estimate: Distribution) -> tuple[FloatArray, FloatArray]:
        """Return both ends from the estimate alone, limited to the allowed widths."""
        outside = 1.0 - self.level
        early_share = self.lateness_cost / (1.0 + self.lateness_cost)
        low = estimate.quantile(round(outside * early_share, 12))
        high = estimate.quantile(round(1.0 - outside * (1.0 - early_share), 12))
        missing = np.maximum(self.least_width_s - (high - low), 0.0)
        excess = np.maximum((high - low) - self.greatest_width_s, 0.0)
        low = low - missing * (1.0 - early_share) + excess * early_share
        high = high + missing * early_share - excess * (1.0 - early_share)
        return np.maximum(low, 0.0), np.maximum(high, np.maximum(low, 0.0) + self.least_width_s)

    def _steady(self, wanted_s: FloatArray, before_s: FloatArray) -> FloatArray:
        """Return ends rounded to steps; an end that was shown stays while it is near enough."""
        rounded = np.round(wanted_s / self.step_s) * self.step_s
        near = np.abs(wanted_s - before_s) <= self.step_s / 2.0 + self.hysteresis_s
        return np.asarray(np.where(near, before_s, rounded))

    def _within_widths(
        self, low_s: FloatArray, high_s: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return ends of an allowed width: rounding, or an end that stayed, may have broken it.

        The upper end moves out and the lower end moves up: a promise that is kept.
        """
        high = np.maximum(high_s, low_s + self.least_width_s)
        return np.maximum(low_s, high - self.greatest_width_s), high

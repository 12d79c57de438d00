"""Fit the nature of a world to a table of orders by simulated moments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from simulator.fitting.comparison import MomentComparison, compared
from simulator.fitting.matches import MATCHES, Match, applied, matched_moments
from simulator.fitting.search import least_squares
from simulator.fitting.trials import Trials, scenario_like
from simulator.moments import Moment, moments_of
from simulator.world.arrays import FloatArray
from simulator.world.nature import Nature, nature_of
from simulator.world.scenario import Scenario

__all__ = ["TRIALS", "Fit", "fit_nature"]

TRIALS = 90
"""Cities that a search may simulate, the one that checks the result not counted."""
FLOOR = 0.01
"""Error of a moment relative to its value, below which no moment counts more than another."""
ABSENT = 10.0
"""Residual, in errors, of a moment that a simulated city does not have."""
FAR = 3.0
"""Residual, in errors, beyond which more counts less: a moment that no parameter reaches would
otherwise draw all parameters away from their own moments, to come a little closer."""
CHECK_SEED = 1_000_003
"""Added to the seed for the city that checks the result."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A nature that was fitted to a table.

    Args:
        nature: the fitted parameters, and the values of the others.
        started_from: the nature before the search.
        scenario: with the fitted nature, and as many orders per store and day as the table.
        comparisons: each moment of the table beside that of the fitted city.
        fitted: parameter -> the moment to which it was fitted.
        trials: cities that the search simulated.
    """

    nature: Nature
    started_from: Nature
    scenario: Scenario
    comparisons: tuple[MomentComparison, ...]
    fitted: Mapping[str, str]
    trials: int

    @property
    def unmet(self) -> tuple[MomentComparison, ...]:
        """The moments that the fitted city does not have."""
        return tuple(one for one in self.comparisons if not one.met)

    @property
    def kept(self) -> tuple[str, ...]:
        """The parameters that kept their values because the table says nothing of them."""
        return tuple(one.parameter for one in MATCHES if one.parameter not in self.fitted)


def fit_nature(
    orders: pd.DataFrame,
    *,
    timezone_by: str,
    timezones: Mapping[str, str],
    nature: Nature | str = "realistic",
    seed: int = 0,
    scenario: Scenario | None = None,
    trials: int = TRIALS,
    progress: Progress | None = None,
) -> Fit:
    """Find the nature whose simulated cities have the moments of a table.

    Every parameter of :data:`MATCHES` whose moment the table has is fitted, by least squares of
    the differences in units of their errors. What the table does not have keeps its value. The
    same arguments give the same result.

    Args:
        orders: as :func:`simulator.moments.moments_of` takes them; what it lacks is left out.
        timezone_by: column whose value says which clock an order follows.
        timezones: IANA timezone of each value.
        nature: where the search starts, and the values of what is not fitted.
        seed: of all trials, 0 or more.
        scenario: size and span of the trials; None: like the table, up to 40,000 orders.
        trials: cities that the search may simulate.
        progress: called with the name of a stage and the part of it that is done.

    Raises:
        ValueError: the table has no event that says when orders were placed, or an unknown nature.
    """
    started_from = nature_of(nature)
    target = moments_of(orders, timezone_by=timezone_by, timezones=timezones)
    scenario = scenario_like(orders, seed=seed) if scenario is None else scenario
    simulated = Trials.of(scenario, orders.columns)
    matches = matched_moments(target)
    fitter = _Fitter(simulated, target, matches, started_from, trials, progress)
    fitted, n = fitter.fitted()
    check_seed = (scenario.seed + CHECK_SEED) % 2**63
    check = replace(simulated, scenario=replace(scenario, seed=check_seed))
    fitter.report("check", 0.0)
    searched, checked = simulated.moments(fitted), check.moments(fitted)
    comparisons = compared(target, checked, matches, fitted, searched)
    fitter.report("check", 1.0)
    return Fit(
        nature=fitted,
        started_from=started_from,
        scenario=replace(scenario, nature=fitted),
        comparisons=tuple(comparisons),
        fitted={match.parameter: name for match, name in matches.items()},
        trials=n,
    )


class _Fitter:
    """Residuals of natures, in units of the errors of their moments."""

    def __init__(
        self,
        simulated: Trials,
        target: Mapping[str, Moment],
        matches: Mapping[Match, str],
        nature: Nature,
        trials: int,
        progress: Progress | None,
    ) -> None:
        self._simulated, self._nature = simulated, nature
        self._matches, self._names = tuple(matches), tuple(matches.values())
        self._target = np.array([target[name].value for name in self._names])
        self._errors = np.array([_error(target[name]) for name in self._names])
        self._trials, self._done, self._progress = trials, 0, progress
        self._scale: FloatArray | None = None

    def fitted(self) -> tuple[Nature, int]:
        """Return the best nature, and how many cities were simulated for it."""
        if not self._matches:
            return self._nature, 0
        found = least_squares(
            self._residuals,
            np.array([one.place(one.value(self._nature)) for one in self._matches]),
            np.array([one.place(one.lowest) for one in self._matches]),
            np.array([one.place(one.highest) for one in self._matches]),
            trials=self._trials,
        )
        self.report("fit", 1.0)
        return applied(self._nature, self._matches, found.point), found.trials

    def report(self, stage: str, done: float) -> None:
        if self._progress is not None:
            self._progress(stage, done)

    def _residuals(self, places: FloatArray) -> FloatArray:
        self.report("fit", min(self._done / self._trials, 0.999))
        moments = self._simulated.moments(applied(self._nature, self._matches, places))
        self._done += 1
        nothing = Moment(math.nan, math.nan)
        found = [moments.get(name, nothing) for name in self._names]
        if self._scale is None:
            # The errors of the first city stand for those of all: fixed weights keep one aim.
            self._scale = np.hypot(self._errors, [_error(one) for one in found])
        value = np.array([one.value for one in found])
        residual = np.where(np.isnan(value), ABSENT, (value - self._target) / self._scale)
        return np.asarray(FAR * np.arcsinh(residual / FAR), dtype=np.float64)


def _error(moment: Moment) -> float:
    """Return the error of a moment, at least a small part of its value."""
    known = [one for one in (moment.error, FLOOR * abs(moment.value)) if math.isfinite(one)]
    return max([*known, 1e-3])

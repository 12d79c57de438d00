"""Compare the moments of a table with those of the city that was fitted to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.fitting.matches import Match
from simulator.moments import Moment
from simulator.world.nature import Nature

__all__ = ["MomentComparison", "compared"]

NEAR = 0.1
"""A moment is met within a tenth of its value, or within what chance explains."""
NEAR_ERRORS = 2.0
BY_CHANCE = "met by the cities of the search; the one that checks differs by its seed alone"


@dataclass(frozen=True, kw_only=True)
class MomentComparison:
    """A moment of the table and of the fitted city.

    Args:
        moment: its name.
        real: of the table.
        simulated: of a fitted city that the search never saw; NaN: it has none.
        parameter: what was fitted to it; empty: nothing.
        problem: why it is not met; empty: it is.
    """

    moment: str
    real: Moment
    simulated: Moment
    parameter: str
    problem: str

    @property
    def met(self) -> bool:
        """Whether both are equal within a tenth or two standard errors of the difference."""
        return not self.problem


def compared(
    real: Mapping[str, Moment],
    simulated: Mapping[str, Moment],
    matches: Mapping[Match, str],
    nature: Nature,
    searched: Mapping[str, Moment],
) -> list[MomentComparison]:
    """Return a comparison for each moment that the table has.

    Args:
        real: moments of the table.
        simulated: of a city that the search never saw.
        matches: what was fitted to which moment.
        nature: the fitted one.
        searched: moments of the search's own city with this nature.
    """
    match_of = {name: match for match, name in matches.items()}
    nothing = Moment(math.nan, math.nan)
    found = []
    for name, moment in real.items():
        if not math.isfinite(moment.value):
            continue
        there, match = simulated.get(name, nothing), match_of.get(name)
        by_chance = match is not None and _near(moment, searched.get(name, nothing))
        problem = BY_CHANCE if by_chance else _problem(there, match, nature)
        found.append(
            MomentComparison(
                moment=name,
                real=moment,
                simulated=there,
                parameter="" if match is None else match.parameter,
                problem="" if _near(moment, there) else problem,
            )
        )
    return found


def _near(real: Moment, simulated: Moment) -> bool:
    if not math.isfinite(simulated.value):
        return False
    errors = [one.error for one in (real, simulated) if math.isfinite(one.error)]
    allowed = max(NEAR * abs(real.value), NEAR_ERRORS * math.hypot(*errors))
    return abs(simulated.value - real.value) <= allowed


def _problem(simulated: Moment, match: Match | None, nature: Nature) -> str:
    if not math.isfinite(simulated.value):
        return "the fitted city has too few such orders"
    if match is None:
        return "no parameter is fitted to it"
    value = match.value(nature)
    for limit in (match.lowest, match.highest):
        if math.isclose(value, limit, rel_tol=0.02, abs_tol=1e-4):
            return f"{match.parameter} is at its limit, {limit:g}"
    return f"{match.parameter} was fitted to it and does not reach it"

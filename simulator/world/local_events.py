"""Draw matches, markets and closures, and their effects on zones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from simulator.world.arrays import FloatArray, IntArray
from simulator.world.clock import BIN_S, LocalTime
from simulator.world.scenario import CityProfile, Scenario
from simulator.world.streets import ZONES

__all__ = ["KINDS", "LocalEvents", "make_local_events"]

KINDS = ("match", "market", "closure")
TRAFFIC = (1.35, 1.1, 1.6)
"""By how much each kind slows traffic in its zone."""
PARKING = (1.5, 1.6, 1.25)
"""By how much each kind lengthens looking for a place to park in its zone."""
DEMAND = (1.45, 1.05, 1.0)
"""What each kind does to demand in its zone."""
MATCH_DAYS = (2, 5, 6)
CLOSURES_PER_DAY = 0.35


@dataclass(frozen=True, kw_only=True)
class LocalEvents:
    """One entry per event, by start; seconds since the scenario's start, index into ``KINDS``."""

    kind: IntArray
    zone: IntArray
    started_s: FloatArray
    ended_s: FloatArray
    visitors: FloatArray

    def __len__(self) -> int:
        return len(self.kind)

    def effect(self, factors: tuple[float, ...], first_bin: int, n_bins: int) -> FloatArray:
        """Return what multiplies a quantity in each zone and bin; shape (zones, n_bins)."""
        result = np.ones((len(ZONES), n_bins))
        first = np.floor(self.started_s / BIN_S).astype(np.int64) - first_bin
        last = np.ceil(self.ended_s / BIN_S).astype(np.int64) - first_bin
        for i in np.flatnonzero((last > 0) & (first < n_bins)):
            result[self.zone[i], max(first[i], 0) : last[i]] *= factors[self.kind[i]]
        return result


def make_local_events(
    scenario: Scenario, profile: CityProfile, local: LocalTime, rng: np.random.Generator
) -> LocalEvents:
    """Draw a city's calendar: matches in one stadium, weekend markets, closures anywhere."""
    stadium, markets = rng.permutation(np.arange(len(ZONES)))[:2]
    zone = ZoneInfo(profile.timezone)
    first_day = scenario.start.astimezone(zone).date()
    rows: list[tuple[float, float, int, int, float]] = []
    for day in range(int(local.day[-1]) + 1):
        today = first_day + timedelta(days=day)
        if today.weekday() in MATCH_DAYS and rng.random() < 0.6:
            starts = _seconds(scenario, today, 17.5 + float(rng.integers(0, 8)) / 2.0, zone)
            visitors = float(np.round(rng.lognormal(10.0, 0.4)))
            rows.append((starts, starts + 9_000.0, 0, int(stadium), visitors))
        if today.weekday() >= 5:
            starts = _seconds(scenario, today, 9.0, zone)
            visitors = float(np.round(rng.lognormal(7.5, 0.3)))
            rows.append((starts, starts + 5.5 * 3_600.0, 1, int(markets), visitors))
        for _ in range(rng.poisson(CLOSURES_PER_DAY)):
            starts = _seconds(scenario, today, float(rng.uniform(7.0, 20.0)), zone)
            lasts_s = float(rng.uniform(1.5, 7.0)) * 3_600.0
            rows.append((starts, starts + lasts_s, 2, int(rng.integers(len(ZONES))), 0.0))
    rows = sorted(row for row in rows if row[0] >= 0.0)
    columns = np.array(rows).reshape(-1, 5).T
    return LocalEvents(
        kind=columns[2].astype(np.int64),
        zone=columns[3].astype(np.int64),
        started_s=np.round(columns[0], 3),
        ended_s=np.round(columns[1], 3),
        visitors=columns[4],
    )


def _seconds(scenario: Scenario, day: date, hour: float, zone: ZoneInfo) -> float:
    moment = datetime.combine(day, time(), tzinfo=zone) + timedelta(hours=hour)
    return (moment.astimezone(UTC) - scenario.start).total_seconds()

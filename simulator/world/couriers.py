"""Draw the couriers and their shifts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from heapq import heappop, heappush

import numpy as np

from simulator.world.arrays import BoolArray, FloatArray, IntArray
from simulator.world.clock import BIN_S
from simulator.world.nature import Nature
from simulator.world.regimes import Strike
from simulator.world.scenario import CityProfile, Scenario
from simulator.world.streets import Streets

__all__ = ["VEHICLES", "Couriers", "make_couriers", "without_strikers"]

VEHICLES = ("bicycle", "scooter", "car")
SPEED_M_S = np.array([4.4, 6.3, 6.9])
"""Speed of each vehicle on empty streets, stops included."""
TOUR_H = 0.42
"""Hours that one delivery is planned to occupy a courier."""
DAY_MS = 86_400_000
SHIFT_H = (2.5, 6.0)
REST_H = 9.0
REACHABLE_H = 3.0
"""Some couriers stay on duty for so long after the last planned hour."""


@dataclass(frozen=True, kw_only=True)
class Couriers:
    """One entry per courier; ``shift_*`` have one entry per begin or end of a shift, by time.

    ``shift_until_ms`` is the end of the shift that begins, or -1 where one ends.
    """

    vehicle: IntArray
    speed_m_s: FloatArray
    accepts: FloatArray
    parking: FloatArray
    home: IntArray
    shift_ms: IntArray
    shift_courier: IntArray
    shift_until_ms: IntArray

    def __len__(self) -> int:
        return len(self.vehicle)


def make_couriers(
    scenario: Scenario,
    profile: CityProfile,
    streets: Streets,
    expected_per_bin: FloatArray,
    expected_at_node: FloatArray,
    rng: np.random.Generator,
) -> Couriers:
    """Plan shifts for the orders that the calendar lets expect, and draw who works them.

    The plan knows hours and weekdays, not the weather nor today's demand: so couriers are sometimes
    short, as in life.

    Args:
        scenario: for ``courier_supply``.
        profile: for the vehicles.
        streets: where couriers wait.
        expected_per_bin: orders of the whole city in each bin, as planned.
        expected_at_node: orders of the stores at each node, as planned.
        rng: where chance comes from.
    """
    nature = scenario.numbers
    shifts, n = _plan(expected_per_bin * scenario.courier_supply, rng)
    vehicle = rng.choice(len(VEHICLES), n, p=profile.vehicles)
    begins = [(begin, courier, until) for begin, until, courier in shifts]
    ends = [(until, courier, -1) for _, until, courier in shifts]
    changes = np.array(sorted(begins + ends), dtype=np.int64).reshape(-1, 3)
    return Couriers(
        vehicle=vehicle,
        speed_m_s=nature.speed * SPEED_M_S[vehicle] * rng.lognormal(0.0, nature.speed_sigma, n),
        accepts=rng.beta(9.0, 1.6, n),
        parking=rng.lognormal(0.0, nature.parking_skill_sigma, n),
        home=_homes(nature, streets, expected_at_node, n, rng),
        shift_ms=np.ascontiguousarray(changes[:, 0]),
        shift_courier=np.ascontiguousarray(changes[:, 1]),
        shift_until_ms=np.ascontiguousarray(changes[:, 2]),
    )


def without_strikers(scenario: Scenario, city: int, couriers: Couriers) -> Couriers:
    """Return the couriers without the shifts that strikes of the scenario keep from beginning."""
    begins = couriers.shift_until_ms >= 0
    idle: BoolArray = np.zeros(len(begins), dtype=np.bool_)
    for regime in scenario.regimes:
        if isinstance(regime, Strike):
            strikes = regime.chosen(scenario.seed, city, len(couriers))[couriers.shift_courier]
            idle |= begins & strikes & regime.active(couriers.shift_ms / DAY_MS)
    # A shift has an entry for its begin and one for its end.
    never = set(zip(couriers.shift_until_ms[idle], couriers.shift_courier[idle], strict=True))
    ends = zip(couriers.shift_ms, couriers.shift_courier, strict=True)
    kept = ~idle & (begins | np.array([end not in never for end in ends], dtype=np.bool_))
    shifts = ("shift_ms", "shift_courier", "shift_until_ms")
    return replace(couriers, **{name: vars(couriers)[name][kept] for name in shifts})


def _homes(
    nature: Nature,
    streets: Streets,
    expected_at_node: FloatArray,
    n: int,
    rng: np.random.Generator,
) -> IntArray:
    """Draw where couriers wait: in the inner half of the city, or where stores expect orders."""
    centre = np.argsort(np.hypot(streets.x_m, streets.y_m))[: len(streets) // 2]
    home: IntArray = rng.choice(centre, n)
    at_store = rng.random(n) < nature.homes_at_stores
    share = expected_at_node / max(expected_at_node.sum(), 1e-9)
    if at_store.any():
        home[at_store] = rng.choice(len(streets), int(at_store.sum()), p=share)
    return home


def _plan(
    expected_per_bin: FloatArray, rng: np.random.Generator
) -> tuple[list[tuple[int, int, int]], int]:
    """Return shifts (begin_ms, end_ms, courier) and the number of couriers."""
    per_hour = expected_per_bin * (3_600 / BIN_S)
    # Somebody still rides when the last kitchens close.
    reach = round(3_600 / BIN_S)
    needed = np.array([per_hour[max(i - reach, 0) : i + reach].max() for i in range(len(per_hour))])
    needed = np.ceil(needed * TOUR_H + (needed > 0.05))
    resting: deque[tuple[int, int]] = deque()
    ends: list[tuple[int, int]] = []
    shifts: list[tuple[int, int, int]] = []
    n = 0
    for i, wanted in enumerate(needed):
        now = i * BIN_S * 1_000
        while ends and ends[0][0] <= now:
            until, courier = heappop(ends)
            resting.append((until + round(REST_H * 3.6e6), courier))
        for _ in range(int(wanted) - len(ends)):
            if resting and resting[0][0] <= now:
                courier = resting.popleft()[1]
            else:
                courier, n = n, n + 1
            begin = now + int(rng.integers(0, BIN_S * 1_000))
            until = begin + round(float(rng.uniform(*SHIFT_H)) * 3.6e6)
            shifts.append((begin, until, courier))
            heappush(ends, (until, courier))
    return shifts, max(n, 1)

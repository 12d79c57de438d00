"""The factors of a quarter of an hour: rush hours, rain, local events, and a shock that grows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.world.clock import BIN_S, BINS_PER_DAY
from simulator.world.conditions import (
    RAIN_DEMAND,
    SHOCK_DAYS,
    SHOCK_KITCHEN,
    ConditionFactors,
    make_conditions,
    weather_of,
)
from simulator.world.latents import INTENSITY, N_LATENTS, TEMPERATURE, WET
from simulator.world.local_events import DEMAND, LocalEvents
from tests.simulator.world.drawn import SCENARIO, local, profile

NOTHING = LocalEvents(
    kind=np.zeros(0, np.int64), zone=np.zeros(0, np.int64), started_s=np.zeros(0),
    ended_s=np.zeros(0), visitors=np.zeros(0),
)  # fmt: skip


def usual(n_bins: int, **latents: float) -> np.ndarray:
    path = np.zeros((n_bins, N_LATENTS))
    for name, value in latents.items():
        path[:, {"wet": WET, "intensity": INTENSITY, "warm": TEMPERATURE}[name]] = value
    return path


def factors(events: LocalEvents = NOTHING, **latents: float) -> ConditionFactors:
    path = usual(len(local()), **latents)
    return make_conditions(SCENARIO, profile(), local(), events, path)


def test_it_rains_only_where_it_is_wet_and_harder_with_the_intensity() -> None:
    hour = np.full(2, 12.0)
    dry = weather_of(profile(), hour, usual(2, intensity=1.0))
    wet = weather_of(profile(), hour, usual(2, wet=1.0))
    harder = weather_of(profile(), hour, usual(2, wet=1.0, intensity=1.0))
    assert (dry.rain_mm_h == 0.0).all()
    assert (wet.rain_mm_h == 1.5).all()
    assert (harder.rain_mm_h > wet.rain_mm_h).all()
    assert (wet.wind_m_s > 0.0).all()


def test_afternoons_are_warmer_than_mornings() -> None:
    path = usual(2)
    morning, afternoon = weather_of(profile(), np.array([3.0, 15.0]), path).temperature_c
    assert afternoon - morning == pytest.approx(7.0)


def test_the_centre_suffers_most_from_rush_hours_on_weekdays() -> None:
    traffic = factors().traffic
    weekday = np.flatnonzero((local().weekday < 5) & (local().hour == 18.25))
    night = np.flatnonzero(local().hour == 3.0)
    assert (traffic[:, night] < 1.05).all()
    assert (traffic[0, weekday] > 1.6).all()
    assert (traffic[1:, weekday] < traffic[0, weekday]).all()


def test_rain_brings_orders_up_to_three_millimetres() -> None:
    warm = 9.0  # so that cold adds nothing
    dry, wet = factors(warm=warm).demand, factors(warm=warm, wet=1.0).demand
    flood = factors(warm=warm, wet=1.0, intensity=9.0).demand
    np.testing.assert_allclose(wet / dry, 1.0 + 1.5 * RAIN_DEMAND)
    np.testing.assert_allclose(flood / dry, 1.0 + 3.0 * RAIN_DEMAND)


def test_a_local_event_multiplies_the_demand_of_its_zone_while_it_lasts() -> None:
    match = LocalEvents(
        kind=np.array([0]), zone=np.array([2]), started_s=np.array([4.0 * BIN_S]),
        ended_s=np.array([8.0 * BIN_S]), visitors=np.array([9.0]),
    )  # fmt: skip
    changed = factors(match).demand / factors().demand
    np.testing.assert_allclose(changed[2, 4:8], DEMAND[0])
    assert (np.delete(changed, 2, axis=0) == 1.0).all()
    assert (np.delete(changed[2], np.s_[4:8]) == 1.0).all()


def test_a_shock_grows_over_days_and_slows_kitchens() -> None:
    shocked = replace(SCENARIO, shock_day=1)
    path = usual(len(local()))
    kitchen = make_conditions(shocked, profile(), local(), NOTHING, path).kitchen
    assert (kitchen[: BINS_PER_DAY + 1] == 1.0).all()
    grown = 1.0 + (SHOCK_KITCHEN - 1.0) / SHOCK_DAYS
    assert kitchen[2 * BINS_PER_DAY] == pytest.approx(grown)
    later = make_conditions(shocked, profile(), local(), NOTHING, usual(4), BINS_PER_DAY)
    np.testing.assert_array_equal(later.kitchen, kitchen[BINS_PER_DAY : BINS_PER_DAY + 4])

"""Shifts follow the orders that are planned; nobody works twice at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator import Nature
from simulator.world.clock import BIN_S, BINS_PER_DAY
from simulator.world.couriers import REST_H, SHIFT_H, VEHICLES, Couriers, make_couriers
from tests.simulator.world.drawn import SCENARIO, profile, rng, streets

PLANNED = np.tile(np.where(np.arange(BINS_PER_DAY) // 4 >= 12, 10.0, 0.0), 3)
"""Ten orders in each quarter of an hour from noon to midnight."""
AT_NODE = np.where(np.arange(len(streets())) == 7, 3.0, 0.0)
"""All of one store."""


def couriers(supply: float = 1.0) -> Couriers:
    scenario = replace(SCENARIO, courier_supply=supply)
    return make_couriers(scenario, profile(), streets(), PLANNED, AT_NODE, rng())


def on_duty(drawn: Couriers, moment_ms: int) -> int:
    before = drawn.shift_ms <= moment_ms
    return int((drawn.shift_until_ms[before] >= 0).sum() - (drawn.shift_until_ms[before] < 0).sum())


def test_couriers_are_on_duty_when_orders_are_planned() -> None:
    drawn = couriers()
    evening_ms, morning_ms = 18 * 3_600_000, 6 * 3_600_000
    evening = on_duty(drawn, evening_ms)
    assert evening > 15
    assert on_duty(drawn, morning_ms) == 0
    assert on_duty(couriers(supply=2.0), evening_ms) > 1.5 * evening


def test_a_shift_begins_and_ends_once_and_a_courier_rests_between_two() -> None:
    drawn = couriers()
    assert (np.diff(drawn.shift_ms) >= 0).all()
    for courier in range(len(drawn)):
        own = drawn.shift_courier == courier
        moments, until = drawn.shift_ms[own], drawn.shift_until_ms[own]
        begins, ends = moments[0::2], moments[1::2]
        assert (until[0::2] == ends).all()
        assert (until[1::2] == -1).all()
        hours = (ends - begins) / 3.6e6
        assert ((hours >= SHIFT_H[0] - 1e-6) & (hours <= SHIFT_H[1] + 1e-6)).all()
        rests_h = (begins[1:] - ends[:-1]) / 3.6e6
        assert (rests_h >= REST_H - BIN_S / 3_600.0 - 1e-6).all()


def test_couriers_have_a_vehicle_its_speed_and_a_home_near_the_centre() -> None:
    drawn = couriers()
    assert set(drawn.vehicle) <= set(range(len(VEHICLES)))
    assert ((drawn.accepts > 0.0) & (drawn.accepts < 1.0)).all()
    slow, fast = drawn.speed_m_s[drawn.vehicle == 0], drawn.speed_m_s[drawn.vehicle > 0]
    assert fast.mean() > slow.mean()
    away_m = np.hypot(streets().x_m, streets().y_m)
    assert away_m[drawn.home].max() <= np.median(away_m) + 1.0


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_couriers_wait_where_stores_expect_orders(share: float) -> None:
    scenario = replace(SCENARIO, nature=Nature(homes_at_stores=share))
    drawn = make_couriers(scenario, profile(), streets(), PLANNED, AT_NODE, rng())
    waiting = drawn.home == 7
    assert abs(waiting.mean() - share) < 4.0 * np.sqrt(share * (1.0 - share) / len(drawn)) + 0.02
    away_m = np.hypot(streets().x_m, streets().y_m)
    assert (away_m[drawn.home[~waiting]] <= np.median(away_m)).all()

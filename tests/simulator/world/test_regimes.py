"""Switches that change a city from a day on: what they say, and what they multiply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator import Scenario
from simulator.demand.regime_orders import overload
from simulator.world.clock import BINS_PER_DAY, days_of_bins
from simulator.world.conditions import ConditionFactors, make_conditions
from simulator.world.couriers import without_strikers
from simulator.world.regimes import (
    KINDS,
    CarelessStores,
    Creep,
    HeavyRain,
    NewZone,
    Outage,
    Overload,
    Regime,
    Strike,
    regime_of,
)
from tests.simulator.world.drawn import SCENARIO, local, profile
from tests.simulator.world.test_conditions import NOTHING, usual
from tests.simulator.world.test_couriers import couriers

DAY_MS = 86_400_000


def factors(*regimes: Regime, first_bin: int = 0, n_bins: int | None = None) -> ConditionFactors:
    path = usual(len(local()) if n_bins is None else n_bins, intensity=0.5)
    scenario = replace(SCENARIO, regimes=regimes)
    return make_conditions(scenario, profile(), local(), NOTHING, path, first_bin)


@pytest.mark.parametrize(
    "regime",
    [
        Creep(from_day=7, percent=-0.5), Overload(from_day=0.25, days=2, times=6),
        Strike(from_day=3), HeavyRain(from_day=1, days=0.5, mm_h=8),
        NewZone(from_day=2, zone="south"), CarelessStores(from_day=4, share=1, missing=0),
        Outage(from_day=1.5, source="couriers"),
    ],
)  # fmt: skip
def test_the_text_of_a_regime_means_it(regime: Regime) -> None:
    assert regime_of(str(regime)) == regime
    assert type(regime) is KINDS[regime.kind]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flood:from=1", "there is no regime 'flood'; expected one of creep, overload, strike,"),
        ("creep", "creep needs from=DAY"),
        ("creep:from=1,speed=2", "has no 'speed=2'; expected NAME=VALUE of from, days, percent"),
        ("creep:from=1,percent", "creep has no 'percent'"),
        ("creep:from=soon", "from of creep is 'soon'; expected a number"),
        ("creep:from=1,percent=90", "percent of creep is 90.0; it must be between -20.0 and 20.0"),
        ("creep:from=nan", "from_day of creep is nan"),
        ("strike:from=-1", "from_day of strike is -1.0"),
        ("strike:from=1,share=2", "share of strike is 2.0; it must be between 0.0 and 1.0"),
        ("new_zone:from=1,zone=moon", "zone of new_zone is 'moon'; expected one of centre, east"),
        ("new_zone:from=1,days=2", "expected NAME=VALUE of from, zone"),
        ("outage:from=1,source=orders", "expected one of weather, local_events, couriers"),
    ],
)
def test_what_is_no_regime_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        regime_of(text)
    assert message in str(refused.value)


def test_a_scenario_takes_regimes_alone() -> None:
    with pytest.raises(TypeError, match="expected regimes, such as Creep"):
        Scenario(regimes=("creep:from=1",))  # type: ignore[arg-type]


def test_creep_slows_kitchens_and_traffic_by_a_percentage_of_each_day() -> None:
    usually, creeping = factors(), factors(Creep(from_day=1, days=1.5, percent=2.0))
    day = days_of_bins(0, len(local()))
    expected = 1.02 ** np.clip(day - 1.0, 0.0, 1.5)
    np.testing.assert_allclose(creeping.kitchen / usually.kitchen, expected)
    np.testing.assert_allclose(creeping.traffic / usually.traffic, expected[None].repeat(9, axis=0))
    before = slice(0, BINS_PER_DAY + 1)
    np.testing.assert_array_equal(creeping.traffic[:, before], usually.traffic[:, before])
    np.testing.assert_array_equal(creeping.demand, usually.demand)
    np.testing.assert_array_equal(creeping.parking, usually.parking)


def test_a_span_of_bins_has_the_conditions_of_the_whole() -> None:
    regimes = (Creep(from_day=1), HeavyRain(from_day=1.5, days=0.5))
    whole = factors(*regimes)
    part = factors(*regimes, first_bin=140, n_bins=20)
    np.testing.assert_array_equal(part.kitchen, whole.kitchen[140:160])
    np.testing.assert_array_equal(part.weather.rain_mm_h, whole.weather.rain_mm_h[140:160])
    np.testing.assert_array_equal(part.demand, whole.demand[:, 140:160])


def test_heavy_rain_falls_while_it_lasts_and_brings_orders() -> None:
    dry, wet = factors(), factors(HeavyRain(from_day=1, days=0.5, mm_h=5.0))
    lasts = slice(BINS_PER_DAY, BINS_PER_DAY * 3 // 2)
    rain = wet.weather.rain_mm_h
    np.testing.assert_allclose(rain[lasts], 5.0 * np.exp(0.8 * 0.5))
    assert (np.delete(rain, lasts) == 0.0).all()
    assert (wet.demand[:, lasts] > 1.15 * dry.demand[:, lasts]).all()
    assert (np.delete(wet.demand, lasts, axis=1) == np.delete(dry.demand, lasts, axis=1)).all()


def test_overload_meets_a_share_of_the_stores_at_its_hours() -> None:
    regime = Overload(from_day=1, days=1, share=0.25, times=5.0, from_hour=23.0, hours=2.0)
    scenario = replace(SCENARIO, regimes=(regime,))
    times = overload(scenario, 0, 40, local(), 0, len(local()))
    assert (times.max(axis=1) == 5.0).sum() == 10
    met = times.max(axis=0) == 5.0
    assert met.sum() == 8
    assert set(np.floor(local().hour[met])) == {23.0, 0.0}
    assert (np.flatnonzero(met) // BINS_PER_DAY == 1).all()
    part = overload(scenario, 0, 40, local(), 100, 50)
    np.testing.assert_array_equal(part, times[:, 100:150])


def test_a_larger_share_meets_the_same_stores_and_others() -> None:
    few = Strike(from_day=0, share=0.2).chosen(7, 1, 50)
    many = Strike(from_day=0, share=0.6).chosen(7, 1, 50)
    assert (few.sum(), many.sum()) == (10, 30)
    assert many[few].all()
    assert (Strike(from_day=0, share=0.2).chosen(7, 0, 50) != few).any()


def test_strikers_begin_no_shift_in_a_strike() -> None:
    usually = couriers()
    strike = Strike(from_day=1.0, days=1.0, share=0.5)
    scenario = replace(SCENARIO, regimes=(strike,))
    left = without_strikers(scenario, 0, usually)
    strikers = strike.chosen(SCENARIO.seed, 0, len(usually))
    begins = usually.shift_until_ms >= 0
    in_time = (usually.shift_ms >= DAY_MS) & (usually.shift_ms < 2 * DAY_MS)
    gone = begins & in_time & strikers[usually.shift_courier]
    assert gone.sum() > 5
    # Each shift that is left has its begin and its end, and the others are as they were.
    assert len(left.shift_ms) == len(usually.shift_ms) - 2 * gone.sum()
    assert (left.shift_until_ms >= 0).sum() * 2 == len(left.shift_ms)
    begun = left.shift_until_ms >= 0
    expected = begins & ~gone
    np.testing.assert_array_equal(left.shift_ms[begun], usually.shift_ms[expected])
    ends = sorted(zip(left.shift_ms[~begun], left.shift_courier[~begun], strict=True))
    planned = zip(left.shift_until_ms[begun], left.shift_courier[begun], strict=True)
    assert ends == sorted(planned)

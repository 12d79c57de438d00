"""Compute the conditions of each quarter of an hour: traffic, rain, parking, demand, regimes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulator.world import latents
from simulator.world.arrays import FloatArray
from simulator.world.clock import LocalTime, days_of_bins
from simulator.world.local_events import DEMAND, PARKING, TRAFFIC, LocalEvents
from simulator.world.regimes import Creep, HeavyRain
from simulator.world.scenario import CityProfile, Scenario
from simulator.world.streets import ZONES

__all__ = ["ConditionFactors", "Weather", "make_conditions", "weather_of"]

RUSH = 0.45
"""By how much the evening rush slows a car outside the centre."""
CENTRE_RUSH = 0.7
CITY_CONGESTION_SIGMA = 0.1
ZONE_CONGESTION_SIGMA = 0.08
RAIN_DEMAND = 0.11
"""What every millimetre per hour adds to demand, up to three."""
COLD_DEMAND = 0.012
"""What every degree below ten adds to demand."""
RAIN_MM_H, RAIN_SIGMA = 1.5, 0.8
"""Median rain where it rains, and the sigma of its logarithm."""
SHOCK_DAYS = 4.0
SHOCK_DEMAND, SHOCK_KITCHEN, SHOCK_TRAFFIC, SHOCK_PARKING = 1.7, 1.25, 0.75, 0.7
"""After a shock people order more, kitchens work apart, streets are empty, food stays at the door.
"""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Arrays of shape (n_bins,): rain in mm/h, temperature in degrees Celsius, wind in m/s."""

    rain_mm_h: FloatArray
    temperature_c: FloatArray
    wind_m_s: FloatArray


@dataclass(frozen=True, kw_only=True)
class ConditionFactors:
    """Factors by bin; ``traffic``, ``parking`` and ``demand`` have shape (zones, n_bins)."""

    weather: Weather
    traffic: FloatArray
    parking: FloatArray
    demand: FloatArray
    kitchen: FloatArray


def weather_of(profile: CityProfile, hour: FloatArray, path: FloatArray) -> Weather:
    """Return the weather that a path of latents means; ``hour`` is local, shape (n_bins,)."""
    rain = np.where(
        path[:, latents.WET] == 1.0,
        RAIN_MM_H * np.exp(RAIN_SIGMA * path[:, latents.INTENSITY]),
        0.0,
    )
    daily = 3.5 * np.sin((hour - 9.0) * np.pi / 12.0)
    temperature = profile.mean_temperature_c + daily + 4.0 * path[:, latents.TEMPERATURE]
    wind = profile.wind_m_s * np.exp(0.45 * path[:, latents.WIND] - 0.1)
    return Weather(rain_mm_h=rain, temperature_c=temperature, wind_m_s=wind)


def make_conditions(
    scenario: Scenario,
    profile: CityProfile,
    local: LocalTime,
    events: LocalEvents,
    path: FloatArray,
    first_bin: int = 0,
) -> ConditionFactors:
    """Return the factors of the bins of a path, which begins at ``first_bin``."""
    n_bins = len(path)
    span = slice(first_bin, first_bin + n_bins)
    hour, weekday = local.hour[span], local.weekday[span]
    weather = _rained(scenario, weather_of(profile, hour, path), path, first_bin)
    shock = _shock(scenario, first_bin, n_bins)
    creep = _creep(scenario, first_bin, n_bins)
    nature = scenario.numbers
    rush = np.where(weekday < 5, 1.0, 0.45) * _rush_hours(hour)
    height = np.full((len(ZONES), 1), RUSH)
    height[0] = CENTRE_RUSH
    congestion = CITY_CONGESTION_SIGMA * path[:, latents.CITY_CONGESTION]
    congestion = congestion + ZONE_CONGESTION_SIGMA * path[:, latents.ZONE_0 :].T
    traffic = (1.0 + nature.rush * height * rush) * np.exp(nature.congestion * congestion)
    cold = np.maximum(10.0 - weather.temperature_c, 0.0)
    weather_demand = 1.0 + RAIN_DEMAND * np.minimum(weather.rain_mm_h, 3.0) + COLD_DEMAND * cold
    return ConditionFactors(
        weather=weather,
        traffic=traffic
        * events.effect(TRAFFIC, first_bin, n_bins)
        * (1.0 + (SHOCK_TRAFFIC - 1.0) * shock)
        * creep,
        parking=nature.parking
        * (0.8 + 0.5 * _evening(hour) + 0.25 * rush)
        * events.effect(PARKING, first_bin, n_bins)
        * (1.0 + (SHOCK_PARKING - 1.0) * shock),
        demand=weather_demand
        * events.effect(DEMAND, first_bin, n_bins)
        * (1.0 + (SHOCK_DEMAND - 1.0) * shock),
        kitchen=(1.0 + (SHOCK_KITCHEN - 1.0) * shock) * creep,
    )


def _rush_hours(hour: FloatArray) -> FloatArray:
    morning = np.exp(-(((hour - 8.5) / 1.2) ** 2))
    evening = np.exp(-(((hour - 18.3) / 1.8) ** 2))
    return np.asarray(0.8 * morning + evening + 0.3 * np.exp(-(((hour - 13.5) / 2.0) ** 2)))


def _evening(hour: FloatArray) -> FloatArray:
    """Return how scarce parking is in the evening, when residents are home."""
    return np.asarray(1.0 / (1.0 + np.exp(-(hour - 18.5) / 0.8)))


def _shock(scenario: Scenario, first_bin: int, n_bins: int) -> FloatArray:
    """Return the share of the shock in each bin, 0 to 1."""
    if scenario.shock_day is None:
        return np.zeros(n_bins)
    day = days_of_bins(first_bin, n_bins)
    return np.clip((day - scenario.shock_day) / SHOCK_DAYS, 0.0, 1.0)


def _creep(scenario: Scenario, first_bin: int, n_bins: int) -> FloatArray:
    """Return what creeping regimes multiply the times of kitchens and traffic by."""
    result = np.ones(n_bins)
    for regime in scenario.regimes:
        if isinstance(regime, Creep):
            result *= regime.factor(days_of_bins(first_bin, n_bins))
    return result


def _rained(scenario: Scenario, weather: Weather, path: FloatArray, first_bin: int) -> Weather:
    """Return the weather with the rain of regimes."""
    gusts = np.exp(RAIN_SIGMA * np.maximum(path[:, latents.INTENSITY], 0.0))
    for regime in scenario.regimes:
        if isinstance(regime, HeavyRain):
            heavy = regime.active(days_of_bins(first_bin, len(path))) * regime.mm_h * gusts
            weather = replace(weather, rain_mm_h=np.maximum(weather.rain_mm_h, heavy))
    return weather

"""Declare weather as a source of events, and features of a city's latest observations.

An observation is a sample with one event. The features use windows, not the last n: a station that
fell silent gives missing values and not yesterday's weather.
"""

from __future__ import annotations

from functools import partial

from aggregators.attributes import Elapsed
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.standard_sources import WEATHER

__all__ = ["WEATHER_FEATURES"]

_observed = partial(
    StatsAfterEvent,
    WEATHER,
    dimension="city",
    event="observed",
    owner="conditions",
    topic="weather",
)

WEATHER_FEATURES: tuple[Aggregator, ...] = (
    _observed(
        name="city_temperature_c",
        function="last",
        window="3h",
        attribute="temperature_c",
        unit="degC",
        description="Latest temperature of the last 3 hours: cold and heat change demand and pace"
        " alike.",
    ),
    _observed(
        name="city_temperature_24h_min_c",
        function="min",
        window="24h",
        attribute="temperature_c",
        unit="degC",
        description="Lowest temperature of the last 24 hours: whether roads may be icy.",
    ),
    _observed(
        name="city_precipitation_60min_mm",
        version=2,
        function="sum",
        window="60min",
        attribute="precipitation_mm",
        unit="mm",
        description="Rain or snow of the last 60 minutes: customers stay in, couriers slow down.",
    ),
    _observed(
        name="city_precipitation_3h_mm",
        version=2,
        function="sum",
        window="3h",
        attribute="precipitation_mm",
        unit="mm",
        description="Rain or snow of the last 3 hours: wet roads after the shower has passed.",
    ),
    _observed(
        name="city_wind_60min_max_m_s",
        function="max",
        window="60min",
        attribute="wind_speed_m_s",
        unit="m/s",
        description="Strongest wind of the last 60 minutes: what riders lean against.",
    ),
    _observed(
        name="city_temperature_24h_max_c",
        function="max",
        window="24h",
        attribute="temperature_c",
        unit="degC",
        description="Highest temperature of the last 24 hours: a warm day, whatever the night is.",
    ),
    _observed(
        name="city_temperature_24h_mean_c",
        version=2,
        function="mean",
        window="24h",
        attribute="temperature_c",
        unit="degC",
        description="Mean temperature of the last 24 hours: the season, against which an hour is"
        " cold or warm.",
    ),
    _observed(
        name="city_precipitation_last_mm",
        function="last",
        window="3h",
        attribute="precipitation_mm",
        unit="mm",
        description="Rain or snow of the latest observation: whether it rains now.",
    ),
    _observed(
        name="city_precipitation_3h_max_mm",
        function="max",
        window="3h",
        attribute="precipitation_mm",
        unit="mm",
        description="Most rain or snow of an observation of the last 3 hours: drizzle and downpour"
        " differ.",
    ),
    _observed(
        name="city_precipitation_24h_mm",
        version=2,
        function="sum",
        window="24h",
        attribute="precipitation_mm",
        unit="mm",
        description="Rain or snow of the last 24 hours: the first rain after dry days slows more"
        " than the tenth.",
    ),
    _observed(
        name="city_wind_last_m_s",
        function="last",
        window="3h",
        attribute="wind_speed_m_s",
        unit="m/s",
        description="Latest wind of the last 3 hours.",
    ),
    _observed(
        name="city_wind_3h_mean_m_s",
        version=2,
        function="mean",
        window="3h",
        attribute="wind_speed_m_s",
        unit="m/s",
        description="Mean wind of the last 3 hours: steady, or gusts.",
    ),
    StatsLastNSamples(
        WEATHER,
        name="city_since_weather_observed_s",
        dimension="city",
        event="observed",
        n=1,
        function="last",
        attribute=Elapsed("observed"),
        unit="s",
        owner="conditions",
        topic="weather",
        description="Time since the latest observation of the weather: how old what is known is.",
    ),
    _observed(
        name="city_weather_observations_3h",
        function="count",
        window="3h",
        unit="observations",
        description="Observations of the last 3 hours: none means that the weather of this city is"
        " not known, so that a dry hour and a silent station differ.",
    ),
)

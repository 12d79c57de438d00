"""The realistic nature has the moments that were measured on public data."""

from __future__ import annotations

import pytest

from simulator import Scenario, simulate_cities
from simulator.moments import Moment, moments_of

DELIVEROO = {
    "preparation_median_s": 835.0,
    "preparation_log_sd": 0.733,
    "preparation_q99_s": 4_934.0,
    "preparation_store_share": 0.243,
    "preparation_last_order_correlation": 0.114,
    "preparation_load_1": 1.012,
    "preparation_load_2": 1.124,
    "preparation_load_3": 1.250,
    "peak_hour_share": 0.215,
    "day_variation": 0.211,
}
"""`python -m benchmarks.city_moments`, of 30,914 orders in June 2015."""


@pytest.fixture(scope="module")
def found() -> dict[str, Moment]:
    scenario = Scenario(cities=4, days=14, orders=110_000, seed=305, nature="realistic")
    zones = {profile.name: profile.timezone for profile in scenario.profiles}
    orders = simulate_cities(scenario).tables["orders"]
    return moments_of(orders, timezone_by="city", timezones=zones)


@pytest.mark.parametrize("name", DELIVEROO)
def test_a_moment_is_within_a_fifth_of_the_real_one(found: dict[str, Moment], name: str) -> None:
    """Two standard errors are added: cities of 65 stores differ by chance."""
    moment, real = found[name], DELIVEROO[name]
    assert abs(moment.value - real) < 0.2 * real + 2.0 * moment.error

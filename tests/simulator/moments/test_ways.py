"""Moments of ways and doors whose laws are known. Tests `simulator.moments.ways`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simulator.moments import Moment, moments_of
from simulator.moments.ways import hour_sd

N = 20_000
MADRID = {"BCN": "Europe/Madrid"}


def near(moment: Moment, value: float, errors: float = 4.0) -> bool:
    return moment.error > 0.0 and abs(moment.value - value) < errors * moment.error


def drawn() -> pd.DataFrame:
    """Ways of 250 s per km, a third longer from noon on, and doors of 90 s."""
    rng = np.random.default_rng(7)
    placed = pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(rng.uniform(0, 40, N), unit="D")
    metres = np.exp(rng.normal(7.5, 0.4, N))
    late = placed.tz_convert("Europe/Madrid").hour >= 12
    way_s = 0.25 * metres * np.exp(0.3 * (late - 0.5) + 0.2 * rng.standard_normal(N))
    door_s = 90.0 * np.exp(0.5 * rng.standard_normal(N))
    there = placed + pd.to_timedelta(way_s, unit="s")
    return pd.DataFrame(
        {
            "city": "BCN", "activated": placed, "picked_up": placed, "distance_m": metres,
            "courier_at_customer": there, "delivered": there + pd.to_timedelta(door_s, unit="s"),
        }
    )  # fmt: skip


def test_ways_and_doors_have_the_moments_of_their_laws() -> None:
    found = moments_of(drawn(), timezone_by="city", timezones=MADRID)
    assert near(found["way_pace_s_per_km"], 250.0)
    assert near(found["way_log_sd"], np.hypot(0.2, 0.15))
    assert near(found["way_hour_sd"], 0.15)
    assert near(found["door_median_s"], 90.0)
    assert near(found["door_log_sd"], 0.5)


@pytest.mark.parametrize(
    ("dropped", "absent"),
    [
        ("distance_m", {"way_pace_s_per_km", "way_log_sd", "way_hour_sd"}),
        ("delivered", {"door_median_s", "door_log_sd"}),
    ],
)
def test_what_a_table_lacks_has_no_moment(dropped: str, absent: set[str]) -> None:
    orders = drawn()
    whole = set(moments_of(orders, timezone_by="city", timezones=MADRID))
    less = set(moments_of(orders.drop(columns=dropped), timezone_by="city", timezones=MADRID))
    assert absent <= whole
    assert not absent & less


def test_hours_that_do_not_differ_have_no_spread() -> None:
    """Means of ten values differ by 0.3 by chance; that is taken out."""
    rng = np.random.default_rng(5)
    found = [
        hour_sd(rng.standard_normal(240), np.arange(240) % 24, np.arange(240) // 24).value
        for _ in range(200)
    ]
    assert np.mean(np.square(found)) < 0.02

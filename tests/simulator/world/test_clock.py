"""Bins of a quarter of an hour, on a city's own clock, changes of it included."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from simulator import Scenario
from simulator.world.clock import BINS_PER_DAY, TAIL_BINS, local_time

CHANGES = Scenario(cities=1, days=3, orders=100, start=datetime(2026, 3, 28, tzinfo=UTC))
"""The clocks of Europe go forward on 29 March 2026 at 01:00 UTC."""


def test_there_is_a_bin_for_each_quarter_of_an_hour_and_for_what_is_under_way_at_the_end() -> None:
    assert len(local_time(CHANGES, "UTC")) == 3 * BINS_PER_DAY + TAIL_BINS


def test_hours_are_those_of_the_citys_clock() -> None:
    utc, madrid = local_time(CHANGES, "UTC"), local_time(CHANGES, "Europe/Madrid")
    ahead_h = (madrid.hour - utc.hour) % 24.0
    change = BINS_PER_DAY + 4
    np.testing.assert_allclose(ahead_h[:change], 1.0)
    np.testing.assert_allclose(ahead_h[change:], 2.0)


def test_days_weekdays_and_half_days_follow_the_hour() -> None:
    local = local_time(CHANGES, "Europe/Madrid")
    assert (local.weekday == (local.weekday[0] + local.day) % 7).all()
    assert local.weekday[0] == 5  # a Saturday
    assert (local.shift // 2 == local.day).all()
    assert ((local.shift % 2 == 1) == (local.hour >= 17.0)).all()
    assert set(np.diff(local.day)) == {0, 1}

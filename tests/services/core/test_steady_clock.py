"""A clock that was set is not trusted for an hour; one that drifts is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.core.steady_clock import CALM_S, MAX_JUMP_S, SteadyClock, since_boot_s

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Clocks:
    """A wall clock that can be set, and seconds that cannot."""

    def __init__(self) -> None:
        self.passed_s = 500.0
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed_s + self.ahead_s)

    def steady(self) -> SteadyClock:
        return SteadyClock(self.now, lambda: self.passed_s)


def test_a_clock_that_runs_evenly_is_trusted() -> None:
    clocks = Clocks()
    steady = clocks.steady()
    for passed_s, drift_s in ((0.1, 0.0), (3_600.0, 5.0), (86_400.0, -50.0)):
        clocks.passed_s += passed_s
        clocks.ahead_s += drift_s
        assert steady.untrusted_s() == 0.0


@pytest.mark.parametrize("jump_s", [864_000.0, -864_000.0, MAX_JUMP_S + 1.0])
def test_a_clock_that_was_set_is_not_trusted_until_it_has_run_evenly(jump_s: float) -> None:
    clocks = Clocks()
    steady = clocks.steady()
    clocks.ahead_s += jump_s
    assert steady.untrusted_s() == CALM_S
    assert steady.jump_s == pytest.approx(jump_s)
    clocks.passed_s += 4.0
    assert steady.untrusted_s() == CALM_S - 4.0
    clocks.ahead_s -= jump_s  # and back
    assert steady.untrusted_s() == CALM_S
    clocks.passed_s += CALM_S
    assert steady.untrusted_s() == 0.0


def test_seconds_since_boot_do_not_run_back() -> None:
    assert since_boot_s() <= since_boot_s()

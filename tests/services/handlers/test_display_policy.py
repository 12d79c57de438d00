"""What a customer is shown: round, of an allowed width, rather early than late, and steady."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.core.distribution import Distribution
from estimators.quantiles.calibration import GRID_LEVELS
from services.core.errors import SettingError
from services.handlers.display_policy import DisplayPolicy


def _lognormal(median_s: float, spread: float) -> Distribution:
    scores = np.quantile(np.random.default_rng(0).normal(size=20_000), GRID_LEVELS)
    return Distribution(GRID_LEVELS, median_s * np.exp(spread * scores)[np.newaxis, :])


def test_covers_as_asked_where_no_limit_binds() -> None:
    policy = DisplayPolicy(
        step_s=1.0, least_width_s=1.0, greatest_width_s=100_000.0, lateness_cost=3.0
    )
    shown = policy.ranges(_lognormal(1_800.0, 0.4))
    assert shown.inside.item() == pytest.approx(0.8, abs=0.005)
    assert shown.late.item() == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize("spread", [0.001, 0.1, 0.3, 0.8])
@pytest.mark.parametrize("median_s", [30.0, 600.0, 2_000.0, 6_000.0])
def test_ends_are_round_and_widths_allowed(spread: float, median_s: float) -> None:
    policy = DisplayPolicy()
    shown = policy.ranges(_lognormal(median_s, spread))
    low, high = shown.low_s.item(), shown.high_s.item()
    assert low >= 0.0
    assert low % policy.step_s == 0.0
    assert high % policy.step_s == 0.0
    assert policy.least_width_s <= high - low <= policy.greatest_width_s


def test_the_dearer_lateness_the_later_the_range() -> None:
    estimate = _lognormal(1_800.0, 0.4)
    late = [
        DisplayPolicy(lateness_cost=cost).ranges(estimate).late.item() for cost in (0.5, 2.0, 8.0)
    ]
    assert late[0] > late[1] > late[2]


@given(
    medians_s=st.lists(st.floats(600.0, 4_000.0), min_size=2, max_size=20),
    spread=st.floats(0.02, 0.6),
)
def test_a_shown_range_only_changes_for_a_reason(medians_s: list[float], spread: float) -> None:
    policy = DisplayPolicy()
    slack_s = policy.step_s / 2.0 + policy.hysteresis_s
    low = high = np.array([np.nan])
    for median_s in medians_s:
        estimate = _lognormal(median_s, spread)
        fresh = policy.ranges(estimate)
        shown = policy.ranges(estimate, shown_low_s=low, shown_high_s=high)
        widths = shown.high_s - shown.low_s
        assert policy.least_width_s <= widths.item() <= policy.greatest_width_s
        # However long a range is kept, it is never far from what it would be now.
        assert abs(shown.low_s - fresh.low_s).item() <= 2.0 * slack_s
        assert abs(shown.high_s - fresh.high_s).item() <= 2.0 * slack_s
        same = (shown.low_s == low).item() and (shown.high_s == high).item()
        assert shown.changed.item() == (not np.isnan(low).item() and not same)
        low, high = shown.low_s, shown.high_s


def test_hysteresis_keeps_the_number_from_jumping() -> None:
    rng = np.random.default_rng(1)
    medians_s = 1_800.0 + rng.normal(scale=40.0, size=400)

    def jumps(policy: DisplayPolicy) -> int:
        low = high = np.array([np.nan])
        found = 0
        for median_s in medians_s.tolist():
            shown = policy.ranges(_lognormal(median_s, 0.3), shown_low_s=low, shown_high_s=high)
            found += int(shown.changed.item())
            low, high = shown.low_s, shown.high_s
        return found

    assert jumps(DisplayPolicy(hysteresis_s=180.0)) <= 2
    # Without memory the same estimates cross the edge of a rounding step again and again.
    memoryless = DisplayPolicy()
    ends = [memoryless.ranges(_lognormal(m, 0.3)).high_s.item() for m in medians_s.tolist()]
    assert np.count_nonzero(np.diff(ends)) > 20


def test_rows_are_apart() -> None:
    policy = DisplayPolicy()
    one, other = _lognormal(1_500.0, 0.3), _lognormal(2_900.0, 0.5)
    both = Distribution(GRID_LEVELS, np.vstack([one.values, other.values]))
    shown = policy.ranges(
        both, shown_low_s=np.array([1_200.0, np.nan]), shown_high_s=np.array([2_100.0, np.nan])
    )
    alone = policy.ranges(other)
    assert shown.low_s[1] == alone.low_s[0]
    assert shown.high_s[1] == alone.high_s[0]
    assert not shown.changed[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("level", 1.0),
        ("lateness_cost", 0.0),
        ("step_s", -1.0),
        ("least_width_s", 60.0),
        ("least_width_s", 450.0),
        ("greatest_width_s", 300.0),
        ("greatest_width_s", float("nan")),
        ("hysteresis_s", -1.0),
    ],
)
def test_refuses_what_no_range_can_be(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=name):
        DisplayPolicy(**{name: value})

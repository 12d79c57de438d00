"""Limits of declared numbers.

Tests `simulator.world.limits`.
"""

from __future__ import annotations

import pytest

from simulator.world.limits import check_between


def test_limits_themselves_are_within() -> None:
    check_between("share", 0.0, 0.0, 1.0)
    check_between("share", (0.0, 1.0), 0.0, 1.0)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), (0.5, 1.1)])
def test_what_is_beyond_is_named(value: float | tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"share is .* it must be between 0\.0 and 1\.0"):
        check_between("share", value, 0.0, 1.0)

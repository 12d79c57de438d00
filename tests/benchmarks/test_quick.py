"""Quick figures stand beside the published ones, with the change and without a verdict."""

from __future__ import annotations

from benchmarks.quick import compared


def test_the_change_is_that_of_the_medians() -> None:
    figures = {
        "known": {"unit": "us", "median": 1.5, "least": 1.0, "greatest": 2.0},
        "new": {"unit": "ns", "median": 7.0, "least": 7.0, "greatest": 7.0},
    }
    table = compared(figures, {"figures": {"known": {"median": 2.0}, "gone": {"median": 1.0}}})
    assert list(table["what"]) == ["known", "new"]
    assert list(table["change"]) == ["-25%", ""]
    assert list(compared(figures, None)["change"]) == ["", ""]

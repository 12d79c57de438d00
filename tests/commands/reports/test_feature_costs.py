"""Costs are a table to read, and a warning of each feature that takes a large part."""

from __future__ import annotations

import pytest

from aggregators.features.costs import OTHERS, FeatureCost
from commands.reports.feature_costs import costs_as_json, print_costs, warn_of_costs

COSTS = (
    FeatureCost(name="slow", reason="tsfresh reads all", ns_per_row=12_345.6, share=0.6),
    FeatureCost(name="small", reason="tsfresh reads all", ns_per_row=411.52, share=0.02),
    FeatureCost(name=OTHERS, reason="", ns_per_row=7_818.9, share=0.38),
)


def test_the_table_has_the_cost_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_costs(COSTS)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["slow", "12,346", "60%", "tsfresh", "reads", "all"] in lines
    assert [*OTHERS.split(), "7,819", "38%"] in lines


def test_what_takes_a_large_part_gets_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_costs(COSTS)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "warning: slow takes 60% of the time of all features (12,346 ns per row): tsfresh reads all"
    ]


def test_where_nothing_is_expensive_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_costs(())
    warn_of_costs(())
    assert capsys.readouterr() == ("", "")


def test_as_json_numbers_are_rounded() -> None:
    assert costs_as_json(COSTS)[1] == {
        "name": "small", "reason": "tsfresh reads all", "ns_per_row": 411.5, "share": 0.02,
    }  # fmt: skip

"""Each function is measured over each window and dimension, in training and in serving."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks import function_windows as measured
from benchmarks.tables.training import function_windows


def test_the_cases_are_all_functions_windows_and_dimensions() -> None:
    cases = list(measured.cases())
    assert len(set(cases)) == len(cases)
    per_place = len(measured.WINDOWS) * len(measured.DIMENSIONS)
    counted = Counter(case.function for case in cases)
    assert counted == {
        name: per_place * (1 if name == "count" else 2) for name in measured.FUNCTIONS
    }
    for case in cases:
        reference = measured.reference_of(case)
        assert reference in cases
        assert (reference.function, reference.window) == ("count", "15min")
        assert reference.dimension == case.dimension
        assert measured.feature_of(case).name == "_".join(case)


def test_ratios_are_those_to_the_reference_and_too_large_ones_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measured, "WINDOWS", ("15min", "1h"))
    monkeypatch.setattr(measured, "DIMENSIONS", ("city",))
    monkeypatch.setattr(measured, "FUNCTIONS", {"count": "count", "median": "median"})
    took_s = iter([1.0, 3.0, 3.0] * 6)  # the call before, a feature, its reference
    monkeypatch.setattr(measured, "processor_s", lambda call: (call(), next(took_s))[1])
    told: list[str] = []
    table = measured.made_table(400)
    training = measured.training(table, 1, told.append)
    assert [one["ratio"] for one in training] == [1.0] * len(training)
    assert len(training) == len(told) == 6
    serving = measured.serving(table, 3, told.append)
    assert [one["function"] for one in serving] == [one["function"] for one in training]
    assert all(one["us_median"] > 0.0 for one in serving)
    training[1]["ratio"], training[3]["ratio"] = 4.01, 9.0
    assert [one["ratio"] for one in measured.above(training)] == [9.0, 4.01]
    section = function_windows(
        {
            "made": {"command": "c", "commit": "0123456789", "aggregators": "2"},
            "machine": {
                "cores": 1, "processor": "p", "memory_gib": 1, "system": "s", "python": "3",
                "packages": {}, "load_1min_at_start": 0.0,
            },
            "orders": 400, "cities": 8, "reads": 3, "largest_ratio": 4.0,
            "training": training, "serving": [{**one, "ratio": 1.5} for one in serving],
        }
    )  # fmt: skip
    assert "Above 4 in training: 2 (" in section
    assert "Above 4 in serving: none of 6." in section
    assert "| median | 1.0, 1.5 | 9.0, 1.5 |" in section

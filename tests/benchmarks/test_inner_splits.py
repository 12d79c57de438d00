"""The benchmark of inner splits compares ways on rows before the test period, and keeps files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import inner_splits, inner_tasks
from benchmarks.inner_splits import REFERENCE, WAYS, compare, splits_of, table
from benchmarks.inner_tasks import Task
from estimators.core.dataset import Dataset
from estimators.etp import Etp
from tests.estimators.building import QUICK, town, town_dataset

SEED = 5


def test_ways_are_compared_on_rows_before_the_test_period(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded: list[Dataset] = []

    def load(_: Path) -> Dataset:
        loaded.append(town_dataset(town(SEED, rows=3_000)))
        return loaded[-1]

    monkeypatch.setitem(inner_tasks.TASKS, "town", Task(estimator=Etp, load=load, parameters=QUICK))
    first = list(splits_of("town", tmp_path, 2, SEED, tmp_path))
    again = list(splits_of("town", tmp_path, 2, SEED, tmp_path))
    assert len(loaded) == 1, "the inputs are computed once"
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.scored_s, other.scored_s)
        as_of_us = one.rows.as_of_us
        assert as_of_us.max() < loaded[0].test_from_us
        assert as_of_us[one.learned].max() < as_of_us[one.scored].min()
    found = compare(first, WAYS)
    assert found["rows"] == sum(len(one.scored) for one in first)
    # What bounds the range of 80% is calibrated alike; the reference has no difference from itself.
    assert found["product"]["in_80"] == found[REFERENCE]["in_80"]
    assert "mae_change" not in found[REFERENCE]
    low, high = found["constant"]["crps_change"][1:]
    assert low <= found["constant"]["crps_change"][0] <= high
    lines = list(table({"town": found}))
    assert len(lines) == 2 + len(WAYS)
    assert len({line.count("|") for line in lines}) == 1


def test_it_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        inner_splits.main(["--help"])
    assert ended.value.code == 0
    assert "python -m benchmarks.inner_splits" in capsys.readouterr().out

"""`baseline:` of a mapping: a router's time that an estimator learns the difference to.

Tests `commands.data.mapped_dataset`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aggregators import Duration
from commands.console.output import UserError
from commands.data.mapped_dataset import mapped_dataset
from commands.data.mapping_file import read_mapping
from commands.data.units.plausibility import unit_warnings

ROWS = 60
GOOD = """\
file: rides.parquet
id: ride
events: {activated: placed, picked_up: picked, courier_at_customer: there}
dimensions: {store_id: shop}
attributes:
  distance_m: metres
  router_s: {column: router_minutes, unit: minutes}
  tip: tip
known_from: {tip: courier_at_customer}
target: [picked_up, courier_at_customer]
baseline: router_s
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    placed = pd.Timestamp("2027-04-05", tz="UTC") + pd.to_timedelta(np.arange(ROWS), unit="h")
    rides = pd.DataFrame(
        {
            "ride": np.arange(ROWS),
            "placed": placed,
            "picked": placed + pd.Timedelta("9min"),
            "there": placed + pd.Timedelta("21min"),
            "shop": ["a", "b"] * (ROWS // 2),
            "metres": 1_000.0 + np.arange(ROWS),
            "router_minutes": 11.5,
            "tip": 1.0,
        }
    )
    rides.to_parquet(tmp_path / "rides.parquet")
    (tmp_path / "m.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def test_the_baseline_is_a_fact_of_its_question_in_seconds(folder: Path) -> None:
    dataset = mapped_dataset(folder / "m.yaml")
    assert dataset.baseline == "router_s"
    assert "router_s" in dataset.numbers
    assert set(dataset.table["router_s"]) == {690.0}
    assert set(dataset.target_s) == {720.0}


def test_other_questions_have_none(folder: Path) -> None:
    dataset = mapped_dataset(folder / "m.yaml")
    asked = dataset.about(Duration("activated", "picked_up"), as_of="activated")
    assert asked.baseline is None
    again = asked.about(Duration("picked_up", "courier_at_customer"), as_of="picked_up")
    assert again.baseline == "router_s"


def test_a_mapping_without_one_has_none(folder: Path) -> None:
    (folder / "m.yaml").write_text(GOOD.replace("baseline: router_s\n", ""), encoding="utf-8")
    assert mapped_dataset(folder / "m.yaml").baseline is None


@pytest.mark.parametrize(
    ("old", "new", "fitting"),
    [
        ("router_minutes, unit: minutes", "router_minutes, unit: s", "unit minutes would fit"),
        ("router_minutes, unit: minutes", "router_minutes, unit: hours", "unit minutes would fit"),
        ("", "", ""),
    ],
)
def test_a_baseline_in_another_unit_than_the_duration_is_told(
    old: str, new: str, fitting: str, folder: Path
) -> None:
    (folder / "m.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    units = read_mapping(folder / "m.yaml").mapping.units
    found = [
        one for one in unit_warnings(mapped_dataset(folder / "m.yaml"), units) if "baseline" in one
    ]
    if not fitting:
        assert found == []
        return
    (sentence,) = found
    assert "times picked_up to courier_at_customer in the median; expected 0.2 to 5.0" in sentence
    assert fitting in sentence


MISTAKES = [
    ("baseline: router_s", "baseline: ruoter_s", "line 11, baseline: .*did you mean 'router_s'"),
    ("baseline: router_s", "baseline: tip", "baseline: 'tip' is no number that is known at 'pick"),
    ("baseline: router_s", "baseline: distance_m", "does not say that it is in seconds; call the"),
    (
        "target: [picked_up, courier_at_customer]\n",
        "",
        r"baseline: needs a target, whose time router_s states: target: \[picked_up, courier_at",
    ),
    ("baseline: router_s", "baseline: router_s\nnumbers: [distance_m]", "baseline: 'router_s' is"),
    ("baseline: router_s", "baseline: 5", "line 11, baseline is 5; expected text or nothing"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_mistake_is_told_with_its_place(old: str, new: str, message: str, folder: Path) -> None:
    assert old in GOOD
    (folder / "m.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        mapped_dataset(folder / "m.yaml")

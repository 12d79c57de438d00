"""A nature's numbers reach the city: each changes what it names."""

from __future__ import annotations

from dataclasses import Field, fields, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simulator import Nature, Scenario, simulate_cities
from simulator.world.nature import LIVELY, NATURES, REALISTIC, nature_of
from simulator.world.stores import make_stores
from tests.simulator.world.drawn import SCENARIO, profile, rng, streets

OTHERS: dict[str, Any] = {
    "utilisation": (0.6, 0.9), "least_slots": 5, "batch_lookahead": 0, "patience_s": 1_000.0,
    "stack_limit": 1,
}  # fmt: skip
"""Values that differ from those of `lively`, where 0.7 would not do."""
PAGE = Path(__file__).parents[3] / "docs" / "simulator.md"


def test_a_scenario_takes_a_name_or_numbers() -> None:
    assert Scenario().numbers == Scenario(nature=LIVELY).numbers == LIVELY
    slow = replace(LIVELY, work=2.0)
    assert Scenario(nature=slow).numbers is slow
    assert nature_of("lively") is NATURES["lively"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nature is 'wild'; .* one of lively, realistic"):
        Scenario(nature="wild")
    with pytest.raises(ValueError, match=r"utilisation is \(0.6, 0.2\); the lower bound stands"):
        Nature(utilisation=(0.6, 0.2))
    with pytest.raises(ValueError, match=r"speed is 0.0; it must be between 0.1 and 5.0"):
        Nature(speed=0.0)


@pytest.mark.parametrize("name", [field.name for field in fields(Nature)])
def test_parameters_are_documented(name: str) -> None:
    """With the values of both natures."""
    rows = [row.split("|") for row in PAGE.read_text(encoding="utf-8").splitlines()]
    cells = next(row for row in rows if len(row) == 6 and f"`{name}`" in row[1])
    place = [one.strip(" `") for one in cells[1].split(",")].index(name)
    for column, nature in ((2, LIVELY), (3, REALISTIC)):
        value = getattr(nature, name)
        if isinstance(value, tuple):
            assert cells[column].strip() == f"{value[0]} to {value[1]}"
        else:
            shown = cells[column].strip().replace("5,400", "5400").replace("9,000", "9000")
            assert float(shown.split(",")[place]) == value


@pytest.mark.parametrize("field", fields(Nature), ids=lambda field: field.name)
def test_every_number_changes_a_city(field: Field[float]) -> None:
    name = field.name
    # What the tail is like matters only where there is one, and so with routes; crowds need full
    # kitchens.
    base = replace(LIVELY, tail_share=0.3, utilisation=(1.0, 1.5), stack_share=0.4)
    other = OTHERS.get(name, 0.7)
    assert not _orders_in(base).equals(_orders_in(replace(base, **{name: other})))


@cache
def _orders_in(nature: Nature) -> pd.DataFrame:
    """What happens on a Friday and a Saturday."""
    friday = datetime(2026, 3, 6, tzinfo=UTC)
    small = Scenario(cities=1, days=2, orders=900, stores_per_city=4, start=friday, nature=nature)
    return simulate_cities(small).truth_table


def test_stores_differ_as_the_nature_says() -> None:
    def spread(nature: Nature) -> float:
        scenario = replace(SCENARIO, stores_per_city=3_000, nature=nature)
        return float(np.log(make_stores(scenario, profile(), streets(), rng()).work_s(1.0)).std())

    same_kinds = replace(LIVELY, category_contrast=0.0, store_sigma=0.3)
    assert spread(same_kinds) == pytest.approx(0.3, rel=0.05)
    kinds_only = replace(LIVELY, store_sigma=0.0)
    half = replace(kinds_only, category_contrast=0.5)
    assert spread(half) == pytest.approx(0.5 * spread(kinds_only))
    assert spread(replace(half, work=3.0)) == pytest.approx(spread(half))

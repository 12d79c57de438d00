"""Units that are wrong, found by coordinates, events and speeds.

Tests `commands.data.units.plausibility`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import Source
from commands.data.units.plausibility import unit_warnings
from estimators import Dataset, seconds_between
from estimators.features.legs import END_COLUMNS, StreetLegs

ROWS = 400
COLUMNS = (*END_COLUMNS, "distance_m", "distance_to_store_m", "router_s", "gps_speed_m_s")
EVENTS = ("courier_assigned", "courier_at_store", "picked_up", "courier_at_customer")


def table() -> pd.DataFrame:
    """Orders whose every number has the unit that its name states."""
    rng = np.random.default_rng(3)
    ends = np.array([52.5, 13.4, 52.5, 13.4]) + rng.normal(0.0, 0.02, (ROWS, 4))
    way_m = StreetLegs(turn_deg=0.0).of_rows(ends)[:, 0] * rng.uniform(1.1, 1.6, ROWS)
    to_store_m = rng.uniform(200.0, 2_500.0, ROWS)
    speed = rng.uniform(3.0, 6.0, ROWS)
    assigned = pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(np.arange(ROWS), unit="min")
    at_store = assigned + pd.to_timedelta(to_store_m / speed, unit="s")
    return pd.DataFrame(
        {
            "order_id": np.arange(ROWS),
            **dict(zip(END_COLUMNS, ends.T, strict=True)),
            "distance_m": way_m,
            "distance_to_store_m": to_store_m,
            "router_s": way_m / 5.0,
            "gps_speed_m_s": speed,
            "courier_assigned": assigned,
            "courier_at_store": at_store,
            "picked_up": at_store,
            "courier_at_customer": at_store + pd.to_timedelta(way_m / speed, unit="s"),
            "store_id": "s",
        }
    )


def warnings(rows: pd.DataFrame, units: dict[str, str] | None = None) -> list[str]:
    attributes = tuple(name for name in COLUMNS if name in rows.columns)
    source = Source(
        "orders",
        sample_id="order_id",
        events=tuple(name for name in EVENTS if name in rows.columns),
        dimensions=("store_id",),
        attributes=attributes,
    )
    dataset = Dataset(
        name="t",
        source=source,
        table=rows,
        as_of=source.events[0],
        target=seconds_between(source.events[0], source.events[-1]),
        numbers=attributes,
        categories=("store_id",),
        test_from=rows[source.events[0]].iloc[-50],
    )
    return list(unit_warnings(dataset, units or {}))


def test_right_units_are_not_warned_of() -> None:
    assert warnings(table()) == []


WRONG: dict[str, tuple[str, float, str, str]] = {
    "km": ("distance_m", 1e-3, "great circle", "unit km would fit"),
    "miles": ("distance_m", 1 / 1_609.344, "great circle", "unit miles would fit"),
    "feet": ("distance_m", 1 / 0.3048, "great circle", "unit feet would fit"),
    "km to the store": ("distance_to_store_m", 1e-3, "courier_assigned", "unit km would fit"),
    "minutes": ("router_s", 1 / 60.0, "router_s is a median speed", "unit minutes would fit"),
    "ms": ("router_s", 1e3, "router_s is a median speed of 0.00", "unit ms would fit"),
    "m/s": ("gps_speed_m_s", 30.0, "gps_speed_m_s has the median", "unit km_h would fit"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_unit_is_named_with_one_that_fits(case: str) -> None:
    name, factor, why, advice = WRONG[case]
    rows = table()
    rows[name] = rows[name] * factor
    (found,) = warnings(rows)
    assert name in found
    assert why in found
    assert advice in found


@pytest.mark.parametrize(("factor", "fitting"), [(1e-3, "km"), (1 / 0.3048, "feet")])
def test_without_coordinates_the_speed_decides(factor: float, fitting: str) -> None:
    rows = table().drop(columns=list(END_COLUMNS))
    rows["distance_m"] = rows["distance_m"] * factor
    found = warnings(rows)
    if fitting == "feet":
        assert found == []  # 15 m/s is a car
        return
    (sentence,) = found
    assert "distance_m over picked_up to courier_at_customer is a median speed" in sentence
    assert f"unit {fitting} would fit" in sentence


def test_a_unit_that_the_mapping_states_wrongly_is_told() -> None:
    rows = table()
    rows["distance_m"] = rows["distance_m"] * 1_000.0
    (found,) = warnings(rows, {"distance_m": "km"})
    assert "unit m would fit, distance_m: {column: ..., unit: m}" in found


def test_some_ways_shorter_than_the_great_circle_are_counted() -> None:
    rows = table()
    rows.loc[:19, "distance_m"] = 20.0
    (found,) = warnings(rows)
    assert "shorter than the great circle between store and customer in 20 of" in found


def test_another_column_has_no_unit_that_fits() -> None:
    rows = table()
    rows["distance_m"] = 1e12 + np.arange(ROWS)
    (found,) = warnings(rows)
    assert "no unit would fit instead of m; is it another column?" in found


@pytest.mark.parametrize("missing", [*END_COLUMNS, "distance_m", "router_s", "picked_up"])
def test_missing_values_are_no_evidence(missing: str) -> None:
    rows: Any = table()
    rows[missing] = rows[missing].where(rows.index < 10)
    assert warnings(rows) == []

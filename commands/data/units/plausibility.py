"""Check the units of distances, durations and speeds against coordinates and events."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commands.data.units.conversions import conversion_to, unit_of_attribute, units_like
from estimators.features.legs import END_COLUMNS, StreetLegs

if TYPE_CHECKING:
    import pandas as pd

    from estimators import Dataset
    from estimators.core.typing import FloatArray

__all__ = ["unit_warnings"]

ROWS_LOOKED_AT = 20_000
ROWS_MIN = 30
"""A median of fewer rows is no evidence."""
SHORTEST_M = 100.0
"""Shorter ways say little: a coordinate is not as exact."""
WAY_FACTORS = (0.9, 3.0)
"""A stated distance is so many times the great circle, in the median of a table."""
USUAL_WAY_FACTOR = 1.35
TRAVEL_SPEEDS_M_S = (0.4, 45.0)
"""Median speeds of a way that somebody travels."""
ORDER_SPEEDS_M_S = (0.05, 45.0)
"""The same where cooking and waiting are in the duration."""
USUAL_SPEED_M_S = 4.0
WIND_MAX_M_S = 45.0
BASELINE_FACTORS = (0.2, 5.0)
"""A baseline is so many times the duration that it states, in the median of a table."""
SHARE_SHORTER = 0.01
"""If more ways are shorter than the great circle, it is worth a line."""

_DISTANCE = re.compile(r"dist|trip|route|ride|way")
_TRAVEL = re.compile(r"router|route|travel|trip|drive|driving|ride|osrm")
_LEGS = (("picked_up", "courier_at_customer"), ("picked_up", "delivered"))
_ORDERS = (("dispatched", "delivered"), ("activated", "delivered"))
_TO_STORE = "distance_to_store_m"
_LEG_TO_STORE = ("courier_assigned", "courier_at_store")


@dataclass(frozen=True, kw_only=True)
class _Sampled:
    """Evenly spaced rows of a data set, and the units that its mapping states."""

    table: pd.DataFrame
    units: Mapping[str, str]

    def numbers(self, name: str) -> FloatArray:
        return self.table[name].to_numpy(np.float64, na_value=np.nan)

    def seconds(self, start: str, end: str) -> FloatArray | None:
        if not {start, end} <= set(self.table.columns):
            return None
        between = (self.table[end] - self.table[start]).dt.total_seconds()
        return np.asarray(between.to_numpy(na_value=np.nan), np.float64)

    def great_circle_m(self) -> FloatArray | None:
        if not set(END_COLUMNS) <= set(self.table.columns):
            return None
        ends = np.column_stack([self.numbers(name) for name in END_COLUMNS])
        return StreetLegs(turn_deg=0.0).of_rows(ends)[:, 0]

    def stated(self, name: str) -> str:
        return self.units.get(name) or unit_of_attribute(name) or ""

    def sizes(self, name: str) -> dict[str, float]:
        """Return unit -> factor on the attribute's numbers if its column were in that unit."""
        stated = self.stated(name)
        now = _factor(name, stated)
        others = (unit for unit in units_like(stated) if unit != stated)
        return {unit: _factor(name, unit) / now for unit in others}


def unit_warnings(dataset: Dataset, units: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence per attribute whose unit seems to be wrong, with those that would fit.

    Args:
        dataset: the table as its mapping gives it.
        units: attribute -> unit that the mapping states for its column.
    """
    step = max(len(dataset.table) // ROWS_LOOKED_AT, 1)
    rows = _Sampled(table=dataset.table.iloc[::step], units=units)
    line_m = rows.great_circle_m()
    wrong = set()
    for name in _attributes(dataset, "m", _DISTANCE):
        found = [*_against_coordinates(rows, name, line_m)] or [*_against_events(rows, name)]
        if found:
            wrong.add(name)
        yield from found
    way_m = _reference(dataset, rows, line_m, wrong)
    for name in _attributes(dataset, "s", _TRAVEL):
        if way_m is not None:
            yield from _travel_time(rows, name, way_m)
    yield from _baseline(dataset, units)
    for name in _attributes(dataset, "m_s", re.compile("")):
        yield from _speed(rows, name)
    for source, table in dataset.others.items():
        others = _Sampled(table=table, units={})
        for name in source.attributes:
            if unit_of_attribute(name) == "m_s":
                yield from _speed(others, name)


def _attributes(dataset: Dataset, unit: str, pattern: re.Pattern[str]) -> list[str]:
    return [
        name
        for name in dataset.source.attributes
        if unit_of_attribute(name) == unit and pattern.search(name)
    ]


def _against_coordinates(rows: _Sampled, name: str, line_m: FloatArray | None) -> Iterator[str]:
    if line_m is None or name == _TO_STORE:
        return
    stated_m = rows.numbers(name)
    used = (line_m >= SHORTEST_M) & (stated_m > 0.0)
    if used.sum() < ROWS_MIN:
        return
    ratios = stated_m[used] / line_m[used]
    ratio = float(np.median(ratios))
    low, high = WAY_FACTORS
    if not low <= ratio <= high:
        fitting = _fitting(rows.sizes(name), ratio, WAY_FACTORS, USUAL_WAY_FACTOR)
        yield (
            f"{name} is {_shown(ratio)} times the great circle between store and customer in the"
            f" median; expected {low} to {high}: {_advice(rows, name, fitting)}"
        )
        return
    shorter = int((ratios < low).sum())
    if shorter > SHARE_SHORTER * len(ratios):
        yield (
            f"{name} is shorter than the great circle between store and customer in {shorter:,} of"
            f" {len(ratios):,} rows: wrong coordinates or distances"
        )


def _against_events(rows: _Sampled, name: str) -> Iterator[str]:
    pairs = [(*_LEG_TO_STORE, TRAVEL_SPEEDS_M_S)] if name == _TO_STORE else [
        *((*pair, TRAVEL_SPEEDS_M_S) for pair in _LEGS),
        *((*pair, ORDER_SPEEDS_M_S) for pair in _ORDERS),
    ]  # fmt: skip
    for start, end, speeds in pairs:
        seconds = rows.seconds(start, end)
        speed = None if seconds is None else _median_speed(rows.numbers(name), seconds)
        if speed is None:
            continue
        if not speeds[0] <= speed <= speeds[1]:
            fitting = _fitting(rows.sizes(name), speed, speeds, USUAL_SPEED_M_S)
            yield (
                f"{name} over {start} to {end} is a median speed of {_shown(speed)} m/s; expected"
                f" {speeds[0]} to {speeds[1]}: {_advice(rows, name, fitting)}"
            )
        return


def _reference(
    dataset: Dataset, rows: _Sampled, line_m: FloatArray | None, wrong: set[str]
) -> FloatArray | None:
    """Return how long the ways are: by coordinates, else as stated where nothing contradicts."""
    if line_m is not None and np.isfinite(line_m).sum() >= ROWS_MIN:
        return line_m
    right = [one for one in _attributes(dataset, "m", _DISTANCE) if one not in {*wrong, _TO_STORE}]
    return rows.numbers(right[0]) if right else None


def _travel_time(rows: _Sampled, name: str, way_m: FloatArray) -> Iterator[str]:
    speed = _median_speed(way_m, rows.numbers(name))
    low, high = TRAVEL_SPEEDS_M_S
    if speed is None or low <= speed <= high:
        return
    # A longer duration is a lower speed.
    sizes = {unit: 1.0 / size for unit, size in rows.sizes(name).items()}
    fitting = _fitting(sizes, speed, TRAVEL_SPEEDS_M_S, USUAL_SPEED_M_S)
    yield (
        f"the way in {name} is a median speed of {_shown(speed)} m/s; expected {low} to {high}:"
        f" {_advice(rows, name, fitting)}"
    )


def _baseline(dataset: Dataset, units: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence if the baseline is far from the duration that it states."""
    name = dataset.baseline
    if name is None:
        return
    used = dataset.labelled
    rows = _Sampled(table=dataset.table.loc[used], units=units)
    baseline_s = rows.numbers(name)
    ratios = (baseline_s / dataset.duration_s[used])[baseline_s > 0.0]
    ratios = ratios[np.isfinite(ratios)]
    low, high = BASELINE_FACTORS
    if len(ratios) < ROWS_MIN or low <= (ratio := float(np.median(ratios))) <= high:
        return
    fitting = _fitting(rows.sizes(name), ratio, BASELINE_FACTORS, 1.0)
    yield (
        f"the baseline {name} is {_shown(ratio)} times {dataset.target.start} to"
        f" {dataset.target.end} in the median; expected {low} to {high}:"
        f" {_advice(rows, name, fitting)}"
    )


def _speed(rows: _Sampled, name: str) -> Iterator[str]:
    values = rows.numbers(name)
    values = values[np.isfinite(values)]
    if len(values) < ROWS_MIN or (median := float(np.median(values))) <= WIND_MAX_M_S:
        return
    fitting = _fitting(rows.sizes(name), median, (0.0, WIND_MAX_M_S), USUAL_SPEED_M_S)
    yield (
        f"{name} has the median {_shown(median)} m/s; expected up to {WIND_MAX_M_S}:"
        f" {_advice(rows, name, fitting)}"
    )


def _median_speed(way_m: FloatArray, seconds: FloatArray) -> float | None:
    used = (way_m > 0.0) & (seconds > 0.0)
    return float(np.median(way_m[used] / seconds[used])) if used.sum() >= ROWS_MIN else None


def _fitting(
    sizes: Mapping[str, float], now: float, bounds: tuple[float, float], likeliest: float
) -> list[str]:
    """Return the units that bring a median between bounds, the likeliest first."""
    values = {unit: now * size for unit, size in sizes.items()}
    fitting = [unit for unit, value in values.items() if bounds[0] <= value <= bounds[1]]
    return sorted(fitting, key=lambda unit: abs(math.log(max(values[unit], 1e-9) / likeliest)))


def _advice(rows: _Sampled, name: str, fitting: list[str]) -> str:
    if not fitting:
        return f"no unit would fit instead of {rows.stated(name)}; is it another column?"
    shown = f"{{column: ..., unit: {fitting[0]}}}"
    others = f"; so would {' or '.join(fitting[1:])}" if fitting[1:] else ""
    return f"unit {fitting[0]} would fit, {name}: {shown}{others}"


def _factor(name: str, unit: str) -> float:
    conversion = conversion_to(name, unit)
    return conversion.numerator / conversion.denominator


def _shown(number: float) -> str:
    return f"{number:.3g}" if number < 1e4 else f"{number:,.0f}"

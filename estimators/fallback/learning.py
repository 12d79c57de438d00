"""Learn the tables of a :class:`~estimators.fallback.model.Fallback` from labelled rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from estimators.core.errors import DatasetError, InputError
from estimators.core.local_time import local_times
from estimators.core.stages import is_elapsed
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.core.values import Value, codes, plain_value
from estimators.fallback.model import (
    HOURS,
    LEVELS_KNOWN,
    UNITS,
    Fallback,
    Store,
    scaled,
)
from estimators.fallback.situations import SITUATION_ROWS_MIN, Split, best_splits
from estimators.features.facts import Facts
from estimators.features.shrinkage import MEDIAN_PER_MEAN, variances
from estimators.quantiles.calibration import GRID_LEVELS, Scale

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["learn_fallback"]

HALF_ROWS_MIN = 25
"""The same for a half of the time, so that it has about the same situations as the whole."""

CITY_ROWS_MIN = 100
STORE_ROWS_MIN = 20
"""With fewer rows a city or store is not known."""

GROUP_ROWS_MIN = 10
"""A group with fewer rows, such as an hour, has no effect of its own."""

CITIES_MAX, STORES_MAX = 1_000, 20_000
"""The most that are kept, those with the most rows."""


def learn_fallback(
    columns: Mapping[str, Any] | pd.DataFrame,
    target_s: FloatArray,
    as_of_us: IntArray,
    *,
    facts: Facts,
    scale: Scale = "log",
    store: str = "store_id",
    city: str = "city",
) -> Fallback:
    """Return the tables of typical durations.

    Args:
        columns: values of requests by name, each of shape (n_rows,): a table or a mapping.
        target_s: how long it took, seconds, finite, shape (n_rows,).
        as_of_us: when each was asked, microseconds UTC, shape (n_rows,).
        facts: names the numbers and categories that a request has, and the timezones.
        scale: "log" for durations, "linear" for seconds that may be negative.
        store: name of the column with the store; without that column no store is known.
        city: name of that with the city; where there is none, all rows are of one.

    Raises:
        DatasetError: there is no row.
        InputError: a target is not finite, or rows are not as many.

    >>> rng = np.random.default_rng(0)
    >>> stores = rng.integers(0, 5, 2000)
    >>> seconds = 600.0 * np.exp(0.4 * (stores - 2.0) + 0.1 * rng.normal(size=2000))
    >>> hourly_us = np.arange(2000) * 3_600_000_000
    >>> facts = Facts(numbers=(), categories={"store_id": (0, 1, 2, 3, 4)})
    >>> fallback = learn_fallback({"store_id": stores}, seconds, hourly_us, facts=facts)
    >>> distribution, known = fallback.distribution({"store_id": [0, 4, 7]}, 0)
    >>> known
    ['store and hour', 'store and hour', 'city']
    >>> [round(median_s / 100) for median_s in distribution.quantile(0.5).tolist()]
    [3, 13, 6]
    """
    if not len(target_s):
        raise DatasetError("no row to learn a fallback from")
    if len(as_of_us) != len(target_s) or not bool(np.isfinite(target_s).all()):
        raise InputError("expected a finite target and a moment for each row")
    given = {name: _listed(columns[name]) for name in _names(columns, facts, store, city)}
    units = scaled(target_s, scale) / UNITS[scale]
    places = {store, city, facts.timezone_by}
    splits = best_splits(
        {name: column for name, column in given.items() if name not in places},
        units,
        numbers=facts.numbers,
        categories=[*facts.categories],
        elapsed=[name for name in facts.numbers if is_elapsed(name)],
    )
    situation = np.zeros(len(target_s), dtype=np.int64)
    for split in splits:
        situation = situation * split.places + split.place(given, len(units))
    cities, of_city = _groups(given.get(city, [""] * len(units)), CITY_ROWS_MIN, CITIES_MAX)
    stores, of_store = _groups(given.get(store, [None] * len(units)), STORE_ROWS_MIN, STORES_MAX)
    zone = np.zeros(len(units), dtype=np.int64)
    if facts.timezone_by:
        zone = codes(given[facts.timezone_by], _positions(facts.timezones), missing=-1)
    rows = _Rows(units, situation, of_city, of_store, _hours(zone, facts, as_of_us))
    sizes = _Sizes(splits, len(cities), len(stores))
    effects = _learned(rows, sizes)
    store_city = _most_common(of_store, of_city, len(stores))
    store_zone = _most_common(of_store, zone, len(stores))
    return Fallback(
        scale=scale,
        rows=len(target_s),
        bounds_s=(float(target_s.min()), float(target_s.max())),
        splits=splits,
        centre=effects.centres[-1],
        grids=_grids(rows, as_of_us, sizes),
        store=store if store in given else "",
        city=city if city in given else "",
        timezone_by=facts.timezone_by,
        timezones=facts.timezones,
        cities=dict(zip(cities, effects.city.effects.tolist(), strict=True)),
        hours=effects.city.hours,
        stores={
            value: Store(
                city=store_city[i],
                zone=store_zone[i],
                effect=int(effects.store.effects[i]),
                hours={h: more for h, more in enumerate(effects.store.hours[i].tolist()) if more},
            )
            for i, value in enumerate(stores)
        },
    )


class _Rows(NamedTuple):
    """What a fallback is learned from: durations in units; groups of each row, -1: of none."""

    units: FloatArray
    situation: IntArray
    city: IntArray
    store: IntArray
    hour: IntArray

    def some(self, which: BoolArray) -> _Rows:
        groups = self.situation, self.city, self.store, self.hour
        return _Rows(self.units[which], *(group[which] for group in groups))


class _Sizes(NamedTuple):
    """What makes the situations, and how many cities and stores there are."""

    splits: tuple[Split, ...]
    cities: int
    stores: int

    @property
    def situations(self) -> int:
        return int(np.prod([one.places for one in self.splits], dtype=np.int64))

    def levels(self) -> Iterator[tuple[int, int]]:
        """Yield from all rows to situations how many groups there are, and how many in each before.

        A situation's group is the situation divided by how many situations a group has.
        """
        groups = 1
        yield groups, 1
        for split in self.splits:
            groups *= split.places
            yield groups, split.places


class _GroupEffects(NamedTuple):
    """The effects of groups, shape (n,), and of their hours, shape (n, 24)."""

    effects: IntArray
    hours: IntArray


class _Effects(NamedTuple):
    """The learned centres, from all rows to the situations, and effects of cities and stores."""

    centres: list[IntArray]
    city: _GroupEffects
    store: _GroupEffects


def _names(columns: Container[str], facts: Facts, store: str, city: str) -> Iterator[str]:
    for name in dict.fromkeys((*facts.inputs, store, city)):
        if name in columns:
            yield name


def _listed(column: Any) -> list[Any]:
    listed = column.tolist() if hasattr(column, "tolist") else column
    return list(listed)


def _positions(values: Iterable[Value]) -> dict[Value, int]:
    return {value: i for i, value in enumerate(values)}


def _groups(column: Sequence[Any], rows_min: int, most: int) -> tuple[list[Value], IntArray]:
    """Return the values with enough rows, and the position of each row's value, -1: none."""
    counts = Counter(value for value in map(plain_value, column) if value is not None)
    values = [value for value, n in counts.most_common(most) if n >= rows_min]
    return values, codes(column, _positions(values), missing=-1)


def _hours(zone: IntArray, facts: Facts, as_of_us: IntArray) -> IntArray:
    """Return the local hour of each row, -1 where its timezone is not known."""
    zones = list(facts.timezones.values()) if facts.timezone_by else ["UTC"]
    hour, _ = local_times(zones, zone, as_of_us)
    return np.where(np.isnan(hour), -1, hour).astype(np.int64)


def _learned(rows: _Rows, sizes: _Sizes, rows_min: int = SITUATION_ROWS_MIN) -> _Effects:
    centres = []
    centre = np.zeros(1)
    for n, parts in sizes.levels():
        median, count = _medians(rows.units, rows.situation // (sizes.situations // n), n)
        enough = (count >= rows_min) | (n == 1)
        centre = np.where(enough, median, np.repeat(centre, parts))
        centres.append(np.round(centre).astype(np.int64))
    rest = rows.units - centres[-1][rows.situation]
    city = _effects(rest, rows.city, rows.hour, sizes.cities)
    rest = rest - _applied(city, rows.city, rows.hour)
    return _Effects(centres, city, _effects(rest, rows.store, rows.hour, sizes.stores))


def _grids(rows: _Rows, as_of_us: IntArray, sizes: _Sizes) -> IntArray:
    """Return the quantiles of the rest, shape (3, n_situations, n_levels), in units.

    A level without rows has the quantiles of all rows; it is never read.
    """
    rests = _rests(rows, as_of_us, sizes)
    everybody = np.ones(len(rows.units), dtype=bool)
    grids = []
    for i, answered in enumerate((rows.store >= 0, rows.city >= 0, everybody)):
        which = answered if answered.any() else everybody
        grids.append(_grids_of(rests[i][:, which], rows.situation[which], sizes))
    return np.round(np.stack(grids)).astype(np.int64)


def _rests(rows: _Rows, as_of_us: IntArray, sizes: _Sizes) -> FloatArray:
    """Return each row's residuals from effects that the other half of the time taught.

    Returns:
        In units, shape (3, n_levels_of_situations, n_rows): knowing the store, the city, neither;
        around the centre of all rows, of the bin of the first split, of the situation.
    """
    levels = list(sizes.levels())
    later = as_of_us >= np.median(as_of_us)
    rests = np.zeros((len(LEVELS_KNOWN), len(levels), len(later)))
    for half in (later, ~later):
        # Of few rows, or all at once, there are no two halves that tell anything of each other.
        split = min(later.sum(), (~later).sum()) >= SITUATION_ROWS_MIN
        taught = rows.some(~half) if split else rows
        effects, held = _learned(taught, sizes, HALF_ROWS_MIN), rows.some(half)
        of_city = _applied(effects.city, held.city, held.hour)
        of_store = of_city + _applied(effects.store, held.store, held.hour)
        for i, (n, _) in enumerate(levels):
            centre = effects.centres[i][held.situation // (sizes.situations // n)]
            for k, applied in enumerate((of_store, of_city, np.zeros(len(centre)))):
                rests[k, i, half] = held.units - centre - applied
    return rests


def _grids_of(rests: FloatArray, situation: IntArray, sizes: _Sizes) -> FloatArray:
    """Return the quantiles of each situation, of a wider one where it has few rows."""
    grids = np.zeros((1, len(GRID_LEVELS)))
    for (n, parts), rest in zip(sizes.levels(), rests, strict=True):
        grids = np.repeat(grids, parts, axis=0)
        group = situation // (sizes.situations // n)
        ends = np.cumsum(np.bincount(group, minlength=n))
        for i, own in enumerate(np.split(rest[np.argsort(group, kind="stable")], ends[:-1])):
            if len(own) >= SITUATION_ROWS_MIN or n == 1:
                grids[i] = np.quantile(own, GRID_LEVELS, method="weibull")
    return grids


def _effects(rest: FloatArray, group: IntArray, hour: IntArray, n: int) -> _GroupEffects:
    """Return the effects of n groups, and of their hours."""
    effects = _drawn(rest, group, n)
    unmoved = _GroupEffects(effects, np.zeros((n, HOURS), dtype=np.int64))
    cell = np.where((group >= 0) & (hour >= 0), group * HOURS + hour, -1)
    left = rest - _applied(unmoved, group, hour)
    return _GroupEffects(effects, _drawn(left, cell, n * HOURS).reshape(n, HOURS))


def _applied(moved: _GroupEffects, group: IntArray, hour: IntArray) -> FloatArray:
    """Return the effect on each row; 0 for a row without a group."""
    both = np.zeros((len(moved.effects) + 1, HOURS + 1))
    both[:-1, :HOURS] = moved.hours
    both[:-1] += moved.effects[:, np.newaxis]
    return np.asarray(both[group, hour])


def _drawn(rest: FloatArray, group: IntArray, n: int) -> IntArray:
    """Return the median of each of n groups, shrunk to zero by the variance between groups."""
    median, count = _medians(rest, group, n)
    within, between = variances(rest, group)
    if between <= 0.0:
        return np.zeros(n, dtype=np.int64)
    prior_rows = MEDIAN_PER_MEAN * within / between
    drawn = np.where(count >= GROUP_ROWS_MIN, median * (count / (count + prior_rows)), 0.0)
    return np.round(drawn).astype(np.int64)


def _medians(values: FloatArray, group: IntArray, n: int) -> tuple[FloatArray, IntArray]:
    """Return median (0 without rows) and rows of each of n groups; a negative group is none.

    >>> median, count = _medians(np.array([1.0, 2.0, 4.0, 9.0]), np.array([0, 0, 2, -1]), 3)
    >>> median.tolist(), count.tolist()
    ([1.5, 0.0, 4.0], [2, 0, 1])
    """
    values, group = values[group >= 0], group[group >= 0]
    ascending = values[np.lexsort((values, group))]
    count = np.bincount(group, minlength=n)
    first = np.cumsum(count) - count
    median = np.zeros(n)
    some = count > 0
    low = ascending[(first + (count - 1) // 2)[some]]
    high = ascending[(first + count // 2)[some]]
    median[some] = low + (high - low) / 2.0
    return median, count


def _most_common(group: IntArray, place: IntArray, n: int) -> list[int]:
    """Return the place that most rows of each of n groups have; -1: none has one.

    >>> _most_common(np.array([0, 0, 0, 2, -1]), np.array([5, 3, 5, -1, 3]), 3)
    [5, -1, -1]
    """
    known = (group >= 0) & (place >= 0)
    pairs, counts = np.unique(
        np.column_stack([group[known], place[known]]), axis=0, return_counts=True
    )
    most = [-1] * n
    for i in np.argsort(counts, kind="stable").tolist():
        most[int(pairs[i, 0])] = int(pairs[i, 1])
    return most

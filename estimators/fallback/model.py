"""The estimate without a model: typical durations by store and hour, or by city.

A few tables of numbers that are learned with a model and read without it. A duration is modelled as
a sum on the model's scale (logarithms of seconds; seconds if they may be negative):

    situation + city + hour in the city + store + hour in the store + a quantile of the rest

A situation is a bin of the one or two most informative values of the request (the distance, the
progress of the order, the time since it was accepted). Every effect is a median that is shrunk to
zero if it rests on few rows. An answer comes from the narrowest level that is known: the store and
hour, else the city, else the situation alone. Each level has quantiles of its own residuals, which
are wider the less is known.

All numbers are small integers of a fixed unit and sums of them, and answers are whole eighths of a
second: the same bits on every machine and after every copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.errors import InputError
from estimators.core.local_time import local_times
from estimators.core.typing import FloatArray, IntArray
from estimators.core.values import Value, codes
from estimators.fallback.situations import Split
from estimators.quantiles.calibration import GRID_LEVELS, Scale

__all__ = ["HOURS", "LEVELS_KNOWN", "Fallback", "Known", "Store"]

Known: TypeAlias = Literal["store and hour", "city", "constant"]
"""The levels of an answer, from the narrowest to the widest."""

LEVELS_KNOWN: tuple[Known, ...] = ("store and hour", "city", "constant")

UNITS: dict[Scale, float] = {"log": 1.0 / 1024.0, "linear": 1.0 / 8.0}
"""The unit of the integers: a thousandth of the duration, or an eighth of a second."""

HOURS = 24
EIGHTH_S = 0.125
FLOOR_S = 1.0
"""Durations are taken to last at least a second, so that they have a logarithm."""

_FORMAT = 1
_STORE_AND_HOUR, _CITY, _CONSTANT = range(3)


@dataclass(frozen=True, kw_only=True)
class Store:
    """What is known of one store.

    Args:
        city: position of its city, -1: none.
        zone: position of its timezone, -1: none.
        effect: the difference of its durations from the city's, in units.
        hours: by how much more in some hours of the day, in units.
    """

    city: int
    zone: int
    effect: int
    hours: Mapping[int, int]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Fallback:
    """Tables that answer for a model which cannot be asked; numpy and nothing else.

    :func:`estimators.fallback.learning.learn_fallback` makes it, :meth:`distribution` asks it.

    Args:
        scale: "log" for durations, "linear" for seconds that may be negative.
        rows: that it was learned from.
        bounds_s: the shortest and the longest duration that training saw: no answer is outside.
        grids: of each level of ``LEVELS_KNOWN`` the quantiles of the rest in each situation, at
            ``GRID_LEVELS``, in units; shape (3, n_situations, n_levels), non-decreasing.
        splits: make the situations: bins of the first, divided by those of the second.
        centre: of each situation, in units.
        store: name of the column with the store; empty: none.
        city: name of that with the city; empty: all rows are of one.
        timezone_by: name of that which decides the timezone; empty: hours are those of UTC.
        timezones: IANA timezone of each of its values.
        cities: effect of each city, in units.
        hours: effects of the hours in each city, in units, shape (n_cities, 24).
        stores: what is known of each store.

    Raises:
        InputError: shapes do not fit, or quantiles cross.
    """

    scale: Scale
    rows: int
    bounds_s: tuple[float, float]
    grids: IntArray
    centre: IntArray
    splits: tuple[Split, ...] = ()
    store: str = ""
    city: str = ""
    timezone_by: str = ""
    timezones: Mapping[Value, str] = field(default_factory=dict)
    cities: Mapping[Value, int] = field(default_factory=dict)
    hours: IntArray = field(default_factory=lambda: np.zeros((0, HOURS), dtype=np.int64))
    stores: Mapping[Value, Store] = field(default_factory=dict)

    def __post_init__(self) -> None:
        situations = int(np.prod([split.places for split in self.splits], dtype=np.int64))
        expected = (len(LEVELS_KNOWN), situations, len(GRID_LEVELS))
        if self.grids.shape != expected or self.centre.shape != (situations,):
            raise InputError(
                f"grids have shape {self.grids.shape}, centres {self.centre.shape}; expected"
                f" {expected} and ({situations},)"
            )
        if self.scale not in UNITS:
            raise InputError(f"scale is {self.scale!r}; expected 'log' or 'linear'")
        if bool(np.any(np.diff(self.grids, axis=2) < 0)):
            raise InputError("quantiles cross; expected non-decreasing ones")
        if self.hours.shape != (len(self.cities), HOURS):
            raise InputError(f"hours have shape {self.hours.shape} for {len(self.cities)} cities")

    def __repr__(self) -> str:
        known = f"{len(self.stores)} stores and {len(self.cities)} cities"
        return f"<Fallback learned from {self.rows} rows: {known}>"

    @classmethod
    def constant(cls, quantiles_s: Sequence[float]) -> Fallback:
        """Return a fallback that only has quantiles at ``GRID_LEVELS``, seconds.

        >>> fallback = Fallback.constant([60.0 + 10.0 * i for i in range(len(GRID_LEVELS))])
        >>> distribution, known = fallback.distribution({"store_id": ["s1", "s2"]}, 0)
        >>> distribution.quantile(0.5).round().tolist(), known
        ([170.0, 170.0], ['constant', 'constant'])
        """
        seconds = np.asarray(quantiles_s, dtype=np.float64)
        scale: Scale = "linear" if bool(np.any(seconds < 0.0)) else "log"
        units = to_units(scaled(seconds, scale), scale)
        return cls(
            scale=scale,
            rows=0,
            bounds_s=(float(seconds.min()), float(seconds.max())),
            grids=np.tile(units, (len(LEVELS_KNOWN), 1, 1)),
            centre=np.zeros(1, dtype=np.int64),
        )

    def distribution(
        self, columns: Mapping[str, Sequence[Any]], as_of_us: int | IntArray
    ) -> tuple[Distribution, list[Known]]:
        """Return the typical distributions of rows, and the level of each answer.

        No value of a request makes it fail: a missing, unknown or invalid value is answered by a
        wider level.

        Args:
            columns: values of the request by name, each of as many rows; none at all is one row.
            as_of_us: the moment, microseconds UTC, one or one per row.

        Raises:
            InputError: columns or moments are not as many.
        """
        n_rows = _rows(columns, as_of_us)
        moments_us = np.broadcast_to(np.asarray(as_of_us, dtype=np.int64), (n_rows,))
        nothing = [None] * n_rows
        situation = self.situations(columns, n_rows)
        store = codes(columns.get(self.store, nothing), self._store_codes, missing=-1)
        city, zone = self._places(columns, store, n_rows)
        hour = self._hours_of(zone, moments_us)
        known = np.where(store >= 0, _STORE_AND_HOUR, np.where(city >= 0, _CITY, _CONSTANT))
        # The row or column behind the last is that of what is not known, and zero.
        effect = self._city_effects[city, hour] + self._store_effects[store, hour]
        units = (self.centre[situation] + effect)[:, np.newaxis] + self.grids[known, situation]
        values = np.asarray(units * UNITS[self.scale])
        if self.scale == "log":
            values = np.exp(values)
        # Whole eighths: no last bit that another machine would compute otherwise.
        eighths = np.round(np.clip(values, *self.bounds_s) / EIGHTH_S) * EIGHTH_S
        return Distribution(GRID_LEVELS, eighths), [LEVELS_KNOWN[i] for i in known.tolist()]

    def situations(self, columns: Mapping[str, Sequence[Any]], n_rows: int) -> IntArray:
        """Return the situation of each row."""
        situation = np.zeros(n_rows, dtype=np.int64)
        for split in self.splits:
            situation = situation * split.places + split.place(columns, n_rows)
        return situation

    def _places(
        self, columns: Mapping[str, Sequence[Any]], store: IntArray, n_rows: int
    ) -> tuple[IntArray, IntArray]:
        """Return city and timezone of each row, those of its store where it says none; -1: none."""
        nothing = [None] * n_rows
        if self.city:
            city = codes(columns.get(self.city, nothing), self._city_codes, missing=-1)
        else:
            city = np.full(n_rows, len(self.cities) - 1, dtype=np.int64)
        zone = np.zeros(n_rows, dtype=np.int64)
        if self.timezone_by:
            zone = codes(columns.get(self.timezone_by, nothing), self._zone_codes, missing=-1)
        cities, zones = self._store_places
        return np.where(city < 0, cities[store], city), np.where(zone < 0, zones[store], zone)

    def _hours_of(self, zone: IntArray, as_of_us: IntArray) -> IntArray:
        """Return the local hour of each row, ``HOURS`` where its timezone is not known."""
        zones = list(self.timezones.values()) if self.timezone_by else ["UTC"]
        hour, _ = local_times(zones, zone, as_of_us)
        return np.where(np.isnan(hour), HOURS, hour).astype(np.int64)

    @cached_property
    def _store_codes(self) -> dict[Value, int]:
        return {value: i for i, value in enumerate(self.stores)}

    @cached_property
    def _city_codes(self) -> dict[Value, int]:
        return {value: i for i, value in enumerate(self.cities)}

    @cached_property
    def _zone_codes(self) -> dict[Value, int]:
        return {value: i for i, value in enumerate(self.timezones)}

    @cached_property
    def _store_places(self) -> tuple[IntArray, IntArray]:
        """Return city and timezone of each store, and -1 for what is none."""
        places = [(store.city, store.zone) for store in self.stores.values()]
        both = np.array([*places, (-1, -1)], dtype=np.int64)
        return both[:, 0], both[:, 1]

    @cached_property
    def _city_effects(self) -> IntArray:
        """Return effects of cities and their hours, shape (n_cities + 1, 25)."""
        effects = np.zeros((len(self.cities) + 1, HOURS + 1), dtype=np.int64)
        effects[:-1, :HOURS] = self.hours
        effects[:-1] += np.fromiter(self.cities.values(), dtype=np.int64)[:, np.newaxis]
        return effects

    @cached_property
    def _store_effects(self) -> IntArray:
        """Return effects of stores and their hours, shape (n_stores + 1, 25)."""
        effects = np.zeros((len(self.stores) + 1, HOURS + 1), dtype=np.int64)
        for i, store in enumerate(self.stores.values()):
            effects[i] = store.effect
            for hour, more in store.hours.items():
                effects[i, hour] += more
        return effects

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "format": _FORMAT,
            "levels": list(GRID_LEVELS),
            "scale": self.scale,
            "rows": self.rows,
            "bounds_s": list(self.bounds_s),
            "splits": [
                {
                    "name": one.name,
                    "edges": list(one.edges),
                    "values": list(one.values),
                    "of": list(one.of),
                }
                for one in self.splits
            ],
            "centre": self.centre.tolist(),
            "grids": self.grids.tolist(),
            "columns": [self.store, self.city, self.timezone_by],
            "timezones": [[value, zone] for value, zone in self.timezones.items()],
            "cities": [
                [value, effect, self.hours[i].tolist()]
                for i, (value, effect) in enumerate(self.cities.items())
            ],
            "stores": [
                [value, one.city, one.zone, one.effect, *chain.from_iterable(one.hours.items())]
                for value, one in self.stores.items()
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Fallback:
        """Return the fallback that :meth:`to_json` wrote.

        Raises:
            InputError: it is of another version, or shapes do not fit.
        """
        if document["format"] != _FORMAT or tuple(document["levels"]) != GRID_LEVELS:
            raise InputError("a fallback of another version; train the model again")
        store, city, timezone_by = document["columns"]
        low_s, high_s = document["bounds_s"]
        hours = [one[2] for one in document["cities"]]
        return cls(
            scale=document["scale"],
            rows=document["rows"],
            bounds_s=(float(low_s), float(high_s)),
            grids=np.array(document["grids"], dtype=np.int64),
            centre=np.array(document["centre"], dtype=np.int64),
            splits=tuple(
                Split(
                    name=one["name"],
                    edges=tuple(one["edges"]),
                    values=tuple(one["values"]),
                    # Those that were saved before splits by what has happened have none.
                    of=tuple(one.get("of", ())),
                )
                for one in document["splits"]
            ),
            store=store,
            city=city,
            timezone_by=timezone_by,
            timezones=dict(document["timezones"]),
            cities={one[0]: one[1] for one in document["cities"]},
            hours=np.array(hours, dtype=np.int64).reshape(-1, HOURS),
            stores={one[0]: _store_from_json(one[1:]) for one in document["stores"]},
        )


def _store_from_json(numbers_of_it: Sequence[int]) -> Store:
    city, zone, effect, *more = numbers_of_it
    return Store(
        city=city, zone=zone, effect=effect, hours=dict(zip(more[::2], more[1::2], strict=True))
    )


def _rows(columns: Mapping[str, Sequence[Any]], as_of_us: int | IntArray) -> int:
    counts = {len(column) for column in columns.values()}
    if not isinstance(as_of_us, int | np.integer):
        counts.add(len(as_of_us))
    if len(counts) > 1:
        raise InputError(f"columns and moments of {sorted(counts)} rows; expected as many of each")
    return counts.pop() if counts else 1


def scaled(seconds: FloatArray, scale: Scale) -> FloatArray:
    """Return seconds on the scale on which effects add up."""
    return np.asarray(np.log(np.maximum(seconds, FLOOR_S)) if scale == "log" else seconds)


def to_units(values: FloatArray, scale: Scale) -> IntArray:
    """Return values of a scale as whole units."""
    return np.round(values / UNITS[scale]).astype(np.int64)

"""The facts of a request (amount, store, hour of the day) as numbers that a model can take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from estimators.core.dictionary_column import Column, DictionaryColumn
from estimators.core.errors import DatasetError, InputError
from estimators.core.local_time import local_time, local_times
from estimators.core.typing import FloatArray, IntArray
from estimators.core.values import Value, plain_value
from estimators.features.legs import END_COLUMNS, LEG_FACTS, StreetLegs, learn_legs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LOCAL_HOUR", "LOCAL_WEEKDAY", "Facts", "learn_facts"]

LOCAL_HOUR = "local_hour"
LOCAL_WEEKDAY = "local_weekday"
CATEGORIES_MAX = 200_000
"""The most values that one category may have."""

_PLAIN_NUMBERS = frozenset((int, float, type(None)))
_TEXTS = frozenset((str, type(None)))


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Encodes the facts of requests; training tables and single requests use the same functions.

    Args:
        numbers: columns that the model takes as they are.
        categories: columns that the model takes as categories, each with the values that training
            has seen; a value's code is its position. Other values are as missing.
        timezone_by: the column that decides the timezone; empty: no local time.
        timezones: IANA timezone of each value of ``timezone_by``.
        legs: makes facts of the coordinates of both ends, which are among the numbers; None: the
            request has no coordinates.

    Raises:
        DatasetError: a column stands twice, a timezone does not exist.

    >>> facts = Facts(
    ...     numbers=("amount",),
    ...     categories={"city": ("BCN", "WAW")},
    ...     timezone_by="city",
    ...     timezones={"BCN": "Europe/Madrid"},
    ... )
    >>> facts.names
    ('amount', 'city', 'local_hour', 'local_weekday')
    >>> noon_us = 1_767_268_800_000_000  # 2026-01-01 12:00 UTC, a Thursday
    >>> facts.encode_one({"amount": 20, "city": "BCN"}, noon_us).tolist()
    [20.0, 0.0, 13.0, 3.0]
    >>> facts.encode_one({"city": "elsewhere"}, noon_us).tolist()
    [nan, nan, nan, nan]
    """

    numbers: tuple[str, ...]
    categories: Mapping[str, tuple[Value, ...]]
    timezone_by: str = ""
    timezones: Mapping[Value, str] = field(default_factory=dict)
    legs: StreetLegs | None = None

    def __post_init__(self) -> None:
        columns = [*self.numbers, *self.categories]
        repeated = sorted({name for name in columns if columns.count(name) > 1})
        if repeated:
            raise DatasetError(f"facts {', '.join(repeated)} stand twice; expected each once")
        for name, values in self.categories.items():
            if len(values) > CATEGORIES_MAX:
                raise DatasetError(
                    f"category {name!r} has {len(values):,} values; at most {CATEGORIES_MAX:,}"
                )
        for zone in set(self.timezones.values()):
            _check_timezone(zone)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns it makes: numbers, categories, local hour and weekday, facts of the way."""
        local = (LOCAL_HOUR, LOCAL_WEEKDAY) if self.timezone_by else ()
        return (*self.numbers, *self.categories, *local, *(LEG_FACTS if self.legs else ()))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The columns that a request should carry."""
        by = (self.timezone_by,) if self.timezone_by else ()
        return tuple(dict.fromkeys((*self.numbers, *self.categories, *by)))

    @cached_property
    def _ends(self) -> list[int]:
        """Where the coordinates of the way stand among the numbers."""
        return [self.numbers.index(name) for name in END_COLUMNS] if self.legs else []

    @cached_property
    def _codes(self) -> dict[str, dict[Value, int]]:
        return {
            name: {value: code for code, value in enumerate(values)}
            for name, values in self.categories.items()
        }

    def encode_one(self, facts: Mapping[str, Any], as_of_us: int) -> FloatArray:
        """Return the facts of one request, float64 of shape (len(names),), without a DataFrame.

        Args:
            facts: values by column; absent, None and NaN are missing, others are ignored.
            as_of_us: the moment of the request, microseconds UTC.

        Raises:
            InputError: a number is none.
        """
        row = [_number(name, facts.get(name)) for name in self.numbers]
        row += [self._code(name, facts.get(name)) for name in self.categories]
        if self.timezone_by:
            zone = self._timezone(facts.get(self.timezone_by))
            row += local_time(zone, as_of_us)
        if self.legs is not None:
            a, b, c, d = self._ends
            row += self.legs.facts((row[a], row[b], row[c], row[d]))
        return np.array(row, dtype=np.float64)

    def encode_columns(self, columns: Mapping[str, Column], as_of_us: IntArray) -> FloatArray:
        """Return the facts of many requests, each row the bits of :meth:`encode_one`.

        Args:
            columns: values by column, each of shape (n_rows,); an absent column is missing, as are
                None and NaN, others are ignored. Of a dictionary each value is encoded once.
            as_of_us: the moment of each request, microseconds UTC, shape (n_rows,).

        Returns:
            float64 of shape (n_rows, len(names)).

        Raises:
            InputError: a number is none.

        >>> facts = Facts(numbers=("amount",), categories={"city": ("BCN", "WAW")})
        >>> facts.encode_columns({"city": ["WAW", None]}, np.zeros(2, dtype=np.int64)).tolist()
        [[nan, 1.0], [nan, nan]]
        """
        result = np.full((len(as_of_us), len(self.names)), math.nan)
        for k, name in enumerate(self.numbers):
            if name in columns:
                result[:, k] = _column_of_numbers(name, columns[name])
        for k, name in enumerate(self.categories, start=len(self.numbers)):
            if name in columns:
                index, values = _different(columns[name])
                known = self._codes[name]
                codes = [
                    known.get(value, math.nan) if type(value) is str else self._code(name, value)
                    for value in values
                ]
                result[:, k] = np.array(codes, dtype=np.float64)[index]
        if self.timezone_by and self.timezone_by in columns:
            index, values = _different(columns[self.timezone_by])
            local = local_times([self._timezone(value) for value in values], index, as_of_us)
            first = len(self.numbers) + len(self.categories)
            result[:, first : first + 2] = np.column_stack(local)
        if self.legs is not None:
            result[:, -len(LEG_FACTS) :] = self.legs.of_rows(result[:, self._ends])
        return result

    def encode(self, table: pd.DataFrame, as_of_us: IntArray) -> FloatArray:
        """Return the facts of a table's rows, float64 of shape (n_rows, len(names)).

        Args:
            table: has the columns named by ``inputs``.
            as_of_us: the moment of each row's request, microseconds UTC, shape (n_rows,).

        Raises:
            InputError: a column is missing, or not numeric where a number is expected.
        """
        absent = [name for name in self.inputs if name not in table.columns]
        if absent:
            raise InputError(f"the table lacks {', '.join(absent)}; the facts need these columns")
        if len(as_of_us) != len(table):
            raise InputError(f"{len(as_of_us)} moments for {len(table)} rows; expected one each")
        columns = [_numbers(table, name) for name in self.numbers]
        for name in self.categories:
            index, values = _distinct(table, name)
            codes = np.array([self._code(name, value) for value in values], dtype=np.float64)
            columns.append(codes[index])
        if self.timezone_by:
            index, values = _distinct(table, self.timezone_by)
            columns += local_times([self._timezone(value) for value in values], index, as_of_us)
        if self.legs is not None:
            ends = np.column_stack([columns[i] for i in self._ends])
            columns += [*self.legs.of_rows(ends).T]
        return np.column_stack(columns) if columns else np.empty((len(table), 0))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "numbers": list(self.numbers),
            "categories": {name: list(values) for name, values in self.categories.items()},
            "timezone_by": self.timezone_by,
            "timezones": [[value, zone] for value, zone in self.timezones.items()],
            **({} if self.legs is None else {"legs": self.legs.to_json()}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Facts:
        """Return the facts that :meth:`to_json` wrote."""
        return cls(
            numbers=tuple(document["numbers"]),
            categories={k: tuple(values) for k, values in document["categories"].items()},
            timezone_by=document["timezone_by"],
            timezones=dict(document["timezones"]),
            # Models without coordinates have none.
            legs=StreetLegs(**document["legs"]) if "legs" in document else None,
        )

    def _code(self, name: str, value: Any) -> float:
        if value is None:
            return math.nan
        plain = plain_value(value)
        return math.nan if plain is None else float(self._codes[name].get(plain, math.nan))

    def _timezone(self, value: Any) -> str:
        if type(value) is str:
            return self.timezones.get(value, "")
        plain = plain_value(value)
        return "" if plain is None else self.timezones.get(plain, "")


def learn_facts(
    table: pd.DataFrame,
    *,
    numbers: Sequence[str],
    categories: Sequence[str],
    timezone_by: str = "",
    timezones: Mapping[Any, str] | None = None,
    duration_s: FloatArray | None = None,
) -> Facts:
    """Return the facts whose categories are the values that occur in a training table.

    With the coordinates of both ends among the numbers and the durations of the rows it learns how
    the streets are turned, see :mod:`estimators.features.legs`.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"amount": [10.0, 12.0], "store_id": ["b", "a"]})
    >>> learn_facts(table, numbers=["amount"], categories=["store_id"]).categories
    {'store_id': ('a', 'b')}
    """
    absent = [name for name in (*numbers, *categories) if name not in table.columns]
    if absent:
        raise DatasetError(f"the table lacks {', '.join(absent)}; the facts need these columns")
    learned: dict[str, tuple[Value, ...]] = {}
    for name in categories:
        seen = (plain_value(value) for value in _distinct(table, name)[1])
        values = {value for value in seen if value is not None}
        learned[name] = tuple(sorted(values, key=lambda value: (isinstance(value, str), value)))
    return Facts(
        numbers=tuple(numbers),
        categories=learned,
        timezone_by=timezone_by,
        timezones=dict(timezones or {}),
        legs=_learned_legs(table, numbers, duration_s),
    )


def _learned_legs(
    table: pd.DataFrame, numbers: Sequence[str], duration_s: FloatArray | None
) -> StreetLegs | None:
    if duration_s is None or not {*END_COLUMNS} <= {*numbers}:
        return None
    return learn_legs(np.column_stack([_numbers(table, one) for one in END_COLUMNS]), duration_s)


def _number(name: str, value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise InputError(f"{name} is {value!r} ({type(value).__name__}); expected a number")
    return float(value)


def _column_of_numbers(name: str, column: Column) -> FloatArray:
    if isinstance(column, DictionaryColumn):
        return _column_of_numbers(name, column.values)[column.indices]
    if isinstance(column, np.ndarray) and column.dtype == np.float64:
        return column
    if _PLAIN_NUMBERS.issuperset(map(type, column)):
        return np.array(column, dtype=np.float64)  # None becomes NaN
    return np.array([_number(name, value) for value in column])


def _numbers(table: pd.DataFrame, name: str) -> FloatArray:
    try:
        return np.asarray(table[name].to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise InputError(f"column {name!r} is {table[name].dtype}; expected numbers") from error


def _distinct(table: pd.DataFrame, name: str) -> tuple[IntArray, list[Any]]:
    """Return for each row the position of its value in the list of distinct values."""
    import pandas as pd

    codes, values = pd.factorize(table[name], use_na_sentinel=True)
    return np.asarray(codes, dtype=np.int64), [*values.tolist(), None]  # -1 finds the None


def _different(column: Column) -> tuple[IntArray, Sequence[Any]]:
    """Return what :func:`_distinct` does, of a plain sequence; of a dictionary, what it is."""
    if isinstance(column, DictionaryColumn):
        return column.indices, column.values
    if isinstance(column, np.ndarray) and column.dtype == object:
        column = column.tolist()  # a list is walked twice as quickly
    if {*map(type, column)} <= _TEXTS:
        places = {value: i for i, value in enumerate(dict.fromkeys(column))}
        index = np.fromiter(map(places.__getitem__, column), np.int64, len(column))
        return index, list(places)
    # By type, too: 1 and True are one key of a dictionary, but not one value of a category.
    numbers: dict[tuple[type, Any], int] = {}
    codes = [numbers.setdefault((type(value), value), len(numbers)) for value in column]
    return np.array(codes, dtype=np.int64), [value for _, value in numbers]


def _check_timezone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DatasetError(
            f"timezone {zone!r} is not known; expected e.g. 'Europe/Paris'"
        ) from error

"""Read the queries of a request as columns, and find out which of them differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from aggregators.engine.execution import OrderedQueries
from aggregators.errors import QueryError
from aggregators.events import Source
from aggregators.kernels.plan import SelectionPlan
from aggregators.stores.reading import GroupKeys, SourceReading
from aggregators.tables.alignment import align_columns
from aggregators.time_span import check_moment_us
from aggregators.times import moment_to_us
from aggregators.typing import Int64Array, SampleId
from aggregators.value_checks import MAX_TEXT_CHARACTERS, check_key, check_sample_id

__all__ = ["QueryBatch", "QueryColumns"]


class QueryBatch(NamedTuple):
    """Holds different queries in the order of the kernels, and which of them each row asks."""

    queries: OrderedQueries
    inverse: Int64Array


@dataclass(frozen=True)
class _Column:
    """Holds a column of queries: its distinct values and, for each row, which."""

    distinct: list[Any]
    codes: Int64Array

    def values(self) -> list[Any]:
        return [self.distinct[code] for code in self.codes.tolist()]


@dataclass(frozen=True)
class QueryColumns:
    """Holds many queries, column by column."""

    as_of: Int64Array
    keys: Mapping[str, _Column]
    own: Mapping[str, _Column]

    @classmethod
    def read(
        cls,
        as_of: Any,
        keys: Mapping[str, Any],
        samples: Mapping[str, Any],
        sources: Sequence[Source],
    ) -> QueryColumns:
        """Return checked queries; columns and single values may stand side by side.

        Args:
            as_of: the moments.
            keys: the keys of each dimension.
            samples: the samples themselves, by source; a source may be absent.
            sources: the sources of the features.

        Raises:
            QueryError: a value of a wrong kind, or columns of different lengths.
        """
        given: dict[str, Any] = {"as_of": as_of}
        given |= {f"key {name!r}": value for name, value in keys.items()}
        given |= {f"sample_id of {name!r}": value for name, value in samples.items()}
        lengths = {what: len(value) for what, value in given.items() if _is_column(value)}
        n = next(iter(lengths.values()), 1)
        for what, length in lengths.items():
            if length != n:
                first = next(iter(lengths))
                raise QueryError(f"{what} has {length} values, {first} has {n}: expected as many")
        if any(hasattr(value, "iloc") for value in given.values()):  # Series alone have labels
            given = align_columns(given)
        return cls(
            as_of=_moments(given["as_of"], n),
            keys={
                name: _coded(given[f"key {name!r}"], n, partial(check_key, what=f"key {name!r}"))
                for name in keys
            },
            own={
                source.name: _coded(given.get(f"sample_id of {source.name!r}"), n, _checked_sample)
                for source in sources
            },
        )

    def groups(self) -> GroupKeys:
        """Return which groups to read for these queries."""
        return GroupKeys(
            {name: column.distinct for name, column in self.keys.items()},
            {name: column.distinct for name, column in self.own.items()},
        )

    def batch(self, source: str, plan: SelectionPlan, reading: SourceReading) -> QueryBatch:
        """Return the different queries of a selection in the order of (group, as_of)."""
        groups = self.keys[plan.dimension].codes
        own = np.full_like(groups, -1)
        if plan.exclude_self:
            # A sample of another group changes nothing: ten orders ask the same of each courier.
            codes = self.own[source].codes
            is_here = self._groups_of_samples(plan.dimension, reading)[codes] == groups
            own = np.where(is_here, reading.own_rows[codes], -1)
        order = np.lexsort((own, self.as_of, groups))
        columns = [column[order] for column in (groups, self.as_of, own)]
        is_new = np.ones(len(order), np.bool_)
        is_new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
        inverse = np.empty(len(order), np.int64)
        inverse[order] = np.cumsum(is_new) - 1
        distinct = [column[is_new] for column in columns]
        places = np.arange(len(distinct[0]))
        return QueryBatch(OrderedQueries(distinct[0], distinct[1], distinct[2], places), inverse)

    def _groups_of_samples(self, dimension: str, reading: SourceReading) -> Int64Array:
        """Return the number of each own sample's group among the keys, -1 where it has none."""
        numbers = {key: number for number, key in enumerate(self.keys[dimension].distinct)}
        key_of_row = reading.key_of_row[dimension]
        own = reading.own_rows.tolist()
        groups = [-1 if row < 0 else numbers.get(key_of_row[row], -1) for row in own]
        return np.array(groups, np.int64)


def _is_column(value: Any) -> bool:
    return not isinstance(value, str | bytes) and hasattr(value, "__len__")


def _moments(as_of: Any, n: int) -> Int64Array:
    if as_of is None:
        raise QueryError("as_of is missing; expected the moment of the request")
    if not _is_column(as_of):
        return np.full(n, moment_to_us(as_of, "as_of"), np.int64)
    if isinstance(as_of, np.ndarray) and as_of.dtype == np.int64:
        for extreme in (as_of.min(), as_of.max()) if n else ():
            check_moment_us(int(extreme), "as_of")
        return as_of
    moments = [moment_to_us(moment, f"as_of of row {i}") for i, moment in enumerate(as_of)]
    return np.array(moments, np.int64)


def _checked_sample(value: Any) -> SampleId | None:
    return None if value is None else check_sample_id(value, "sample_id")


def _coded(given: Any, n: int, check: Callable[[Any], Any]) -> _Column:
    """Number the different values of a column, or of one value for all rows."""
    if not _is_column(given):
        return _Column([check(given)], np.zeros(n, np.int64))
    plain = given.tolist() if hasattr(given, "tolist") else given
    numbers = {value: i for i, value in enumerate(dict.fromkeys(plain))}
    codes = np.fromiter(map(numbers.__getitem__, plain), np.int64, len(plain))
    return _Column([one if _is_plain(one) else check(one) for one in numbers], codes)


def _is_plain(value: Any) -> bool:
    """Return whether a key or an id is missing or a short plain text: most need no closer look."""
    if type(value) is str:
        return len(value) <= MAX_TEXT_CHARACTERS and value.isascii()
    return value is None

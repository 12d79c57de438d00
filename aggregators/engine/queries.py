"""Read the queries of training: for which moments, keys and own samples features are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from aggregators.engine.kept_arrays import KeptArrays
from aggregators.errors import QueryError
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels.selection import carried_by_request
from aggregators.tables.alignment import aligned
from aggregators.tables.frames import is_table, n_rows, to_pandas
from aggregators.tables.groups import group_codes
from aggregators.tables.ids import plain_ids
from aggregators.tables.sample_table import SampleTable
from aggregators.times import NEVER, column_to_us, moment_to_us
from aggregators.typing import Int32Array, Int64Array, Native

__all__ = ["Queries", "add_keys", "events_of_requests", "read_queries", "tables_by_source"]

AS_OF = "as_of"
"""The column of a table of queries that holds the moments."""

SPINE = "the table of queries (at)"


@dataclass(frozen=True)
class Queries:
    """Holds moments, keys and own samples, one per query, in the caller's order.

    Attributes:
        as_of: microseconds, shape (n_queries,).
        codes: for each (source, dimension), the key's code in the source's table; -1 if missing.
        own_rows: for each source, the row of the sample itself in its table; -1 if there is none.
        about_rows: the sources whose row i is the sample itself of query i.
        kept: keeps orders of the queries for the next run.
    """

    as_of: Int64Array
    codes: dict[tuple[str, str], Int32Array] = field(default_factory=dict)
    own_rows: dict[str, Int64Array] = field(default_factory=dict)
    about_rows: set[str] = field(default_factory=set)
    kept: KeptArrays = field(default_factory=partial(KeptArrays, 0))


def tables_by_source(
    data: Native | Mapping[str, Native], sources: Mapping[str, Source]
) -> dict[str, Native]:
    """Return the table of each source, or raise :class:`QueryError` naming what is missing."""
    if isinstance(data, Mapping) and not is_table(data):
        lacking = sorted(sources.keys() - data.keys())
        if lacking:
            raise QueryError(
                f"data has tables for {', '.join(sorted(data)) or 'no source'}; expected one also"
                f" for {', '.join(lacking)}"
            )
        return {name: data[name] for name in sources}
    if len(sources) > 1:
        raise QueryError(
            f"the features are of the sources {', '.join(sorted(sources))}; expected data as a"
            " mapping from source name to table"
        )
    return dict.fromkeys(sources, data)


def events_of_requests(source: Source, features: Sequence[Feature], as_of: Any) -> list[str]:
    """Return the events that decide at which moments rows are asked, and which keys they know."""
    events = [
        source.known_from_event(feature.dimension)
        for feature in features
        if feature.source.name == source.name
    ]
    if isinstance(as_of, str):
        source.check_event(as_of)
        events.append(as_of)
    return events


def read_queries(
    samples: Mapping[str, SampleTable],
    tables: Mapping[str, Native],
    as_of: Any,
    at: Native,
    kept: KeptArrays,
) -> tuple[Queries, Native]:
    """Return the queries, and the caller's table whose rows they stand for.

    Raises:
        QueryError: neither or both of ``as_of`` and ``at``, a missing moment, wrong lengths.
    """
    if (as_of is None) == (at is None):
        raise QueryError(
            "training needs either as_of (an event's name or one moment per row) or at (a table of"
            f" queries); got {'neither' if as_of is None else 'both'}"
        )
    if at is not None:
        return _of_spine(samples, at, kept), at
    if len(samples) != 1:
        raise QueryError(
            "features of several sources need at=..., a table of queries with their keys and as_of"
        )
    (name,) = samples
    return _of_rows(samples[name], tables[name], as_of, kept), tables[name]


def add_keys(queries: Queries, samples: Mapping[str, SampleTable], at: Native) -> None:
    """Read the keys of dimensions, and the own samples of sources, that were not asked for yet.

    Raises:
        QueryError: the table of queries lacks a dimension, or has values of another kind.
    """
    lacking = {
        name: table
        for name, table in samples.items()
        if name not in queries.own_rows
        or any((name, dimension) not in queries.codes for dimension in table.groups)
    }
    if lacking and at is not None:
        columns = _spine_columns(lacking, at)
        _add_keys_of_spine(queries, lacking, to_pandas(at, columns, SPINE))
    elif lacking:
        for table in lacking.values():
            _add_keys_of_rows(queries, table)


def _of_rows(table: SampleTable, data: Native, as_of: Any, kept: KeptArrays) -> Queries:
    """Return one query per row of the table, about this row."""
    if isinstance(as_of, str):
        moments = _in_rows(table, table.times[table.layout.events[as_of]])
        what = f"as_of={as_of!r}"
    else:
        column = _as_column(as_of, _labels(data))
        moments = column_to_us(column, "as_of")
        what = "as_of"
    _check_moments(moments, what, _labels(data))
    queries = Queries(moments, kept=kept)
    queries.own_rows[table.source.name] = table.row_of
    if table.order is None:
        queries.about_rows.add(table.source.name)
    _add_keys_of_rows(queries, table)
    return queries


def _in_rows(table: SampleTable, values: Int64Array) -> Int64Array:
    """Return values of a table of samples in the order of the caller's rows."""
    return values if table.order is None else values[table.row_of]


def _add_keys_of_rows(queries: Queries, table: SampleTable) -> None:
    for dimension, groups in table.groups.items():
        event = table.layout.events[table.source.known_from_event(dimension)]
        known = carried_by_request(_in_rows(table, table.times[event]), queries.as_of)
        codes = groups.codes if table.order is None else groups.codes[table.row_of]
        if not known.all():
            codes = np.where(known, codes, np.int32(-1))
        queries.codes[table.source.name, dimension] = codes


def _as_column(as_of: Any, labels: pd.Index[Any]) -> pd.Series[Any]:
    n = len(labels)
    column: pd.Series[Any]
    if isinstance(as_of, pd.Series):
        if len(as_of) == n:  # other lengths are refused below
            as_of = aligned(as_of, labels, "as_of", "the table's rows")
        column = as_of.reset_index(drop=True)
    else:
        given = as_of.to_pandas() if hasattr(as_of, "to_pandas") else as_of
        try:
            column = pd.Series(given).reset_index(drop=True)
        except (TypeError, ValueError) as error:
            raise QueryError(f"as_of is {as_of!r}; expected one moment per row") from error
    if len(column) != n:
        raise QueryError(f"as_of has {len(column)} moments; expected one per row, which is {n}")
    if pd.api.types.is_integer_dtype(column.dtype):  # moment_to_us says where one is missing
        moments = [moment_to_us(value, f"as_of of row {i}") for i, value in enumerate(column)]
        return pd.Series(pd.to_datetime(moments, unit="us", utc=True))
    return column


def _labels(data: Native) -> pd.Index[Any]:
    return data.index if isinstance(data, pd.DataFrame) else pd.RangeIndex(n_rows(data))


def _check_moments(moments: Int64Array, what: str, labels: Any) -> None:
    missing = moments == NEVER
    if missing.any():
        row = labels[int(np.argmax(missing))]
        raise QueryError(
            f"{what}, row {row!r}: the moment is missing ({int(missing.sum())} in all); expected"
            " one for each. Pass at=... with the rows that have one: the table itself may keep"
            " the others, which still count in the features"
        )


def _of_spine(samples: Mapping[str, SampleTable], at: Native, kept: KeptArrays) -> Queries:
    """Return one query per row of a table that names keys, moments and perhaps samples."""
    frame = to_pandas(at, [AS_OF, *_spine_columns(samples, at)], SPINE)
    moments = column_to_us(frame[AS_OF], f"column {AS_OF!r} of at")
    _check_moments(moments, f"column {AS_OF!r} of at", frame.index)
    queries = Queries(moments, kept=kept)
    _add_keys_of_spine(queries, samples, frame)
    return queries


def _spine_columns(samples: Mapping[str, SampleTable], at: Native) -> list[str]:
    """Return the columns of a table of queries, besides the moments, that samples need."""
    dimensions = {dimension for table in samples.values() for dimension in table.groups}
    id_columns = {table.source.sample_id for table in samples.values()}
    given = [name for name in sorted(id_columns) if name in _names(at)]
    return [*sorted(dimensions), *given]


def _add_keys_of_spine(
    queries: Queries, samples: Mapping[str, SampleTable], frame: pd.DataFrame
) -> None:
    dimensions = {dimension for table in samples.values() for dimension in table.groups}
    found = {name: group_codes(frame[name], f"column {name!r} of at") for name in dimensions}
    for source, table in samples.items():
        for dimension, groups in table.groups.items():
            asked = found[dimension]
            _check_same_kind(asked.values, groups.values, f"column {dimension!r} of at")
            place = np.append(groups.values.get_indexer(asked.values), -1).astype(np.int32)
            queries.codes[source, dimension] = place[asked.codes]
        queries.own_rows[source] = _own_rows(table, frame)


def _own_rows(table: SampleTable, frame: pd.DataFrame) -> Int64Array:
    column = table.source.sample_id
    if column not in frame:
        return np.full(len(frame), -1, np.int64)
    ids = plain_ids(frame[column], f"column {column!r} of at", optional=True)
    given = pd.Index(ids.drop_null().to_pandas())
    _check_same_kind(given, table.ids, f"column {column!r} of at")
    result = np.full(len(frame), -1, np.int64)
    result[ids.is_valid().to_numpy(zero_copy_only=False)] = table.ids.get_indexer(given)
    return result


def _check_same_kind(asked: pd.Index[Any], known: pd.Index[Any], what: str) -> None:
    """Raise for integers where strings are: 7 for "7" would silently give empty values."""
    if len(asked) and len(known) and _are_numbers(asked) != _are_numbers(known):
        kinds = ["strings", "integers"]
        raise QueryError(
            f"{what} holds {kinds[_are_numbers(asked)]} (e.g. {asked[0]!r}); the table of samples"
            f" has {kinds[_are_numbers(known)]} (e.g. {known[0]!r})"
        )


def _are_numbers(values: pd.Index[Any]) -> bool:
    return bool(pd.api.types.is_integer_dtype(values.dtype))


def _names(data: Native) -> Sequence[str]:
    if isinstance(data, pd.DataFrame):
        return [str(name) for name in data.columns]
    return list(data.column_names if hasattr(data, "column_names") else data.columns)

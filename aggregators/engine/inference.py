"""Compute the features of one or many queries over a store, with one read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from aggregators.engine.execution import OrderedQueries, answer_expensive
from aggregators.engine.packing import Kind, Packed, pack
from aggregators.errors import QueryError, unknown_name
from aggregators.events import Source, check_key, check_sample_id
from aggregators.feature import Feature
from aggregators.kernels.layout import Layout
from aggregators.kernels.plan import SelectionPlan, compile_features
from aggregators.stores.base import EventStore
from aggregators.stores.reading import (
    FoundSamples,
    GroupIndex,
    Groups,
    ReadRequest,
    SampleRequest,
    SourceReading,
)
from aggregators.tables.alignment import align_columns
from aggregators.time_span import check_moment_us
from aggregators.times import moment_to_us
from aggregators.typing import (
    NOT_GIVEN,
    FeatureRows,
    Float64Array,
    Int32Array,
    Int64Array,
    Key,
    SampleId,
)

__all__ = ["InferencePlan", "ReadIndex"]

_FIRST = np.zeros(1, np.int64)


class ReadIndex(NamedTuple):
    """Holds one index as it was read; see :class:`aggregators.engine.execution.Index`."""

    rows: Int32Array
    offsets: Int64Array
    times: Int64Array
    columns: Float64Array


@dataclass(frozen=True)
class SourcePlan:
    """Says what is computed from one source, and which index each selection reads.

    ``packed`` holds all of it except what runs in Python.
    """

    source: Source
    request: ReadRequest
    plans: tuple[tuple[int, SelectionPlan], ...]
    packed: Packed | None


class InferencePlan:
    """Compiles features for queries of a store: what to read, and what to compute from it.

    Args:
        features: the features; features of one source name have the same source.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self.names = tuple(feature.name for feature in features)
        self.dimensions = tuple(dict.fromkeys(feature.dimension for feature in features))
        sources = {feature.source.name: feature.source for feature in features}
        self.sources = tuple(sources.values())
        self.parts = tuple(self._part(source) for source in self.sources)
        self.requests = tuple(part.request for part in self.parts)
        self.known_dimensions = frozenset(
            dimension for source in self.sources for dimension in source.dimensions
        )

    def _part(self, source: Source) -> SourcePlan:
        own = [(i, f) for i, f in enumerate(self.features) if f.source.name == source.name]
        plans = compile_features(own, Layout.of_source(source))
        indexes = [index_of(plan, source) for plan in plans]
        distinct = tuple(dict.fromkeys(indexes))
        numbered = [(distinct.index(i), plan) for i, plan in zip(indexes, plans, strict=True)]
        return SourcePlan(source, ReadRequest(source, distinct), tuple(numbered), pack(numbered))

    def answer(
        self, data: Any, *, as_of: Any, keys: Mapping[str, Key], sample_id: Any
    ) -> Float64Array:
        """Return the features of one query, float64 of shape (n_features,)."""
        as_of_us = self.moment(as_of)
        checked = self.checked_keys(keys)
        own = self.own_samples(sample_id)
        if not isinstance(data, EventStore):
            as_of_array = np.array([as_of_us], np.int64)
            many_keys = {dimension: [key] for dimension, key in checked.items()}
            many_own = {name: [sample] for name, sample in own.items()}
            return self._answer_from_table(data, as_of_array, many_keys, many_own)[:, 0]
        asked_keys = {dimension: (key,) for dimension, key in checked.items()}
        asked_own = {part.source.name: (own.get(part.source.name),) for part in self.parts}
        with data.read(self.requests, asked_keys, asked_own, as_of_us) as readings:
            return self.answer_from(readings, as_of_us)

    def answer_from(self, readings: Sequence[SourceReading], as_of_us: int) -> Float64Array:
        """Return the features of the one query for which the store was read."""
        result = np.empty((1, len(self.features)))
        for part, reading in zip(self.parts, readings, strict=True):
            if part.packed is not None:
                part.packed.answer_one(reading, as_of_us, result)
            moment = np.array([as_of_us], np.int64)
            queries = OrderedQueries(_FIRST, moment, reading.own_rows, _FIRST)
            for number, plan in part.plans:
                _run_in_python(plan, reading, number, queries, result.T)
        features: Float64Array = result[0]
        return features

    def answer_many(
        self, data: Any, *, as_of: Any, keys: Mapping[str, Any], sample_id: Any
    ) -> Float64Array:
        """Return the features of many queries, float64 of shape (n_queries, n_features)."""
        asked = QueryColumns.read(self, as_of, keys, sample_id)
        if not isinstance(data, EventStore):
            all_keys = {name: column.values() for name, column in asked.keys.items()}
            all_own = {name: column.values() for name, column in asked.own.items()}
            return self._answer_from_table(data, asked.as_of, all_keys, all_own).T
        if len(asked.as_of) == 0:
            return np.empty((0, len(self.features)))
        keys, own = asked.groups()
        with data.read(self.requests, keys, own, int(asked.as_of.min())) as readings:
            return self._answer_rows(readings, asked)

    def answer_with_samples(
        self,
        store: EventStore,
        *,
        as_of: Any,
        samples: Sequence[SampleRequest],
        rows: Callable[[FoundSamples], FeatureRows],
    ) -> tuple[Float64Array, FoundSamples]:
        """Return the features of the rows that follow from samples, and these samples.

        See :meth:`FeatureSet.transform_with_samples`.
        """
        if not isinstance(store, EventStore):
            raise QueryError(f"samples are asked of {type(store).__name__}; expected an EventStore")
        as_of_us = self.moment(as_of)
        last: list[QueryColumns] = []

        def groups_of(found: FoundSamples) -> Groups:
            keys, sample_id = rows(found)
            last[:] = [QueryColumns.read(self, as_of_us, keys, sample_id)]
            return last[0].groups()

        with store.read_with_samples(self.requests, samples, groups_of, as_of_us) as (
            found,
            readings,
        ):
            return self._answer_rows(readings, last[0]), found

    def _answer_rows(self, readings: Sequence[SourceReading], asked: QueryColumns) -> Float64Array:
        """Return the features of the queries for which the store was read."""
        result = np.empty((len(asked.as_of), len(self.features)))
        if len(result) == 0:
            return result
        for part, reading in zip(self.parts, readings, strict=True):
            batches: dict[Kind, _QueryBatch] = {}
            for _, plan in part.plans:
                kind = plan.dimension, plan.exclude_self
                if kind not in batches:
                    batches[kind] = asked.batch(part.source.name, plan, reading.own_rows)
            if part.packed is not None:
                part.packed.answer_many(reading, batches, result)
            for number, plan in part.plans:
                if plan.expensive:
                    queries, inverse = batches[plan.dimension, plan.exclude_self]
                    found = np.empty((len(self.features), len(queries.groups)))
                    _run_in_python(plan, reading, number, queries, found)
                    outputs = [item.output for item in plan.expensive]
                    result[:, outputs] = found[outputs].T[inverse]
        return result

    def moment(self, as_of: Any) -> int:
        """Return a moment in microseconds, or raise :class:`QueryError`."""
        if as_of is None:
            raise QueryError("as_of is missing; expected the moment of the request")
        return moment_to_us(as_of, "as_of")

    def checked_keys(self, keys: Mapping[str, Key]) -> dict[str, Key]:
        """Return one key for each dimension of the features, or raise :class:`QueryError`."""
        self.check_dimensions(keys)
        checked: dict[str, Key] = {}
        for dimension in self.dimensions:
            value = keys[dimension]
            # Plain values need no more checks, and this is the request path.
            plain = type(value) is str or type(value) is int or value is None
            checked[dimension] = value if plain else check_key(value, f"key {dimension!r}")
        return checked

    def check_dimensions(self, keys: Mapping[str, Any]) -> None:
        """Raise :class:`QueryError` unless keys are given for just the dimensions."""
        for dimension in self.dimensions:
            if dimension not in keys:
                raise QueryError(
                    f"keys lacks {dimension!r}; expected a value for each of"
                    f" {', '.join(self.dimensions)} (None where it is missing)"
                )
        for name in keys.keys() - self.known_dimensions:
            raise unknown_name("key", name, "keys", self.known_dimensions)

    def own_samples(self, sample_id: Any) -> dict[str, SampleId | None]:
        """Return the sample of each source for which features are computed."""
        return {
            name: None if value is None else check_sample_id(value, "sample_id")
            for name, value in self.given_samples(sample_id).items()
        }

    def given_samples(self, sample_id: Any) -> dict[str, Any]:
        """Return what was given as sample id, by source."""
        if sample_id is None:
            return {}
        if sample_id is NOT_GIVEN:
            if not any(feature.exclude_self for feature in self.features):
                return {}
            raise QueryError(
                "sample_id is missing; expected the id of the sample for which this is computed,"
                " or None where it does not exist yet (it never counts in its own features)"
            )
        if isinstance(sample_id, Mapping):
            for name in sample_id.keys() - {source.name for source in self.sources}:
                known = [source.name for source in self.sources]
                raise unknown_name("source", name, "sample_id", known)
            return dict(sample_id)
        if len(self.sources) == 1:
            return {self.sources[0].name: sample_id}
        excludes = sorted({f.source.name for f in self.features if f.exclude_self})
        raise QueryError(
            f"sample_id is {sample_id!r}; expected a mapping from source name to sample id,"
            f" as the features are of {', '.join(excludes)}"
        )

    def _answer_from_table(
        self,
        data: Any,
        as_of: Int64Array,
        keys: Mapping[str, Sequence[Key]],
        own: Mapping[str, Sequence[SampleId | None]],
    ) -> Float64Array:
        """Answer from a table, as training does for a table of queries."""
        import pandas as pd

        from aggregators.engine.training import TrainingRun
        from aggregators.times import from_us

        spine: dict[str, Any] = {"as_of": [from_us(moment) for moment in as_of.tolist()]}
        for dimension, values in keys.items():
            spine[dimension] = _column([check_key(v, f"key {dimension!r}") for v in values])
        for source in self.sources:
            samples = own.get(source.name, ())
            if any(sample is not None for sample in samples):
                spine[source.sample_id] = _column(samples)
        run = TrainingRun(self.features, data, at=pd.DataFrame(spine), threads=1)
        return run.compute()


def index_of(plan: SelectionPlan, source: Source) -> GroupIndex:
    """Return the index that a selection reads."""
    closing = tuple(source.events[number] for number in plan.closing) if plan.is_endless else ()
    return GroupIndex(plan.dimension, plan.order_event, closing)


def _column(values: Sequence[SampleId | None]) -> Any:
    import pandas as pd

    plain: list[Any] = list(values)
    return pd.array(plain, dtype="Int64") if any(type(v) is int for v in plain) else plain


def _run_in_python(
    plan: SelectionPlan,
    reading: SourceReading,
    number: int,
    queries: OrderedQueries,
    result: Float64Array,
) -> None:
    if not plan.expensive:
        return
    rows, offsets = reading.rows[number]
    index = ReadIndex(rows, offsets, reading.times, reading.columns)
    for item in plan.expensive:
        answer_expensive(plan, item, index, queries, result)


class _QueryBatch(NamedTuple):
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
        cls, plan: InferencePlan, as_of: Any, keys: Mapping[str, Any], sample_id: Any
    ) -> QueryColumns:
        """Return checked queries; columns and single values may stand side by side."""
        plan.check_dimensions(keys)
        given: dict[str, Any] = {"as_of": as_of}
        given |= {f"key {name!r}": keys[name] for name in plan.dimensions}
        samples = plan.given_samples(sample_id)
        given |= {f"sample_id of {name!r}": value for name, value in samples.items()}
        lengths = {what: len(value) for what, value in given.items() if _is_column(value)}
        n = next(iter(lengths.values()), 1)
        for what, length in lengths.items():
            if length != n:
                first = next(iter(lengths))
                raise QueryError(f"{what} has {length} values, {first} has {n}: expected as many")
        given = align_columns(given)
        return cls(
            as_of=_moments(given["as_of"], n),
            keys={
                name: _coded(given[f"key {name!r}"], n, partial(check_key, what=f"key {name!r}"))
                for name in plan.dimensions
            },
            own={
                source.name: _coded(given.get(f"sample_id of {source.name!r}"), n, _checked_sample)
                for source in plan.sources
            },
        )

    def groups(self) -> Groups:
        """Return which groups to read for these queries."""
        return Groups(
            {name: column.distinct for name, column in self.keys.items()},
            {name: column.distinct for name, column in self.own.items()},
        )

    def batch(self, source: str, plan: SelectionPlan, own_rows: Int64Array) -> _QueryBatch:
        """Return the different queries of a selection in the order of (group, as_of)."""
        groups = self.keys[plan.dimension].codes
        own = own_rows[self.own[source].codes]
        if not plan.exclude_self:
            own = np.full_like(own, -1)
        order = np.lexsort((own, self.as_of, groups))
        columns = [column[order] for column in (groups, self.as_of, own)]
        is_new = np.ones(len(order), np.bool_)
        is_new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
        inverse = np.empty(len(order), np.int64)
        inverse[order] = np.cumsum(is_new) - 1
        distinct = [column[is_new] for column in columns]
        places = np.arange(len(distinct[0]))
        return _QueryBatch(OrderedQueries(distinct[0], distinct[1], distinct[2], places), inverse)


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
    return _Column([check(value) for value in numbers], codes)

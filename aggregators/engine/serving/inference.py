"""Compute the features of one or many queries over a store, with one read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from aggregators.engine.execution import OrderedQueries, answer_expensive
from aggregators.engine.serving.packing import Kind, Packed, pack
from aggregators.engine.serving.query_columns import QueryBatch, QueryColumns
from aggregators.errors import QueryError, unknown_name
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels.layout import Layout
from aggregators.kernels.plan import SelectionPlan, compile_features
from aggregators.stores.base import EventStore
from aggregators.stores.reading import (
    FoundSamples,
    GroupIndex,
    GroupKeys,
    ReadRequest,
    SampleRequest,
    SourceReading,
)
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
from aggregators.value_checks import check_key, check_sample_id

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
        asked = self._columns(as_of, keys, sample_id)
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

        def groups_of(found: FoundSamples) -> GroupKeys:
            keys, sample_id = rows(found)
            last[:] = [self._columns(as_of_us, keys, sample_id)]
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
            batches: dict[Kind, QueryBatch] = {}
            for _, plan in part.plans:
                kind = plan.dimension, plan.exclude_self
                if kind not in batches:
                    batches[kind] = asked.batch(part.source.name, plan, reading)
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

    def _columns(self, as_of: Any, keys: Mapping[str, Any], sample_id: Any) -> QueryColumns:
        self.check_dimensions(keys)
        needed = {dimension: keys[dimension] for dimension in self.dimensions}
        return QueryColumns.read(as_of, needed, self.given_samples(sample_id), self.sources)

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
    """Return the index that a selection reads; an interval needs only what is still open."""
    closing = tuple(source.events[number] for number in plan.closing)
    is_bounded = bool(closing) and not plan.is_endless
    return GroupIndex(plan.dimension, plan.order_event, closing, is_bounded)


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

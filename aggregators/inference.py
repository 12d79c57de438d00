"""Inference: the features of one query over a store, with one read and the kernels of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aggregators import kernels
from aggregators.base import _MISSING
from aggregators.errors import QueryError, unknown_name
from aggregators.events import Source, check_key, check_sample_id
from aggregators.functions import evaluate
from aggregators.plan import Expensive, Layout, SelectionPlan, compile_features
from aggregators.stores.base import EventStore, ReadRequest, SourceReading
from aggregators.times import moment_to_us
from aggregators.typing import Float64Array, Int64Array, Key, SampleId

if TYPE_CHECKING:
    from aggregators.feature_set import FeatureSet

__all__ = ["InferencePlan"]

_FIRST_GROUP = np.zeros(1, np.int64)
_FIRST_PLACE = np.zeros(1, np.int64)
_NO_ROW = np.full(1, -1, np.int64)


@dataclass(frozen=True)
class SourcePlan:
    """What is computed from one source, and which index each selection reads."""

    source: Source
    request: ReadRequest
    plans: tuple[tuple[int, SelectionPlan], ...]


class InferencePlan:
    """A feature set compiled for single queries: what to read, and what to compute from it."""

    def __init__(self, features: FeatureSet) -> None:
        self.features = features
        self.parts = tuple(self._part(source) for source in features.sources)
        self.requests = tuple(part.request for part in self.parts)
        self.known_dimensions = frozenset(
            dimension for source in features.sources for dimension in source.dimensions
        )

    def _part(self, source: Source) -> SourcePlan:
        own = [(i, f) for i, f in enumerate(self.features) if f.source.name == source.name]
        plans = compile_features(own, Layout.of_source(source))
        pairs = tuple(dict.fromkeys((plan.dimension, plan.order_event) for plan in plans))
        numbered = tuple((pairs.index((plan.dimension, plan.order_event)), plan) for plan in plans)
        return SourcePlan(source, ReadRequest(source, pairs), numbered)

    def answer(
        self, data: Any, *, as_of: Any, keys: Mapping[str, Key], sample_id: Any
    ) -> Float64Array:
        """Return the features of one query, float64 of shape (n_features,)."""
        as_of_us = self._moment(as_of)
        checked = self._checked_keys(keys)
        own = self._own_samples(sample_id)
        if not isinstance(data, EventStore):
            return self._answer_from_table(data, as_of, checked, own)
        result = np.empty((len(self.features), 1))
        moment = np.array([as_of_us], np.int64)
        with data.read(self.requests, checked, own) as readings:
            for part, reading in zip(self.parts, readings, strict=True):
                own_row = np.array([reading.own_row], np.int64)
                for pair, plan in part.plans:
                    _compute(plan, pair, reading, moment, own_row, result)
        return result[:, 0]

    def _moment(self, as_of: Any) -> int:
        if as_of is None:
            raise QueryError("as_of is missing; expected the moment of the request")
        return moment_to_us(as_of, "as_of")

    def _checked_keys(self, keys: Mapping[str, Key]) -> dict[str, Key]:
        checked: dict[str, Key] = {}
        for dimension in self.features.dimensions:
            if dimension not in keys:
                raise QueryError(
                    f"keys lacks {dimension!r}; expected a value for each of"
                    f" {', '.join(self.features.dimensions)} (None where it is missing)"
                )
            value = keys[dimension]
            # Plain values need no more checks, and this is the request path.
            plain = type(value) is str or type(value) is int or value is None
            checked[dimension] = value if plain else check_key(value, f"key {dimension!r}")
        for name in keys.keys() - self.known_dimensions:
            raise unknown_name("key", name, "keys", self.known_dimensions)
        return checked

    def _own_samples(self, sample_id: Any) -> dict[str, SampleId | None]:
        excludes = sorted({f.source.name for f in self.features if f.exclude_self})
        if sample_id is _MISSING:
            if not excludes:
                return {}
            raise QueryError(
                "sample_id is missing; expected the id of the sample for which this is computed,"
                " or None where it does not exist yet (it never counts in its own features)"
            )
        if isinstance(sample_id, Mapping):
            for name in sample_id.keys() - {source.name for source in self.features.sources}:
                known = [source.name for source in self.features.sources]
                raise unknown_name("source", name, "sample_id", known)
            given = dict(sample_id)
        elif sample_id is None:
            given = {}
        elif len(self.features.sources) == 1:
            given = {self.features.sources[0].name: sample_id}
        else:
            raise QueryError(
                f"sample_id is {sample_id!r}; expected a mapping from source name to sample id,"
                f" as the features are of {', '.join(excludes)}"
            )
        return {
            name: None if value is None else check_sample_id(value, "sample_id")
            for name, value in given.items()
        }

    def _answer_from_table(
        self, data: Any, as_of: Any, keys: dict[str, Key], own: dict[str, SampleId | None]
    ) -> Float64Array:
        """A table is a training table with one query."""
        import pandas as pd

        from aggregators.times import from_us
        from aggregators.training import TrainingRun

        spine: dict[str, Any] = {"as_of": [from_us(self._moment(as_of))]}
        for dimension, key in keys.items():
            key = check_key(key, f"key {dimension!r}")
            spine[dimension] = pd.array([key], dtype="Int64") if isinstance(key, int) else [key]
        for source in self.features.sources:
            sample = own.get(source.name)
            if sample is not None:
                spine[source.sample_id] = [sample]
        run = TrainingRun(self.features.features, data, at=pd.DataFrame(spine), threads=1)
        return run.compute()[:, 0]


def _compute(
    plan: SelectionPlan,
    pair: int,
    reading: SourceReading,
    moment: Int64Array,
    own_row: Int64Array,
    result: Float64Array,
) -> None:
    rows, offsets = reading.rows[pair]
    own = own_row if plan.exclude_self else _NO_ROW
    if len(plan.functions):
        kernels.aggregate(
            plan.spec,
            plan.programs,
            plan.program_bounds,
            plan.functions,
            plan.arguments,
            rows,
            offsets,
            _FIRST_GROUP,
            moment,
            own,
            reading.times,
            reading.columns,
            _FIRST_PLACE,
            result,
        )
    for item in plan.expensive:
        result[item.output, 0] = _evaluate(plan, item, pair, reading, moment, own)


def _evaluate(
    plan: SelectionPlan,
    item: Expensive,
    pair: int,
    reading: SourceReading,
    moment: Int64Array,
    own: Int64Array,
) -> float:
    rows, offsets = reading.rows[pair]
    values = np.empty(len(rows) + 1)
    window_of, ends = np.empty(1, np.int64), np.empty(1, np.int64)
    kernels.collect(
        plan.spec,
        item.program,
        rows,
        offsets,
        _FIRST_GROUP,
        moment,
        own,
        reading.times,
        reading.columns,
        window_of,
        ends,
        values,
    )
    return evaluate(item.function, values[: ends[0]], item.feature)

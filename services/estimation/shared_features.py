"""Read the real-time features of several models in one round trip to the event store.

Two hundred couriers for one order are asked how long they take to the store, to the customer and to
the door: much of what the models look at is the same, and is computed once. What an order's
features rest on is often known from its own events alone, so these are read in the same round trip.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from aggregators import Aggregator, FeatureRows, FeatureSet, SampleRequest
from aggregators.events import Source
from aggregators.stores import EventStore
from aggregators.stores.reading import FoundSamples, Sample
from aggregators.typing import SampleId
from estimators.core.typing import FloatArray, IntArray
from services.core.context import record_duration
from services.estimation.rows import RealtimeFeatures, RequestRows

__all__ = ["Look", "RowGroups", "SharedFeatures"]


T = TypeVar("T")

RowGroups = tuple[RequestRows, ...]

Look = Callable[[Sequence[Sample | None]], tuple[T, RowGroups]]
"""From orders as the event store has them to what is known of them, and the rows to ask about."""


class SharedFeatures:
    """Reads the features of several feature sets from one store.

    Args:
        features: of each model, by its name.
        event_store: has the events.
    """

    def __init__(self, features: Mapping[str, FeatureSet], event_store: EventStore) -> None:
        self._features = dict(features)
        self._event_store = event_store
        self._unions: dict[tuple[str, ...], tuple[FeatureSet, dict[str, IntArray]]] = {}

    def has(self, names: Collection[str]) -> bool:
        """Return whether there are features for one of these models."""
        return not self._features.keys().isdisjoint(names)

    def read(self, names: Collection[str], groups: RowGroups) -> RowGroups:
        """Return groups of rows with the features that these models need of them.

        Raises:
            AggregatorError: a row cannot be answered, or the store cannot be read.
        """
        began_s = perf_counter()
        features, places = self._union(names)
        values = features.plan.answer_many(
            self._event_store,
            as_of=np.concatenate([rows.as_of_us for rows in groups]),
            keys=_keys(features, groups),
            sample_id=self._own(names, groups),
        )
        record_duration("features", perf_counter() - began_s)
        return _with_values(groups, values, places)

    def read_with_orders(
        self,
        names: Collection[str],
        source: Source,
        ids: Sequence[SampleId],
        look: Look[T],
        as_of_us: int,
    ) -> tuple[T, RowGroups]:
        """Return the result for orders, and their rows with features.

        Args:
            names: of the models that will be asked.
            source: of the orders.
            ids: of the orders.
            look: makes rows of orders; see :meth:`FeatureSet.transform_with_samples`: it is called
                more than once.
            as_of_us: the moment of all rows.

        Raises:
            AggregatorError: a row cannot be answered, or the store cannot be read.
        """
        began_s = perf_counter()
        features, places = self._union(names)
        last: list[tuple[T, RowGroups]] = []

        def rows(found: FoundSamples) -> FeatureRows:
            last[:] = [look(found[source.name])]
            groups = last[0][1]
            return FeatureRows(_keys(features, groups), self._own(names, groups))

        values, _ = features.plan.answer_with_samples(
            self._event_store, as_of=as_of_us, samples=[SampleRequest(source, ids)], rows=rows
        )
        made, groups = last[0]
        record_duration("features", perf_counter() - began_s)
        return made, _with_values(groups, values, places)

    def _own(self, names: Collection[str], groups: RowGroups) -> dict[str, list[SampleId | None]]:
        """Return the samples that are left out of their own features."""
        ids = list(chain.from_iterable(rows.sample_ids for rows in groups))
        feature_sets = [self._features[name] for name in names if name in self._features]
        return {one.sources[0].name: ids for one in feature_sets}

    def _union(self, names: Collection[str]) -> tuple[FeatureSet, dict[str, IntArray]]:
        """Return all features of some models, each once, and where those of each model stand."""
        models = tuple(name for name in self._features if name in names)
        if models not in self._unions:
            self._unions[models] = _united({name: self._features[name] for name in models})
        return self._unions[models]


def _keys(features: FeatureSet, groups: RowGroups) -> dict[str, list[Any]]:
    """Return the keys of all rows, those of one group after the other."""
    keys: dict[str, list[Any]] = {}
    for name in features.dimensions:
        column = keys[name] = []
        for rows in groups:
            given = rows.columns.get(name)
            column += [None] * len(rows) if given is None else given
    return keys


def _with_values(
    groups: RowGroups, values: FloatArray, places: Mapping[str, IntArray]
) -> RowGroups:
    found, start = [], 0
    for rows in groups:
        stop = start + len(rows)
        found.append(rows.with_features(RealtimeFeatures(values[start:stop], places)))
        start = stop
    return tuple(found)


def _united(sets: Mapping[str, FeatureSet]) -> tuple[FeatureSet, dict[str, IntArray]]:
    known: dict[str, tuple[int, Aggregator]] = {}
    places: dict[str, IntArray] = {}
    for name, features in sets.items():
        numbers = []
        for one in features:
            # What it is counts, not what it is called: two models may call two things the same.
            definition = json.dumps([one.source.name, one.definition()], sort_keys=True)
            number, _ = known.setdefault(definition, (len(known), one))
            numbers.append(number)
        places[name] = np.array(numbers, np.int64)
    union = [replace(one, name=f"feature_{number}") for number, one in known.values()]
    return FeatureSet(union), places

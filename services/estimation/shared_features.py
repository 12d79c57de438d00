"""Real-time features of several models, read together where they are asked about the same rows.

Two hundred couriers for one order are asked how long they take to the store, to the customer and to
the door: much of what the models look at is the same, and is computed once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from aggregators import Aggregator, FeatureSet
from aggregators.errors import AggregatorError
from aggregators.stores import EventStore
from services.core.context import record_duration
from services.estimation.rows import Rows

__all__ = ["SharedFeatures"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class SharedFeatures:
    """Computes the features of several feature sets over one store.

    Args:
        features: of each model, by its name.
        event_store: has the events.
    """

    def __init__(self, features: Mapping[str, FeatureSet], event_store: EventStore) -> None:
        self._features = dict(features)
        self._event_store = event_store
        self._unions: dict[tuple[str, ...], tuple[FeatureSet, dict[str, IntArray]]] = {}

    def into(self, asked: Mapping[str, Rows]) -> dict[str, Rows]:
        """Return rows with their features, those that several models are asked about.

        Others are as they were, and so are all whose features cannot be read: their models try by
        themselves, and say what is wrong.

        Args:
            asked: rows by model; the same rows are the same objects.
        """
        groups: dict[tuple[int, int], list[str]] = {}
        for name, rows in asked.items():
            if name in self._features:
                groups.setdefault((id(rows.columns), id(rows.sample_ids)), []).append(name)
        found = dict(asked)
        began_s = perf_counter()
        for names in groups.values():
            if len(names) > 1:
                found |= self._read(names, asked[names[0]])
        record_duration("features", perf_counter() - began_s)
        return found

    def _read(self, names: Sequence[str], rows: Rows) -> dict[str, Rows]:
        features, places = self._union(tuple(names))
        nothing = [None] * len(rows)
        keys = {name: rows.columns.get(name, nothing) for name in features.dimensions}
        own = {self._features[name].sources[0].name: rows.sample_ids for name in names}
        try:
            values = features.transform_many(
                self._event_store, as_of=rows.as_of_us, keys=keys, sample_id=own
            )
        except (AggregatorError, sqlite3.Error, OSError):
            return {}
        return {name: rows.with_features(values[:, places[name]]) for name in names}

    def _union(self, names: tuple[str, ...]) -> tuple[FeatureSet, dict[str, IntArray]]:
        """Return all features of some models, each once, and where those of each model stand."""
        if names not in self._unions:
            self._unions[names] = _united({name: self._features[name] for name in names})
        return self._unions[names]


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

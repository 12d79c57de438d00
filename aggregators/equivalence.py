"""Proof that training and inference agree: replays a table as events and compares every value."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from aggregators.base import Aggregator
from aggregators.errors import QueryError
from aggregators.events import Event, Source
from aggregators.feature_set import FeatureSet
from aggregators.selection import carried_by_request
from aggregators.stores.base import EventStore
from aggregators.stores.bulk import events_of_table
from aggregators.stores.memory import MemoryEventStore
from aggregators.times import from_us
from aggregators.training import TrainingRun
from aggregators.typing import Float64Array, Key, Native, SampleId

__all__ = ["EquivalenceReport", "Mismatch", "check_equivalence"]

MAX_EXAMPLES = 10
"""How many mismatches are kept as examples."""

_BATCH = 5_000


@dataclass(frozen=True)
class Mismatch:
    """One value that differs."""

    feature: str
    sample_id: SampleId
    as_of: str
    key: Key
    training: float
    inference: float


@dataclass
class EquivalenceReport:
    """How many values were compared, how many differ, and the first of them.

    Attributes:
        compared: values compared.
        mismatches: values that are not the same float64, bit for bit (NaN equals NaN).
        examples: the first mismatches.
        seed: the seed of the order in which the events arrived.
    """

    seed: int
    compared: int = 0
    mismatches: int = 0
    examples: list[Mismatch] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.compared:,} values compared, {self.mismatches:,} mismatches"]
        lines += [f"  {example}" for example in self.examples]
        return "\n".join(lines)


def check_equivalence(
    features: FeatureSet | Aggregator | Iterable[Aggregator],
    table: Native,
    *,
    as_of: str,
    store: EventStore | None = None,
    max_queries: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> EquivalenceReport:
    """Compare every feature of every row in training with inference from an event store.

    The table is replayed as events in random order, a tenth of them delivered twice.

    Args:
        features: features of one source.
        table: its samples.
        as_of: the event at whose time each row is asked.
        store: an empty store of the source; by default one in memory.
        max_queries: ask only so many rows, drawn at random; None for all.
        seed: of the order of arrival and of the draw.
        progress: called with (queries done, queries in all).

    Returns:
        The report; ``.mismatches == 0`` is the claim.

    >>> import pandas as pd
    >>> from aggregators import Source, StatsAfterEvent, check_equivalence
    >>> orders = Source(
    ...     "orders", sample_id="order_id", events=("activated",), dimensions=("city",)
    ... )
    >>> load = StatsAfterEvent(
    ...     orders, dimension="city", function="count", event="activated", window="1h"
    ... )
    >>> table = pd.DataFrame(
    ...     {
    ...         "order_id": [1, 2, 3],
    ...         "city": ["BCN", "BCN", None],
    ...         "activated": pd.date_range("2026-01-01", periods=3, freq="10min", tz="UTC"),
    ...     }
    ... )
    >>> check_equivalence(load, table, as_of="activated").mismatches
    0
    """
    chosen = _as_set(features)
    if len(chosen.sources) != 1:
        raise QueryError("check_equivalence takes the features of one source at a time")
    source = chosen.sources[0]
    rng = random.Random(seed)
    run = TrainingRun(chosen.features, table, as_of=as_of)
    expected = run.compute()
    if store is None:
        store = MemoryEventStore(sources=[source])
    _replay(source, table, store, rng)
    queries = _Questions(source, chosen, table, run)
    places = list(range(len(run)))
    if max_queries is not None and max_queries < len(places):
        places = sorted(rng.sample(places, max_queries))
    report = EquivalenceReport(seed)
    for done, place in enumerate(places, start=1):
        answer = queries.ask(store, place)
        _compare(report, chosen, queries, place, expected[:, place], answer)
        if progress is not None:
            progress(done, len(places))
    return report


def _as_set(features: FeatureSet | Aggregator | Iterable[Aggregator]) -> FeatureSet:
    if isinstance(features, FeatureSet):
        return features
    return FeatureSet([features] if isinstance(features, Aggregator) else features)


def _replay(source: Source, table: Native, store: EventStore, rng: random.Random) -> None:
    events: list[Event] = []
    for batch in events_of_table(source, table, _BATCH):
        events += batch
    events += rng.sample(events, len(events) // 10)
    rng.shuffle(events)
    for start in range(0, len(events), _BATCH):
        store.append(events[start : start + _BATCH])


class _Questions:
    """The queries of training, asked one by one of a store."""

    def __init__(
        self, source: Source, features: FeatureSet, table: Native, run: TrainingRun
    ) -> None:
        samples = run.runs[0].table
        self.source = source
        self.features = features
        self.as_of = run.queries.as_of
        self.ids: list[SampleId] = samples.ids[samples.row_of].tolist()
        self.keys: dict[str, list[Key]] = {}
        for dimension, groups in samples.groups.items():
            event = samples.layout.events[source.known_from_event(dimension)]
            known = carried_by_request(samples.times[event][samples.row_of], self.as_of)
            values = np.append(groups.values.to_numpy(dtype=object), [None])
            codes = np.where(known, groups.codes[samples.row_of], -1)
            self.keys[dimension] = values[codes].tolist()

    def ask(self, store: EventStore, place: int) -> Float64Array:
        return self.features.transform_array(
            store,
            as_of=int(self.as_of[place]),
            keys={dimension: keys[place] for dimension, keys in self.keys.items()},
            sample_id=self.ids[place],
        )


def _compare(
    report: EquivalenceReport,
    features: FeatureSet,
    queries: _Questions,
    place: int,
    expected: Float64Array,
    answer: Float64Array,
) -> None:
    report.compared += len(answer)
    same = (expected.view(np.int64) == answer.view(np.int64)) | (
        np.isnan(expected) & np.isnan(answer)
    )
    report.mismatches += int((~same).sum())
    for i in np.flatnonzero(~same)[: MAX_EXAMPLES - len(report.examples)]:
        feature = features.features[i]
        report.examples.append(
            Mismatch(
                feature=feature.name,
                sample_id=queries.ids[place],
                as_of=from_us(int(queries.as_of[place])).isoformat(),
                key=queries.keys[feature.dimension][place],
                training=float(expected[i]),
                inference=float(answer[i]),
            )
        )

"""Prove that training and inference agree: replay tables as events and compare every value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

import numpy as np

from aggregators.errors import QueryError
from aggregators.events import Event
from aggregators.features.base import Aggregator
from aggregators.features.feature_set import FeatureSet
from aggregators.parity.replay import Replay, replay
from aggregators.parity.report import EquivalenceReport, Mismatch
from aggregators.parity.training_queries import Questions
from aggregators.stores.base import EventStore
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.reading import AppendResult
from aggregators.tables.frames import is_table
from aggregators.times import duration_to_us, from_us
from aggregators.typing import Duration, Float64Array, Native

__all__ = ["Answers", "EquivalenceReport", "Mismatch", "StoreAnswers", "check_equivalence"]

MAX_EXAMPLES = 10
"""How many mismatches are kept as examples."""

MAX_EXPLAINED = 20
"""How many of the selected samples of an example are named, the latest ones."""

BATCH_EVENTS = 500
"""How many events are appended at a time."""

BATCH_QUERIES = 2_048
"""How many queries are asked at a time."""

BATCH_AGAIN = 256
"""How many are asked at a time when everything has arrived."""

_DAY_US = 86_400_000_000

ASKED_AGAIN = 4_096
"""How many questions are asked once more when everything has arrived, drawn at random."""

TRAINED_QUERIES = 32_768
"""For how many queries training computes at a time."""


class Answers(Protocol):
    """Gives the values that are compared with training: those of a store, or of a service."""

    def append(self, events: Sequence[Event]) -> AppendResult:
        """Keep events; every later question sees them."""

    def ask(self, questions: Questions, start: int, stop: int) -> Float64Array:
        """Return the features of a range of questions, shape (n_questions, n_features)."""

    @property
    def forgets(self) -> bool:
        """Whether earlier moments cannot be asked any more once they are settled."""

    def settle(self, moment_us: int) -> None:
        """Note that no question and no event will be of an earlier moment."""

    def explain(self, feature: Aggregator, questions: Questions, place: int) -> str:
        """Return how the value of a feature of one question came about."""


class StoreAnswers:
    """Asks an event store, many rows with one read.

    Args:
        store: an event store of the features' sources, empty but for what is replayed.
        features: what is asked.
        settled_after: compact the store once a day; ``settled_after`` of
            :meth:`EventStore.compact`. None: never.
        reader: is asked instead; another opening of the same file or server, as other processes
            have it.
    """

    def __init__(
        self,
        store: EventStore,
        features: FeatureSet,
        settled_after: Duration | None = None,
        reader: EventStore | None = None,
    ) -> None:
        self._store = store
        self._reader = store if reader is None else reader
        self._features = features
        self._settled_after = settled_after
        self._compacted_us: int | None = None
        self.dropped = 0

    def append(self, events: Sequence[Event]) -> AppendResult:
        """Append events to the store."""
        return self._store.append(events)

    def ask(self, questions: Questions, start: int, stop: int) -> Float64Array:
        """Return the features of a range of questions, shape (n_questions, n_features)."""
        return self._features.transform_many(
            self._reader,
            as_of=questions.as_of_us[start:stop].tolist(),
            keys=questions.keys_of(start, stop),
            sample_id={questions.source.name: questions.ids_of(start, stop)},
        )

    @property
    def forgets(self) -> bool:
        """Whether the store is compacted."""
        return self._settled_after is not None

    def settle(self, moment_us: int) -> None:
        """Compact the store if a day has passed since the last time."""
        if self._settled_after is None:
            return
        if self._compacted_us is None or moment_us >= self._compacted_us + _DAY_US:
            if self._compacted_us is not None:
                done = self._store.compact(self._features, moment_us, self._settled_after)
                self.dropped += done.samples_dropped
            self._compacted_us = moment_us

    def explain(self, feature: Aggregator, questions: Questions, place: int) -> str:
        """Return the samples that the store selects for one value."""
        return _explained(feature, self._reader, questions, place)


def check_equivalence(
    features: FeatureSet | Aggregator | Iterable[Aggregator],
    table: Native | Mapping[str, Native],
    *,
    as_of: str | Sequence[str],
    store: EventStore | None = None,
    answers: Answers | None = None,
    lateness: str | timedelta | None = None,
    max_queries: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> EquivalenceReport:
    """Compare every feature of every row in training with inference from an event store.

    The table is replayed as events: shuffled within the bound on lateness, a tenth delivered twice,
    some first wrong and then corrected or retracted (see :mod:`aggregators.parity.replay`). Each
    row is asked once the bound after its moment is over, with whatever has happened since then in
    the store as well; without a bound, at the end. Some are asked again when all has arrived.

    Args:
        features: what is compared.
        table: the samples; features of several sources take a mapping from source name to table,
            and the samples of the first of these sources are asked.
        as_of: the event, or events, at whose time each row that has it is asked.
        store: an empty store of the sources; by default one in memory.
        answers: asks something else than a store.
        lateness: events arrive at most so long after they happened, such as ``"10min"``; None:
            in any order.
        max_queries: ask only so many rows, drawn at random; None for all.
        seed: of everything random.
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
    >>> check_equivalence(load, table, as_of="activated", lateness="5min").mismatches
    0
    """
    chosen = _as_set(features)
    tables = _tables(chosen, table)
    if answers is None:
        store = MemoryEventStore(sources=chosen.sources) if store is None else store
        answers = StoreAnswers(store, chosen)
    rng = np.random.default_rng(seed)
    lateness_us = None if lateness is None else duration_to_us(lateness, "lateness")
    sent = replay(
        {source: tables[source.name] for source in chosen.sources}, lateness_us=lateness_us, rng=rng
    )
    events = (as_of,) if isinstance(as_of, str) else tuple(as_of)
    questions = Questions.of_tables(chosen, tables, events)
    if max_queries is not None:
        questions = questions.drawn(max_queries, rng)
    comparison = _Comparison(chosen, tables, questions, sent, answers, seed)
    report = comparison.run(progress)
    if lateness_us is not None and not answers.forgets:
        comparison.ask_again(questions.drawn(ASKED_AGAIN, rng))
    return report


def _as_set(features: FeatureSet | Aggregator | Iterable[Aggregator]) -> FeatureSet:
    if isinstance(features, FeatureSet):
        return features
    return FeatureSet([features] if isinstance(features, Aggregator) else features)


def _tables(features: FeatureSet, table: Native | Mapping[str, Native]) -> Mapping[str, Native]:
    if isinstance(table, Mapping) and not is_table(table):
        absent = [source.name for source in features.sources if source.name not in table]
        if absent:
            raise QueryError(f"there is no table of the source(s) {', '.join(absent)}")
        return table
    if len(features.sources) != 1:
        raise QueryError(
            "the features are of several sources; expected a mapping from source name to table"
        )
    return {features.sources[0].name: table}


class _Comparison:
    """Runs one comparison: appends events, asks each question as soon as its answer is settled."""

    def __init__(
        self,
        features: FeatureSet,
        tables: Mapping[str, Native],
        questions: Questions,
        sent: Replay,
        answers: Answers,
        seed: int,
    ) -> None:
        self._features = features
        self._tables = tables
        self._questions = questions
        self._sent = sent
        self._answers = answers
        self._trained = questions.training(features, tables)
        self._block: tuple[int, Float64Array] = (0, np.empty((len(features), 0)))
        self._report = EquivalenceReport(
            seed,
            sent.lateness_us,
            queries=len(questions),
            by_feature=dict.fromkeys(features.names, 0),
            events=sent.true_events,
            deliveries=len(sent.events),
            repeated=sent.repeated,
            corrected=sent.corrected,
            retracted=sent.retracted,
        )

    def run(self, progress: Callable[[int, int], None] | None) -> EquivalenceReport:
        """Replay everything and return the report."""
        asked, n = 0, len(self._questions)
        for start in range(0, len(self._sent.events), BATCH_EVENTS):
            self._append(self._sent.events[start : start + BATCH_EVENTS])
            settled = self._settled(start + BATCH_EVENTS)
            while asked < settled:
                stop = min(settled, asked + BATCH_QUERIES)
                self._compare(asked, stop)
                asked = stop
                if progress is not None:
                    progress(asked, n)
            if asked < n and self._sent.lateness_us is not None:
                self._answers.settle(self._settled_us(start + BATCH_EVENTS))
        assert asked == n, f"{n - asked} questions were not asked"
        return self._report

    def ask_again(self, questions: Questions) -> None:
        """Ask questions after the last event has arrived, from the latest to the earliest."""
        self._questions = questions
        self._block = (0, questions.training(self._features, self._tables).compute())
        for stop in range(len(questions), 0, -BATCH_AGAIN):
            self._compare(max(0, stop - BATCH_AGAIN), stop)
        self._report.asked_again = len(questions)

    def _append(self, events: Sequence[Event]) -> None:
        result = self._answers.append(events)
        self._report.applied += result.applied
        self._report.duplicates += result.duplicates
        self._report.superseded += result.superseded

    def _settled(self, arrived: int) -> int:
        """Return how many questions are settled once so many deliveries have arrived."""
        if arrived >= len(self._sent.events):
            return len(self._questions)
        if self._sent.lateness_us is None:
            return 0
        latest_us = self._settled_us(arrived)
        return int(np.searchsorted(self._questions.as_of_us, latest_us, side="right"))

    def _settled_us(self, arrived: int) -> int:
        """Return the moment up to which everything has arrived after so many deliveries."""
        assert self._sent.lateness_us is not None
        return int(self._sent.arrival_us[arrived]) - self._sent.lateness_us

    def _expected(self, start: int, stop: int) -> Float64Array:
        """Return the values of training, shape (n_features, n_questions)."""
        first, values = self._block
        if start < first or stop > first + values.shape[1]:
            end = max(stop, min(start + TRAINED_QUERIES, len(self._questions)))
            first, values = start, self._trained.compute(start, end)
            self._block = (first, values)
        return values[:, start - first : stop - first]

    def _compare(self, start: int, stop: int) -> None:
        expected = np.ascontiguousarray(self._expected(start, stop).T)
        answer = np.ascontiguousarray(self._answers.ask(self._questions, start, stop))
        assert answer.shape == expected.shape, f"{answer.shape} answers to {expected.shape}"
        missing = np.isnan(expected)
        same = expected.view(np.int64) == answer.view(np.int64)
        wrong = ~(same | (missing & np.isnan(answer)))
        self._report.compared += wrong.size
        self._report.missing += int(missing.sum())
        self._report.mismatches += int(wrong.sum())
        for name, n in zip(self._features.names, wrong.sum(axis=0).tolist(), strict=True):
            self._report.by_feature[name] += n
        for place, i in np.argwhere(wrong)[: MAX_EXAMPLES - len(self._report.examples)].tolist():
            self._report.examples.append(
                self._example(start + place, i, expected[place, i], answer[place, i])
            )

    def _example(self, place: int, i: int, training: float, inference: float) -> Mismatch:
        feature, questions = self._features.features[i], self._questions
        table = self._tables[feature.source.name]
        return Mismatch(
            feature=feature.name,
            sample_id=questions.ids_of(place, place + 1)[0],
            as_of=from_us(int(questions.as_of_us[place])).isoformat(),
            key=questions.keys_of(place, place + 1)[feature.dimension][0],
            training=float(training),
            inference=float(inference),
            training_explained=_explained(feature, table, questions, place),
            inference_explained=self._answers.explain(feature, questions, place),
        )


def _explained(feature: Aggregator, data: Any, questions: Questions, place: int) -> str:
    own = questions.source.name == feature.source.name
    explanation = feature.explain(
        data,
        as_of=int(questions.as_of_us[place]),
        key=questions.keys_of(place, place + 1)[feature.dimension][0],
        sample_id=questions.ids_of(place, place + 1)[0] if own else None,
    )
    # All digits: what is compared are bits.
    lines = [
        f"{explanation.value!r} = {explanation.function} of {len(explanation.samples)} samples"
    ]
    if len(explanation.samples) > MAX_EXPLAINED:
        lines.append(f"... {len(explanation.samples) - MAX_EXPLAINED} earlier ones")
    for sample in explanation.samples[-MAX_EXPLAINED:]:
        value = "" if sample.value is None else f"  {sample.value!r}"
        lines.append(f"{sample.sample_id!r}  {sample.event_time.isoformat()}{value}")
    return "\n".join(lines)

"""Answer rows with one estimator over one event store: a distribution, status and notes each.

Knows nothing of HTTP or JSON. What goes wrong with the store or the model makes an answer wider and
is said in its notes; it never fails a row.
"""

from __future__ import annotations

import copy
import logging
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter, time
from typing import Any

import numpy as np

from aggregators import FeatureSet
from aggregators import __version__ as aggregators_version
from aggregators.errors import AggregatorError, FunctionError, StoreError
from aggregators.events import Source
from aggregators.functions import EXPENSIVE, evaluate, function_code
from aggregators.stores import EventStore
from aggregators.typing import SampleId
from estimators.core.distribution import Distribution
from estimators.core.typing import BoolArray, FloatArray
from estimators.eta.part_question import PartQuestion
from estimators.fallback.model import Fallback
from estimators.model.base import Estimator
from estimators.model.saved_sources import typed_sources
from estimators.monitoring.validation import Note, Validator
from estimators.quantiles.widening import widen_to_baseline
from services.core.context import record_duration
from services.core.errors import InvalidRequest, Unavailable
from services.core.secret_masking import masked, without_paths
from services.estimation.elapsed import ElapsedLookup, known_columns, order_source
from services.estimation.fallback import fallback_estimates
from services.estimation.feature_ages import FeatureAges
from services.estimation.metrics import EstimateMetrics
from services.estimation.needed_facts import NeededFacts
from services.estimation.results import CLIPPED, DEGRADED, CodeArray, RowResults, codes_of
from services.estimation.rows import RequestRows
from services.estimation.unit_hints import UnitHints
from services.schemas.common import ModelInfo, Status
from services.schemas.vocabulary import Vocabulary

__all__ = ["PartModel"]

logger = logging.getLogger("doorstep.services")


_EVENT_STORE_ERRORS = (StoreError, FunctionError, sqlite3.Error, OSError)
_WARM_ROWS = 300
_MODEL_FAILED = "the model failed"
_LOG_EVERY_S = 10.0


class PartModel:
    """Answers rows with one estimator.

    Args:
        estimator: fitted; its features are computed over ``event_store``.
        tag: the model's tag, for the answers.
        metrics: what is timed.
        event_store: has the events; None: not yet, see :meth:`use_event_store`. Without one all
            rows are degraded.
        fallback: answers where the model fails; None: the request fails.
        validator: moves facts into the range that training saw.
    """

    def __init__(
        self,
        estimator: Estimator,
        *,
        tag: str,
        metrics: EstimateMetrics,
        event_store: EventStore | None = None,
        fallback: Fallback | None = None,
        validator: Validator | None = None,
    ) -> None:
        features = estimator.features
        self._estimator = estimator
        self._features = features
        self._facts = estimator.facts
        self._vocabulary = Vocabulary.of([self._facts], features.sources, elapsed=True)
        self._needs = NeededFacts(estimator)
        self._metrics = metrics
        self._event_store = event_store
        self._no_event_store = "the event store is not open yet"
        self._fallback = fallback
        self._validator = validator
        self._failed_s = -math.inf
        seen = validator.seen if validator is not None else None
        self._hints = UnitHints(tuple(self._facts.numbers), seen)
        self._own_source = features.sources[0].name
        source = order_source(features.sources)
        self._lookup: ElapsedLookup | None = None
        if source is not None and self._needs.elapsed:
            self._lookup = ElapsedLookup(self._needs.elapsed, source)
        self._ages: FeatureAges | None = None
        self.info = ModelInfo(
            tag=tag,
            catalog_version=features.version,
            fingerprint=features.fingerprint,
            aggregators_version=aggregators_version,
        )

    @property
    def question(self) -> PartQuestion:
        """What it estimates."""
        return PartQuestion.of(self._estimator)

    @property
    def features(self) -> FeatureSet:
        """The real-time features."""
        return self._features

    @property
    def vocabulary(self) -> Vocabulary:
        """What an order may say."""
        return self._vocabulary

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the real-time features."""
        return self._features.names

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that an event store must keep, with the types learned in training."""
        return typed_sources(self._features.sources, self._facts.categories)

    def without_event_store(self) -> PartModel:
        """Return the same model without its event store, for callers that cannot wait for it."""
        alone = copy.copy(self)
        alone._event_store = alone._ages = None
        alone._no_event_store = "the event store in Redis does not answer in time"
        return alone

    def use_event_store(self, event_store: EventStore) -> None:
        """Take the features from this store from now on, and look how old their events are."""
        self._event_store = event_store
        self._ages = FeatureAges(self._features, event_store, metrics=self._metrics)

    def close(self) -> None:
        """Stop observing the ages of features."""
        if self._ages is not None:
            self._ages.close()

    def check(self, order: Mapping[str, Any]) -> None:
        """Refuse an order with an unknown field or a value of the wrong type."""
        self._vocabulary.check(order, "order")

    def takes(self, name: str) -> bool:
        """Return whether an order may have this field."""
        return self._vocabulary.takes(name)

    def check_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[int, InvalidRequest]:
        """Return what is wrong with rows, by number."""
        return self._vocabulary.bad_rows(columns, "columns")

    def warm_up(self) -> None:
        """Answer an order without facts, so that the first requests are quick."""
        for feature in self._features:
            if callable(feature.function) and function_code(feature.function)[0] == EXPENSIVE:
                # A library may be loaded, which takes seconds.
                evaluate(feature.function, np.arange(3.0), feature.name)
        order: dict[str, Any] = dict.fromkeys(self._needs.names)
        now_us = round(time() * 1e6)
        self.estimate_one(order, None, now_us)
        self.estimate(RequestRows.one(order, None, now_us).take(np.zeros(_WARM_ROWS, np.int64)))

    def estimate_one(
        self, order: Mapping[str, Any], sample_id: SampleId | None, as_of_us: int
    ) -> RowResults:
        """Answer one order that was checked.

        Raises:
            InvalidRequest: a key or id of another type than the store's, or a moment that the
                store has forgotten.
            Unavailable: the model failed, and there is nothing to fall back on.
        """
        began_s = perf_counter()
        order = self._vocabulary.given(order)
        given = dict(order)
        notes: list[str] = []
        keys = {name: order.get(name) for name in self._features.dimensions}
        own = {self._own_source: sample_id}
        try:
            event_store = self._open_event_store()
            if self._lookup is not None:
                notes += self._lookup.into(given, event_store, sample_id, as_of_us)
            realtime = self._features.transform_array(
                event_store, as_of=as_of_us, keys=keys, sample_id=own
            )
            if self._ages is not None:
                self._ages.latest = as_of_us, keys, own
        except _EVENT_STORE_ERRORS as error:
            realtime = np.full(len(self._features), np.nan)
            notes.append(_unread(error))
        except AggregatorError as error:
            raise InvalidRequest(str(error), field="order") from None
        missing = self._needs.missing(given)
        notes = [*missing, *notes]
        facts = self._facts.encode_one(given, as_of_us)
        moved: list[Note] = []
        hints = self._hints.of_one(facts.tolist(), given, order)
        if self._validator is not None:
            facts, moved = self._validator.clip_one(facts, given)
        computed_s = perf_counter()
        try:
            inputs = self._estimator.assemble(facts, realtime)[np.newaxis, :]
            distribution = self._predicted(inputs, np.array([True]) if notes else None)
            if missing:
                rows = RequestRows.one(given, sample_id, as_of_us)
                distribution = self._widen_to_baseline(distribution, rows, [0])
        except Exception:  # a model may be damaged in any way
            rows = RequestRows.one(given, sample_id, as_of_us)
            return self._without_model(rows, {0: notes} if notes else {})
        self._time(began_s, computed_s)
        words = [*notes, *map(str, moved), *hints]
        return RowResults(
            distribution=distribution,
            codes=codes_of([_status(notes, moved)]),
            notes={0: words} if words else {},
            model=self.info,
            realtime=realtime[np.newaxis, :],
        )

    def estimate(self, rows: RequestRows, realtime: FloatArray | None = None) -> RowResults:
        """Answer rows that were checked, with one call of the model.

        Args:
            rows: orders, and the moments at which they are asked about.
            realtime: the real-time features of the rows, shape (n_rows, n_features); None: they
                are computed, with one read of the store.

        Raises:
            InvalidRequest: as of :meth:`estimate_one`, of one row at least.
            Unavailable: as of :meth:`estimate_one`.
        """
        began_s = perf_counter()
        if self._vocabulary.missing:
            rows = rows.with_columns(self._vocabulary.given_columns(rows.columns))
        n, columns, names = len(rows), rows.columns, self._features.dimensions
        unread: dict[int, list[str]] = {}
        try:
            event_store = self._open_event_store()
            if self._lookup is not None and rows.stages is None:
                columns = dict(columns)
                unread = self._lookup.into_columns(
                    columns, event_store, rows.sample_ids, rows.as_of_us
                )
            if realtime is None:
                realtime = self._read(event_store, rows)
            if self._ages is not None and n:
                first = {name: columns[name][0] if name in columns else None for name in names}
                own = {self._own_source: rows.sample_ids[0]}
                self._ages.latest = int(rows.as_of_us[0]), first, own
        except _EVENT_STORE_ERRORS as error:
            realtime = np.full((n, len(self._features)), np.nan)
            columns = known_columns(columns)
            unread = {i: [_unread(error)] for i in range(n)}
        except AggregatorError as error:
            raise InvalidRequest(str(error), field="order") from None
        notes = self._needs.missing_of(columns, n)
        lacking = sorted(notes)
        for i, words in unread.items():
            notes.setdefault(i, []).extend(words)
        facts = self._facts.encode_columns(columns, rows.as_of_us)
        moved: dict[int, list[Note]] = {}
        hints = self._hints.of_rows(facts, columns, rows.columns)
        if self._validator is not None:
            facts, moved = self._validator.clip(facts, columns)
        computed_s = perf_counter()
        try:
            inputs = self._estimator.assemble(facts, realtime)
            distribution = self._predicted(inputs, _mask(notes, n) if notes else None)
            if lacking:
                distribution = self._widen_to_baseline(
                    distribution, rows.with_columns(columns), lacking
                )
        except Exception:
            return self._without_model(rows.with_columns(columns), notes)
        self._time(began_s, computed_s)
        codes = _codes(notes, moved, n)
        for i, what in moved.items():
            notes.setdefault(i, []).extend(map(str, what))
        for i, words in hints.items():
            notes.setdefault(i, []).extend(words)
        return RowResults(
            distribution=distribution, codes=codes, notes=notes, model=self.info, realtime=realtime
        )

    def _read(self, event_store: EventStore, rows: RequestRows) -> FloatArray:
        """Return the real-time features of rows."""
        nothing = [None] * len(rows)
        return self._features.transform_many(
            event_store,
            as_of=rows.as_of_us,
            keys={name: rows.columns.get(name, nothing) for name in self._features.dimensions},
            sample_id={self._own_source: rows.sample_ids},
        )

    def _open_event_store(self) -> EventStore:
        if self._event_store is None:
            raise StoreError(self._no_event_store)
        return self._event_store

    def _predicted(self, inputs: FloatArray, incomplete: BoolArray | None) -> Distribution:
        """Ask the model; incomplete rows get the wider range for such rows."""
        if incomplete is None:
            return self._estimator.predict(inputs)
        return self._estimator.predict(inputs, incomplete)

    def _widen_to_baseline(
        self, distribution: Distribution, rows: RequestRows, places: list[int]
    ) -> Distribution:
        """Widen answers that lack a fact to the baseline."""
        if self._fallback is None:
            return distribution
        lacking = rows.take(np.array(places))
        baseline, _ = self._fallback.distribution(lacking.plain_columns(), lacking.as_of_us)
        scale = self._estimator.model.grid.scale
        values = distribution.values.copy()
        values[places] = widen_to_baseline(distribution[np.array(places)], baseline, scale).values
        return distribution.moved(values)

    def _without_model(self, rows: RequestRows, notes: Mapping[int, list[str]]) -> RowResults:
        """Answer with the baseline after the model has failed."""
        if time() - self._failed_s >= _LOG_EVERY_S:  # many requests meet the same
            self._failed_s = time()
            logger.exception("the model %s failed", self.info.tag)
        if self._fallback is None:
            raise Unavailable(f"{_MODEL_FAILED}; the log has it") from None
        return fallback_estimates(
            self._fallback,
            rows,
            why=_MODEL_FAILED,
            model=self.info,
            notes=notes,
            n_features=len(self._features),
        )

    def _time(self, began_s: float, computed_s: float) -> None:
        features_s, model_s = computed_s - began_s, perf_counter() - computed_s
        self._metrics.time_features(features_s)
        self._metrics.time_model(model_s)
        record_duration("features", features_s)
        record_duration("model", model_s)


def _mask(rows: Iterable[int], n_rows: int) -> BoolArray:
    """Return which rows are among some."""
    mask = np.zeros(n_rows, np.bool_)
    mask[list(rows)] = True
    return mask


def _codes(
    lacking: Mapping[int, Sequence[str]], moved: Mapping[int, Sequence[Note]], n_rows: int
) -> CodeArray:
    """Return the status of each row, as :func:`_status` does."""
    codes = np.zeros(n_rows, np.int8)
    codes[[row for row, notes in moved.items() if _is_clipped(notes)]] = CLIPPED
    codes[list(lacking)] = DEGRADED
    return codes


def _is_clipped(moved: Iterable[Note]) -> bool:
    return any(note.what == "clipped" for note in moved)


def _status(notes: Sequence[str], moved: Iterable[Note]) -> Status:
    """Return the status of a row from its missing inputs and clipped facts."""
    if notes:
        return "degraded"
    return "input_clipped" if _is_clipped(moved) else "ok"


def _unread(error: Exception) -> str:
    logger.error("no real-time features for a request: %s: %s", type(error).__name__, error)
    return f"real-time features are missing: {_why_unread(error)}"


def _why_unread(error: Exception) -> str:
    """Return the failure in words, without addresses, passwords and paths."""
    if isinstance(error, sqlite3.Error | OSError):
        return f"the event store cannot be read ({without_paths(masked(str(error)))})"
    return without_paths(masked(str(error))) or type(error).__name__

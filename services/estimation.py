"""From a request to an answer: check the order, compute the features, ask the model.

Knows nothing of HTTP, so that everything but the transport is tested without it.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter, time
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregators.errors import AggregatorError, FunctionError, StoreError
from aggregators.stores import EventStore
from aggregators.times import moment_to_us
from estimators.distribution import Distribution
from estimators.training import TrainedEstimator
from services.clock import utc_now
from services.decoding import decode, unknown_field
from services.errors import InvalidRequest
from services.feature_ages import FeatureAges
from services.limits import MAX_TEXT_CHARACTERS
from services.metrics import EstimateMetrics
from services.prediction_log import PredictionLog
from services.prediction_table import Served
from services.request_context import current_request, note_time
from services.schemas import (
    ModelInfo,
    PredictAnswer,
    PredictBatchAnswer,
    PredictRequest,
    Problem,
    RowAnswer,
    Status,
)

__all__ = ["Estimation"]

logger = logging.getLogger("doorstep.services")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A checked request with the model's inputs; ``notes`` say what it lacks.

    ``place`` is that in a batch.
    """

    request: PredictRequest
    as_of: datetime
    realtime: FloatArray
    inputs: FloatArray
    notes: list[str]
    place: int


class _Predicted:
    """The distributions of some rows; each quantile is computed once for all of them."""

    def __init__(self, distribution: Distribution) -> None:
        self.mean_s = distribution.mean()
        self._distribution = distribution
        self._by_level: dict[float, FloatArray] = {}

    def quantile_s(self, level: float) -> FloatArray:
        """Seconds at one level, one per row."""
        if level not in self._by_level:
            self._by_level[level] = self._distribution.quantile(level)
        return self._by_level[level]


class Estimation:
    """Answers requests with one trained estimator over one event store.

    Args:
        trained: the estimator; its features are computed over ``store``.
        tag: the model's tag, for the answers.
        store: where events are appended and features read.
        metrics: what is counted and timed.
        service: its name, for the log of predictions.
        log: takes every estimate that is given; None: they are not logged.
        ages: is told now and then how old the events are that features rest on.
        clock: gives the moment of a request that names none; injected in tests.
    """

    def __init__(
        self,
        trained: TrainedEstimator,
        *,
        tag: str,
        store: EventStore,
        metrics: EstimateMetrics,
        service: str = "etp",
        log: PredictionLog | None = None,
        ages: FeatureAges | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        estimator = trained.estimator
        self._estimator = estimator
        self._features = estimator.features
        self._facts = estimator.facts
        self._store = store
        self._metrics = metrics
        self._service = service
        self._log = log
        self._ages = ages
        self._clock = clock
        self._dimensions = estimator.features.dimensions
        self._needed = tuple(dict.fromkeys((*self._dimensions, *estimator.facts.inputs)))
        # An order may say all that its source knows, so that the next model, which needs more of
        # it or less, does not break who asks.
        sources = estimator.features.sources
        columns = [column for source in sources for column in source.columns]
        attributes = [column for source in sources for column in source.attributes]
        self._taken = frozenset((*self._needed, *columns))
        self._numbers = frozenset((*estimator.facts.numbers, *attributes))
        self._model = ModelInfo(
            tag=tag,
            catalog_version=estimator.features.version,
            fingerprint=estimator.features.fingerprint,
        )

    def warm_up(self) -> None:
        """Answer an order about which nothing is known, so that the first real one is quick."""
        order: dict[str, Any] = dict.fromkeys(self._needed)
        prepared = self._prepare(PredictRequest(order=order, sample_id=None))
        self._estimator.predict(prepared.inputs[np.newaxis, :])

    def answer(self, request: PredictRequest, *, request_id: str) -> PredictAnswer:
        """Answer one request.

        Raises:
            InvalidRequest: a field that no order has, or a value of the wrong type.
        """
        began_s = perf_counter()
        prepared = self._prepare(request)
        computed_s = perf_counter()
        predicted = _Predicted(self._estimator.predict(prepared.inputs[np.newaxis, :]))
        answer = self._answer(prepared, predicted, 0, request_id)
        self._time(began_s, computed_s)
        return answer

    def answer_batch(self, rows: Sequence[msgspec.Raw], *, request_id: str) -> PredictBatchAnswer:
        """Answer many requests; a row that cannot be answered says why and harms no other."""
        answers = [RowAnswer(row=i) for i in range(len(rows))]
        prepared: list[tuple[int, _Prepared]] = []
        began_s = perf_counter()
        for i, row in enumerate(rows):
            try:
                prepared.append((i, self._prepare(decode(row, PredictRequest), i)))
            except InvalidRequest as error:
                self._metrics.count_answer("refused")
                answers[i].problem = Problem(
                    error=error.error,
                    field=error.field,
                    reason=error.reason,
                    request_id=request_id,
                )
        computed_s = perf_counter()
        if prepared:
            inputs = np.stack([one.inputs for _, one in prepared])
            predicted = _Predicted(self._estimator.predict(inputs))
            for k, (i, one) in enumerate(prepared):
                answers[i].answer = self._answer(one, predicted, k, request_id)
        self._time(began_s, computed_s)
        return PredictBatchAnswer(
            request_id=request_id, refused=len(rows) - len(prepared), rows=answers
        )

    def _time(self, began_s: float, computed_s: float) -> None:
        features_s, model_s = computed_s - began_s, perf_counter() - computed_s
        self._metrics.time_features(features_s)
        self._metrics.time_model(model_s)
        note_time("features", features_s)
        note_time("model", model_s)

    def _prepare(self, request: PredictRequest, place: int = 0) -> _Prepared:
        order = request.order
        notes = self._check(order)
        try:
            as_of = self._clock() if request.as_of is None else request.as_of.astimezone(UTC)
            facts = self._facts.encode_one(order, moment_to_us(as_of, "as_of"))
        except OverflowError:  # the first and the last day of the calendar have no other timezones
            raise InvalidRequest(f"{request.as_of} is out of range", field="as_of") from None
        keys = {name: order.get(name) for name in self._dimensions}
        try:
            realtime = self._features.transform_array(
                self._store, as_of=as_of, keys=keys, sample_id=request.sample_id
            )
        except (StoreError, FunctionError, sqlite3.Error, OSError) as error:
            logger.exception("no real-time features for a request")
            realtime = np.full(len(self._features), np.nan)
            notes.append(f"real-time features are missing: {type(error).__name__}")
        except AggregatorError as error:
            raise InvalidRequest(str(error), field="order") from None
        if self._ages is not None:
            self._ages.offer(as_of, keys, request.sample_id)
        inputs = self._estimator.assemble(facts, realtime)
        return _Prepared(request, as_of, realtime, inputs, notes, place)

    def _check(self, order: dict[str, Any]) -> list[str]:
        """Check names and types of an order's fields; say which values are needed and missing."""
        for name, value in order.items():
            if name not in self._taken:
                raise unknown_field("order", name, self._taken)
            if value is not None:
                check = _check_number if name in self._numbers else _check_text
                check(name, value)
        return [f"{name} is missing" for name in self._needed if order.get(name) is None]

    def _answer(
        self,
        prepared: _Prepared,
        predicted: _Predicted,
        row: int,
        request_id: str,
    ) -> PredictAnswer:
        request = prepared.request
        status: Status = "degraded" if prepared.notes else "ok"
        self._metrics.count_answer(status)
        features: dict[str, float | None] | None = None
        if request.include_features:
            features = dict(zip(self._features.names, prepared.realtime.tolist(), strict=True))
        mean_s = float(predicted.mean_s[row])
        quantiles_s = [float(predicted.quantile_s(level)[row]) for level in request.levels]
        if self._log is not None:
            self._log.add(self._served(prepared, status, request_id, mean_s, quantiles_s))
        return PredictAnswer(
            request_id=request_id,
            status=status,
            as_of=prepared.as_of,
            sample_id=request.sample_id,
            mean_s=mean_s,
            quantiles_s=dict(zip(map(repr, request.levels), quantiles_s, strict=True)),
            model=self._model,
            notes=prepared.notes,
            features=features,
        )

    def _served(
        self,
        prepared: _Prepared,
        status: Status,
        request_id: str,
        mean_s: float,
        quantiles_s: list[float],
    ) -> Served:
        asked = current_request()
        return Served(
            time=time(),
            request_id=request_id,
            trace_id="" if asked is None else asked.trace.trace_id,
            row=prepared.place,
            service=self._service,
            model_tag=self._model.tag,
            catalog_version=self._model.catalog_version,
            fingerprint=self._model.fingerprint,
            sample_id=prepared.request.sample_id,
            as_of=prepared.as_of,
            status=status,
            notes=prepared.notes,
            order=prepared.request.order,
            names=self._features.names,
            features=prepared.realtime,
            mean_s=mean_s,
            levels=prepared.request.levels,
            quantiles_s=quantiles_s,
        )


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(
            f"expected a number or null, got {type(value).__name__}", field=f"order.{name}"
        )
    if not _is_finite(value):
        raise InvalidRequest(
            "expected a finite number within the range of a 64-bit float", field=f"order.{name}"
        )


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON allows integers that no float can hold
        return False


def _check_text(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRequest(
            f"expected a string, an integer or null, got {type(value).__name__}",
            field=f"order.{name}",
        )
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise InvalidRequest(
            f"has {len(value)} characters; at most {MAX_TEXT_CHARACTERS} are taken",
            field=f"order.{name}",
        )

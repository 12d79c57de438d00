"""What the services of estimators share: starting, answering, taking events, ending.

A service starts with whatever it can get. Without a model it answers what is usual, without a store
from the request alone; each answer says so. It is ready once it has everything, and keeps trying.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeAlias, TypeVar

from starlette.responses import Response

from aggregators import StoreError, warm_up
from aggregators.stores import EventStore
from services.bento.endpoints import Call, json_endpoint, json_response
from services.bento.tuning import freeze_garbage
from services.core.errors import ServiceError, SettingError, Unavailable
from services.core.executor import AnswerExecutor
from services.core.limits import LARGE_BODY_BYTES, MAX_COLUMN_ROWS
from services.core.row_limit import RowLimit
from services.core.settings.models import EstimatorSettings
from services.estimation.bounded_wait import BoundedWait
from services.estimation.loading import (
    ModelMissing,
    ServedPart,
    common_sources,
    load_fallback,
    load_part,
)
from services.estimation.metrics import EstimateMetrics
from services.estimation.prediction import Estimation, answer_batch
from services.estimation.row_model import RowModel
from services.estimation.served_model import PartModel
from services.event_endpoint import events_endpoint, take_events
from services.event_store.opening import is_redis, open_event_store_of_models
from services.lifecycle import Closing, Lifecycle
from services.middleware.api_keys import Scope
from services.prediction_log.log import PredictionLog
from services.schemas.common import (
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchRequest,
    PredictColumnsAnswer,
    PredictColumnsRequest,
    PredictRequest,
)
from services.schemas.decoding import decode
from services.schemas.examples import PREDICT, PREDICT_BATCH, PREDICT_COLUMNS
from services.schemas.order_schema import order_schema, with_order
from services.schemas.vocabulary import Vocabulary

__all__ = ["ACCESS", "EstimatorService"]

logger = logging.getLogger("doorstep.services")

T = TypeVar("T")
EstimationOf: TypeAlias = Callable[[Any], Estimation]

_ASKED_BY: tuple[Scope, ...] = ("routing", "app", "partner")
ACCESS: dict[str, tuple[Scope, ...]] = {
    "/predict": _ASKED_BY,
    "/predict_batch": _ASKED_BY,
    "/predict_columns": _ASKED_BY,
    "/events": ("intake",),
}
"""Scopes of the keys that may ask what."""


class EstimatorService(Lifecycle):
    """Base of the services; a subclass names its parts."""

    name: ClassVar[str] = ""
    """In metrics, logs and the log of predictions."""

    parts: ClassVar[Mapping[str, ServedPart]] = {}
    """The models that it needs."""

    def __init__(self) -> None:
        super().__init__()
        self._metrics = EstimateMetrics(self.name)
        self._log: PredictionLog | None = None
        self._estimations: dict[str, Estimation] = {}
        self._without_event_store: dict[str, Estimation] = {}
        self._models: dict[str, PartModel] = {}
        self._rows = RowLimit()
        self._settings: EstimatorSettings | None = None
        try:
            self._settings = self.settings()
            self._log = PredictionLog.from_environment(self.name)
        except SettingError as error:
            self._settings = None
            self.cannot_start(error)
        where = "" if self._settings is None else self._settings.event_store
        self._executor = AnswerExecutor(over_network=is_redis(where))
        self._wait = BoundedWait(self._executor) if is_redis(where) else None

    @classmethod
    def settings(cls) -> EstimatorSettings:
        """Return what the environment says.

        Raises:
            SettingError: a value that cannot be.
        """
        raise NotImplementedError

    def closings(self) -> Iterable[Closing]:
        """Let go of models and threads, and write the estimates that are waiting."""
        for model in self._models.values():
            yield model.close
        yield self._executor.close
        if self._wait is not None:
            yield self._wait.close
        if self._log is not None:
            yield self._log.close

    def _is_starting(self) -> bool:
        return not self._is_complete and bool(self.start.unready_reason)

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the OpenAPI description with the fields that an order may have."""
        if not self._models:
            return document
        shared = Vocabulary.shared(model.vocabulary for model in self._models.values())
        return with_order(document, order_schema(shared))

    def obtain(self) -> list[str]:
        """Load the models that are missing, and open the event store for those that are there."""
        assert self._settings is not None, "with a bad setting, nothing is tried"
        missing = [
            reason
            for part, tag in self._settings.models.items()
            if part not in self._models and (reason := self._load(part, tag))
        ]
        reason = self._open(self._settings)
        missing += [reason] if reason else []
        if not missing:
            warm_up(training=False)
            for model in self._models.values():
                _warm(model)
            freeze_garbage()
        return missing

    def _load(self, part: str, tag: str) -> str:
        """Load the model of a part, or what answers instead of it; return why not the model."""
        try:
            model = load_part(tag, self.parts[part], metrics=self._metrics)
            if self._event_store is not None:
                self._connect(model, self._event_store)
        except (ModelMissing, StoreError) as error:
            reason = f"the service has no model: {error}"
            if self.is_news(part, reason) and part not in self._estimations:
                instead = load_fallback(tag, why="the service has no model")
                if instead is not None:
                    self._estimations[part] = self._estimation(instead)
            return reason
        self._models[part] = model
        self._estimations[part] = self._estimation(model)
        self._without_event_store[part] = self._estimation(model.without_event_store())
        return ""

    def _open(self, settings: EstimatorSettings) -> str:
        """Open the store for the models that are there; return why it cannot be opened."""
        if self._event_store is not None or not self._models:
            return ""
        try:
            sources = common_sources(model.sources for model in self._models.values())
            event_store = open_event_store_of_models(settings.event_store, sources)
        except (ServiceError, StoreError) as error:
            reason = f"the service has no event store: {error}"
            self.is_news("store", reason)
            return reason
        for model in self._models.values():
            self._connect(model, event_store)
        self.take_events_into(event_store, settings)
        return ""

    def _connect(self, model: PartModel, event_store: EventStore) -> None:
        """Let a model read a store. Raises :class:`StoreError` where that keeps other sources."""
        for source in model.sources:
            event_store.check_source(source)
        model.use_event_store(event_store)

    def _estimation(self, model: RowModel) -> Estimation:
        return Estimation(model, metrics=self._metrics, service=self.name, log=self._log)

    @events_endpoint
    async def events(self, call: Call, /) -> Response:
        """Take events as CloudEvents 1.0 JSON, one or a list; each has a status of its own.

        What is answered as accepted is in the store, and in every later estimate.
        """
        return await take_events(self.intake, call)

    @json_endpoint("/predict", takes=PredictRequest, gives=PredictAnswer, example=PREDICT)
    async def predict(self, call: Call, /) -> Response:
        """Estimate how long one order takes, as of a moment."""
        return await self.answer_one(call, PredictRequest)

    @json_endpoint(
        "/predict_batch",
        takes=PredictBatchRequest,
        gives=PredictBatchAnswer,
        example=PREDICT_BATCH,
    )
    async def predict_batch(self, call: Call, /) -> Response:
        """Estimate many orders at once; each row has an answer or a problem of its own."""
        return await self.answer_many(call, PredictRequest)

    @json_endpoint(
        "/predict_columns",
        takes=PredictColumnsRequest,
        gives=PredictColumnsAnswer,
        example=PREDICT_COLUMNS,
    )
    async def predict_columns(self, call: Call, /) -> Response:
        """Estimate many orders at one moment, column by column, as whole distributions."""
        return await self.answer_columns(call, PredictColumnsRequest)

    def part_of(self, request: PredictRequest | PredictColumnsRequest) -> str:
        """Return which of the parts a request asks for."""
        return next(iter(self.parts))

    def estimation_of(
        self, request: PredictRequest | PredictColumnsRequest, *, with_event_store: bool = True
    ) -> Estimation:
        """Return what answers a request.

        Args:
            request: says for which part.
            with_event_store: whether the event store can be waited for.

        Raises:
            Unavailable: the service is starting; or there is neither a model nor anything to fall
                back on.
        """
        if self._is_starting():
            raise Unavailable(self.unready_reason)
        part = self.part_of(request)
        estimation = self._estimations.get(part)
        if not with_event_store:
            estimation = self._without_event_store.get(part, estimation)
        if estimation is None:
            raise Unavailable(self.unready_reason)
        return estimation

    async def answer_one(self, call: Call, kind: type[PredictRequest]) -> Response:
        """Answer ``/predict``."""
        request = decode(call.body, kind)
        self.estimation_of(request)  # refuses before anything is waited for

        def answer(estimation_of: EstimationOf) -> PredictAnswer:
            return estimation_of(request).answer(request, request_id=call.request_id)

        return json_response(await self._answered(1, answer), request_id=call.request_id)

    async def answer_many(self, call: Call, kind: type[PredictRequest]) -> Response:
        """Answer ``/predict_batch``, whose rows are of this kind."""
        request = await self._decoded(call, PredictBatchRequest)
        if not self._estimations or self._is_starting():
            raise Unavailable(self.unready_reason)

        def answer(estimation_of: EstimationOf) -> Response:
            answers = answer_batch(
                request.rows,
                kind,
                estimation_of,
                request_id=call.request_id,
                metrics=self._metrics,
            )
            return json_response(answers, request_id=call.request_id)

        with self._rows.of(len(request.rows)):
            return await self._answered(len(request.rows), answer)

    async def answer_columns(self, call: Call, kind: type[PredictColumnsRequest]) -> Response:
        """Answer ``/predict_columns``."""
        request = await self._decoded(call, kind)
        self.estimation_of(request)

        def answer(estimation_of: EstimationOf) -> Response:
            answers = estimation_of(request).answer_columns(request, request_id=call.request_id)
            return json_response(answers, request_id=call.request_id)

        with self._rows.of(len(request.sample_ids)):
            return await self._answered(len(request.sample_ids), answer)

    async def _answered(self, rows: int, answer: Callable[[EstimationOf], T]) -> T:
        """Answer so many rows, without the store where that does not answer in time."""
        if self._wait is None:
            return await self._executor.run(rows, answer, self.estimation_of)
        return await self._wait.run(
            rows,
            partial(answer, self.estimation_of),
            partial(answer, partial(self.estimation_of, with_event_store=False)),
        )

    async def _decoded(self, call: Call, kind: type[T]) -> T:
        """Decode a body, beside the event loop if it is a large one."""
        if len(call.body) < LARGE_BODY_BYTES:
            return decode(call.body, kind)
        return await self._executor.run(MAX_COLUMN_ROWS, decode, call.body, kind)


def _warm(model: PartModel) -> None:
    try:
        model.warm_up()
    except ServiceError as error:  # requests will say so, too
        logger.error("%s cannot be warmed up: %s", model.info.tag, error)

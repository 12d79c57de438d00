"""What the services of estimators share: starting, answering, taking events, ending.

A service starts with whatever it can get. Without a model it answers what is usual, without a store
from the request alone; each answer says so. It is ready once it has everything, and keeps trying.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeAlias, TypeVar

import bentoml
from starlette.responses import Response

from aggregators import StoreError, warm_up
from aggregators.stores import EventStore
from services.bento.endpoints import Call, json_endpoint, json_response
from services.bento.startup import ESTIMATE_KERNELS, Start
from services.bento.tuning import freeze_garbage
from services.core.errors import ServiceError, SettingError, Unavailable
from services.core.executor import AnswerExecutor
from services.core.limits import LARGE_BODY_BYTES, MAX_COLUMN_ROWS
from services.core.row_limit import RowLimit
from services.core.settings.events import IntakeSettings
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
from services.estimation.order_schema import order_schema, with_order
from services.estimation.prediction import Estimation, answer_batch
from services.estimation.rows import RowModel
from services.estimation.served_model import PartModel
from services.event_endpoint import EVENTS_RESPONSES, take_events
from services.event_store.check import EventStoreCheck
from services.event_store.opening import is_redis, open_event_store_of_models
from services.intake.intake import EVENT_TYPES, Intake
from services.intake.metrics import intake_metrics
from services.middleware.api_keys import Scope
from services.prediction_log.log import PredictionLog
from services.schemas.common import (
    CloudEvents,
    EventsAnswer,
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchRequest,
    PredictColumnsAnswer,
    PredictColumnsRequest,
    PredictRequest,
)
from services.schemas.decoding import decode
from services.schemas.examples import EVENTS, PREDICT, PREDICT_BATCH, PREDICT_COLUMNS

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


class EstimatorService:
    """Base of the services; a subclass names its parts."""

    name: ClassVar[str] = ""
    """In metrics, logs and the log of predictions."""

    parts: ClassVar[Mapping[str, ServedPart]] = {}
    """The models that it needs."""

    def __init__(self) -> None:
        self._metrics = EstimateMetrics(self.name)
        self._event_store: EventStore | None = None
        self._intake: Intake | None = None
        self._check = EventStoreCheck()
        self._log: PredictionLog | None = None
        self._estimations: dict[str, Estimation] = {}
        self._without_event_store: dict[str, Estimation] = {}
        self._models: dict[str, PartModel] = {}
        self._rows = RowLimit()
        self._opening = threading.Lock()
        self.start = Start(self.complete, kernels=ESTIMATE_KERNELS)
        self._is_complete = False
        self._unready_reason = "the service is starting"
        self._reasons: dict[str, str] = {}
        self._settings: EstimatorSettings | None = None
        try:
            self._settings = self.settings()
            self._log = PredictionLog.from_environment(self.name)
        except SettingError as error:
            logger.error("%s", error)
            self._settings = None
            self._unready_reason = f"the service cannot start: {error}"
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

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Get kernels, models and store in the background; what cannot be had is tried again."""
        self.start.begin()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def finish(self) -> None:
        """Write the events and estimates that are waiting, and let go of the store."""
        self.start.end()
        if self._intake is not None:
            self._intake.close()
        for model in self._models.values():
            model.close()
        self._executor.close()
        if self._wait is not None:
            self._wait.close()
        if self._log is not None:
            self._log.close()
        if self._event_store is not None:
            self._event_store.close()

    def __is_ready__(self) -> bool:
        """Ready with all models and the store only, and while it takes events."""
        if not self._is_complete or self._event_store is None:
            return False
        return self._check.takes_events(self._event_store)

    @property
    def unready_reason(self) -> str:
        """What keeps the service from being ready."""
        return self.start.unready_reason or self._check.unready_reason or self._unready_reason

    def _is_starting(self) -> bool:
        return not self._is_complete and bool(self.start.unready_reason)

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the OpenAPI description with the fields that an order may have."""
        fields = [model.fields for model in self._models.values()]
        if not fields:
            return document
        names = frozenset.intersection(*(one.taken for one in fields))
        numbers = frozenset.union(*(one.numbers for one in fields))
        shared = set.intersection(*({*one.kinds.items()} for one in fields))
        return with_order(document, order_schema(names, numbers, dict(shared)))

    def complete(self) -> bool:
        """Get what is missing; return whether nothing is any more."""
        if self._settings is None:  # no attempt will mend that
            return False
        with self._opening:
            if self._is_complete:
                return True
            missing = [
                reason
                for part, tag in self._settings.models.items()
                if part not in self._models and (reason := self._load(part, tag))
            ]
            reason = self._open(self._settings)
            missing += [reason] if reason else []
            if missing:
                self._unready_reason = "; ".join(missing)
                return False
            warm_up(training=False)
            for model in self._models.values():
                _warm(model)
            freeze_garbage()
            self._is_complete = True
            return True

    def _load(self, part: str, tag: str) -> str:
        """Load the model of a part, or what answers instead of it; return why not the model."""
        try:
            model = load_part(tag, self.parts[part], metrics=self._metrics)
            if self._event_store is not None:
                self._connect(model, self._event_store)
        except (ModelMissing, StoreError) as error:
            reason = f"the service has no model: {error}"
            if self._log_once(part, reason) and part not in self._estimations:
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
            unknown_data = IntakeSettings.from_environment().unknown_data
            event_store = open_event_store_of_models(settings.event_store, sources)
        except (ServiceError, StoreError) as error:
            reason = f"the service has no event store: {error}"
            self._log_once("store", reason)
            return reason
        for model in self._models.values():
            self._connect(model, event_store)
        self._intake = Intake(
            event_store,
            intake_metrics(),
            max_clock_skew_s=settings.max_clock_skew_s,
            unknown_data=unknown_data,
        )
        self._event_store = event_store
        return ""

    def _log_once(self, what: str, reason: str) -> bool:
        """Log why something cannot be had, once and not at every attempt."""
        if self._reasons.get(what) == reason:
            return False
        self._reasons[what] = reason
        logger.error("%s", reason)
        return True

    def _connect(self, model: PartModel, event_store: EventStore) -> None:
        """Let a model read a store. Raises :class:`StoreError` where that keeps other sources."""
        for source in model.sources:
            event_store.check_source(source)
        model.use_event_store(event_store)

    def _estimation(self, model: RowModel) -> Estimation:
        return Estimation(model, metrics=self._metrics, service=self.name, log=self._log)

    @json_endpoint(
        "/events",
        takes=CloudEvents,
        gives=EventsAnswer,
        media_types=EVENT_TYPES,
        example=EVENTS,
        also=EVENTS_RESPONSES,
    )
    async def events(self, call: Call, /) -> Response:
        """Take events as CloudEvents 1.0 JSON, one or a list; each has a status of its own.

        What is answered as accepted is in the store, and in every later estimate.
        """
        if self._intake is None:
            raise Unavailable(self.unready_reason)
        return await take_events(self._intake, call)

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

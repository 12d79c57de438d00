"""The eTP service: events in, seconds until an order is ready out.

The aggregators run inside it, over its own event store: there is no feature server to call and no
feature that is minutes old.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import bentoml
from starlette.responses import Response

from aggregators import StoreError, warm_up
from aggregators.stores import EventStore
from estimators import registry
from estimators.errors import RegistryError
from estimators.etp import Etp
from services.batches import RowLimit
from services.decoding import decode
from services.errors import SettingError, Unavailable
from services.estimation import Estimation
from services.event_store import is_redis, open_store
from services.examples import EVENTS, PREDICT, PREDICT_BATCH
from services.feature_ages import FeatureAges
from services.guard import guarded
from services.http import Call, json_endpoint, json_response
from services.intake import EVENT_TYPES, Intake
from services.intake_metrics import intake_metrics
from services.metrics import EstimateMetrics
from services.prediction_log import PredictionLog
from services.request_context import in_thread
from services.schemas import (
    CloudEvents,
    EventsAnswer,
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchRequest,
    PredictRequest,
)
from services.settings import EtpSettings
from services.tuning import SERVICE_OPTIONS, freeze_garbage

__all__ = ["EtpService"]

logger = logging.getLogger("doorstep.services")

T = TypeVar("T")

_READERS = 4
"""Threads that answer where the store is reached over the network."""


@guarded(
    {
        "/predict": ("routing", "app", "partner"),
        "/predict_batch": ("routing", "app", "partner"),
        "/events": ("intake",),
    }
)
@bentoml.service(name="etp", **SERVICE_OPTIONS)
class EtpService:
    """How long until an order is ready: quantiles of seconds, from the events of right now."""

    _name = "etp"

    def __init__(self) -> None:
        self._settings = EtpSettings.from_environment()
        self._metrics = EstimateMetrics(self._name)
        self._store: EventStore | None = None
        self._intake: Intake | None = None
        self._estimation: Estimation | None = None
        self._log: PredictionLog | None = None
        self._ages: FeatureAges | None = None
        self._rows = RowLimit()
        self._readers: ThreadPoolExecutor | None = None
        if is_redis(self._settings.store):  # a server that does not answer must not stop the loop
            self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._why_not = "the service is starting"
        try:
            trained = registry.load(self._settings.model, estimator=Etp.name)
            tag = str(registry.describe(self._settings.model)["tag"])
        except RegistryError as error:
            # Without a model there is nothing to answer with, but a process that stays up and says
            # why is easier to mend than one that is started again and again.
            logger.error("no model: %s", error)
            self._why_not = f"the service has no model: {error}"
            return
        try:
            self._store = open_store(self._settings.store, trained.estimator.features.sources)
        except StoreError as error:
            logger.error("no event store: %s", error)
            self._why_not = f"the service has no event store: {error}"
            return
        self._intake = Intake(
            self._store, intake_metrics(), max_clock_skew_s=self._settings.max_clock_skew_s
        )
        try:
            self._log = PredictionLog.from_environment(self._name)
        except SettingError as error:
            logger.error("%s", error)
            self._why_not = f"the service cannot start: {error}"
            return
        self._ages = FeatureAges(trained.estimator.features, self._store, metrics=self._metrics)
        self._estimation = Estimation(
            trained,
            tag=tag,
            store=self._store,
            metrics=self._metrics,
            service=self._name,
            log=self._log,
            ages=self._ages,
        )

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def warm_up(self) -> None:
        """Compile what is compiled at first use, before the first request pays for it."""
        if self._estimation is None:
            return
        warm_up()
        self._estimation.warm_up()
        freeze_garbage()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def finish(self) -> None:
        """Write the events and estimates that are waiting, and let go of the store."""
        if self._intake is not None:
            self._intake.close()
        if self._ages is not None:
            self._ages.close()
        if self._readers is not None:
            self._readers.shutdown()
        if self._log is not None:
            self._log.close()
        if self._store is not None:
            self._store.close()

    def __is_ready__(self) -> bool:
        """Ready with a model only."""
        return self._estimation is not None

    @json_endpoint("/predict", takes=PredictRequest, gives=PredictAnswer, example=PREDICT)
    async def predict(self, call: Call, /) -> Response:
        """Estimate how long one order takes, as of a moment."""
        request = decode(call.body, PredictRequest)
        answer = await self._read(self._ready().answer, request, call)
        return json_response(answer, request_id=call.request_id)

    @json_endpoint(
        "/predict_batch",
        takes=PredictBatchRequest,
        gives=PredictBatchAnswer,
        example=PREDICT_BATCH,
    )
    async def predict_batch(self, call: Call, /) -> Response:
        """Estimate many orders at once; each row has an answer or a problem of its own."""
        request = decode(call.body, PredictBatchRequest)
        with self._rows.of(len(request.rows)):
            answer = await self._read(self._ready().answer_batch, request.rows, call)
        return json_response(answer, request_id=call.request_id)

    @json_endpoint(
        "/events",
        takes=CloudEvents,
        gives=EventsAnswer,
        media_types=EVENT_TYPES,
        example=EVENTS,
    )
    async def events(self, call: Call, /) -> Response:
        """Take events as CloudEvents 1.0 JSON, one or a list; each has a status of its own.

        What is answered as accepted is in the store, and in every later estimate.
        """
        self._ready()
        assert self._intake is not None
        answer = await self._intake.take(
            call.body, request_id=call.request_id, headers=call.cloud_headers
        )
        return json_response(answer, request_id=call.request_id)

    async def _read(self, answer: Callable[..., T], asked: Any, call: Call) -> T:
        """Answer here, where that takes a millisecond; beside the event loop over the network."""
        give = partial(answer, asked, request_id=call.request_id)
        if self._readers is None:
            return give()
        return await in_thread(self._readers, give)

    def _ready(self) -> Estimation:
        if self._estimation is None:
            raise Unavailable(self._why_not)
        return self._estimation

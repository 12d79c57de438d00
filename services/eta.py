"""The ETA service: three callers, one ETA that adds up.

The parts are asked in this process, over its own event store, or over the network where a setting
says so; what comes back is composed here.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import bentoml
from starlette.responses import Response

from aggregators import StoreError, warm_up
from aggregators.stores import EventStore
from estimators.core.errors import EstimatorError
from services.bento.endpoints import Call, json_endpoint, json_response
from services.bento.guarded import guarded
from services.bento.startup import ESTIMATE_KERNELS, Start
from services.bento.tuning import SERVICE_OPTIONS, freeze_garbage
from services.composition.loading import EtaLoader
from services.composition.opening import open_parts, sources_of
from services.composition.parts import Parts
from services.core.context import in_thread
from services.core.errors import ServiceError, SettingError, Unavailable
from services.core.limits import LARGE_BODY_BYTES, MAX_QUEUED_PAIRS
from services.core.row_limit import RowLimit
from services.core.settings.events import IntakeSettings
from services.core.settings.models import EtaSettings
from services.estimation.metrics import EstimateMetrics
from services.estimation.order_schema import order_schema, with_order
from services.event_endpoint import EVENTS_RESPONSES, take_events
from services.event_store.check import EventStoreCheck
from services.event_store.missing import MissingEventStore
from services.event_store.opening import is_redis, open_event_store_of_models
from services.handlers.assembly import EtaHandlers
from services.handlers.courier_selection import FEW_PAIRS, n_pairs_of
from services.handlers.display_settings import policy_from
from services.intake.intake import EVENT_TYPES, Intake
from services.intake.metrics import intake_metrics
from services.prediction_log.log import PredictionLog
from services.schemas.common import CloudEvents, EventsAnswer
from services.schemas.courier_selection import CourierSelectionAnswer, CourierSelectionRequest
from services.schemas.decoding import decode
from services.schemas.displayed_eta import DisplayedEtaAnswer, DisplayedEtaRequest
from services.schemas.eta import (
    CourierArrivalAnswer,
    CourierArrivalRequest,
    EtaAnswer,
    EtaRequest,
)
from services.schemas.examples import EVENTS
from services.schemas.examples_eta import COURIER_ARRIVAL, COURIER_SELECTION, DISPLAYED_ETA, ETA

__all__ = ["EtaService"]

logger = logging.getLogger("doorstep.services")

T = TypeVar("T")

_THREADS = 2

_READERS = 4
"""Threads that wait for orders, where the store is reached over the network."""


@guarded(
    {
        "/eta": ("routing", "app"),
        "/courier_selection": ("routing",),
        "/displayed_eta": ("app",),
        "/courier_arrival": ("partner",),
        "/events": ("intake",),
    }
)
@bentoml.service(name="eta", **SERVICE_OPTIONS)
class EtaService:
    """Which courier takes this order, which time range is shown, when the courier walks in."""

    _name = "eta"

    def __init__(self) -> None:
        self._event_store: EventStore | None = None
        self._intake: Intake | None = None
        self._check = EventStoreCheck()
        self._parts: list[Parts] = []
        self._loader = EtaLoader()
        self._is_complete = False
        self._has_changes = False  # what was got, and is not served yet
        self._handlers: EtaHandlers | None = None
        self._log: PredictionLog | None = None
        self._metrics = EstimateMetrics(self._name)
        self._pairs = RowLimit(MAX_QUEUED_PAIRS)
        self._rows = RowLimit()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="composing")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._opening = threading.Lock()
        self.start = Start(self.complete, kernels=ESTIMATE_KERNELS)
        self._settings: EtaSettings | None = None
        self._unready_reason = "the service is starting"
        try:
            settings = EtaSettings.from_environment()
            self._policy = policy_from(settings.display_policy)
            self._log = PredictionLog.from_environment(self._name)
        except SettingError as error:
            logger.error("%s", error)
            self._unready_reason = f"the service cannot start: {error}"
        else:
            self._settings = settings

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Get kernels, model and store in the background; what cannot be had is tried again."""
        self.start.begin()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def finish(self) -> None:
        """Write the events and estimates that are waiting, and let go of store and parts."""
        await asyncio.to_thread(self.start.end)
        if self._intake is not None:
            await asyncio.to_thread(self._intake.close)
        for parts in self._parts:
            await parts.close()
        self._threads.shutdown()
        await asyncio.to_thread(self._readers.shutdown)
        if self._log is not None:
            await asyncio.to_thread(self._log.close)
        if self._event_store is not None:
            self._event_store.close()

    def __is_ready__(self) -> bool:
        """Ready with all models and a store that takes events; parts elsewhere need not be."""
        if not self._is_complete or self._event_store is None:
            return False
        return self._check.takes_events(self._event_store)

    @property
    def unready_reason(self) -> str:
        """What keeps the service from being ready."""
        return self.start.unready_reason or self._check.unready_reason or self._unready_reason

    async def readiness_notes(self) -> list[str]:
        """Return what is the matter with parts of other processes."""
        return [] if self._handlers is None else await self._parts[-1].part_problems()

    def complete(self) -> bool:
        """Get what is missing; return whether nothing is any more."""
        settings = self._settings
        if settings is None:  # no attempt will mend that
            return False
        with self._opening:
            if self._is_complete:
                return True
            try:
                self._has_changes |= self._loader.load(settings.model)
                if self._event_store is None:
                    self._has_changes |= self._open_event_store(settings)
                if self._has_changes:
                    self._serve(settings)
                    self._has_changes = False
            except (EstimatorError, StoreError, ServiceError) as error:
                logger.error("the service is not complete: %s", error)
                self._unready_reason = f"the service has no model: {error}"
                return False
            if self._loader.missing and self._event_store is not None:
                missing = self._loader.missing.items()
                self._unready_reason = "; ".join(
                    f"no model of {part}: {why}" for part, why in missing
                )
            self._is_complete = self._event_store is not None and not self._loader.missing
            return self._is_complete

    def _open_event_store(self, settings: EtaSettings) -> bool:
        """Open the event store, and return whether it could be."""
        try:
            unknown_data = IntakeSettings.from_environment().unknown_data
            event_store = open_event_store_of_models(
                settings.event_store, sources_of(self._loader.model)
            )
        except (StoreError, ServiceError) as error:
            logger.error("no event store: %s", error)
            self._unready_reason = f"the service has no event store: {error}"
            return False
        self._intake = Intake(
            event_store,
            intake_metrics(),
            max_clock_skew_s=settings.max_clock_skew_s,
            unknown_data=unknown_data,
        )
        self._event_store = event_store
        return True

    def _serve(self, settings: EtaSettings) -> None:
        """Let requests be answered with what there is."""
        model = self._loader.model
        sources = sources_of(model)
        event_store = (
            MissingEventStore(sources, self._unready_reason)
            if self._event_store is None
            else self._event_store
        )
        for source in sources:
            event_store.check_source(source)
        parts = open_parts(
            model,
            event_store=event_store,
            over_network=is_redis(settings.event_store),
            served=self._loader.served,
        )
        callers = EtaHandlers(
            model,
            parts,
            event_store,
            tag=self._loader.tag,
            policy=self._policy,
            metrics=self._metrics,
            log=self._log,
            threads=self._threads,
            readers=self._readers,
        )
        warm_up(training=False)
        parts.warm_up()
        callers.warm_up()
        freeze_garbage()
        self._parts.append(parts)
        self._handlers = callers  # last: with it, requests are answered

    @json_endpoint(
        "/eta",
        takes=EtaRequest,
        gives=EtaAnswer,
        example=ETA,
        refuses={404: "An order that is unknown, and nothing is said of it"},
    )
    async def eta(self, call: Call, /) -> Response:
        """Estimate when one order is with its customer, at any stage, taken apart.

        The expected parts sum to the expected ETA exactly.
        """
        request = decode(call.body, EtaRequest)
        answer = await self._ready().eta.answer(request, request_id=call.request_id)
        return json_response(answer, request_id=call.request_id)

    @json_endpoint(
        "/courier_selection",
        takes=CourierSelectionRequest,
        gives=CourierSelectionAnswer,
        example=COURIER_SELECTION,
    )
    async def courier_selection(self, call: Call, /) -> Response:
        """Estimate and rank pairs of orders and couriers; columns in, columns out.

        Every pair is estimated as if its courier were assigned now.
        """
        callers = self._ready()
        request = await self._decoded(call, CourierSelectionRequest)
        with self._pairs.of(n_pairs_of(request)):
            answer = await callers.selection.answer(request, request_id=call.request_id)
            if len(answer.pairs.order) <= FEW_PAIRS:
                return json_response(answer, request_id=call.request_id)
            return await in_thread(self._threads, _respond, answer, call.request_id)

    @json_endpoint(
        "/displayed_eta",
        takes=DisplayedEtaRequest,
        gives=DisplayedEtaAnswer,
        example=DISPLAYED_ETA,
    )
    async def displayed_eta(self, call: Call, /) -> Response:
        """Say which range of delivery times to show for each store of a list.

        Give back what an answer has under `shown` in the session's next request, so that the
        numbers do not jump.
        """
        request = decode(call.body, DisplayedEtaRequest)
        with self._rows.of(len(request.stores.store_id)):
            answer = await self._ready().displayed.answer(request, request_id=call.request_id)
        return json_response(answer, request_id=call.request_id)

    @json_endpoint(
        "/courier_arrival",
        takes=CourierArrivalRequest,
        gives=CourierArrivalAnswer,
        example=COURIER_ARRIVAL,
    )
    async def courier_arrival(self, call: Call, /) -> Response:
        """Estimate when the couriers of orders walk into the store, or say when they did.

        Each order has an answer or a problem of its own.
        """
        request = decode(call.body, CourierArrivalRequest)
        with self._rows.of(len(request.orders)):
            answer = await self._ready().arrival.answer(request, request_id=call.request_id)
        return json_response(answer, request_id=call.request_id)

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

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the OpenAPI description with the fields that an order may have."""
        if self._handlers is None:
            return document
        vocabulary = self._handlers.vocabulary
        schema = order_schema(vocabulary.names, vocabulary.numbers, vocabulary.kinds)
        return with_order(document, schema, self._handlers.order_events)

    async def _decoded(self, call: Call, kind: type[T]) -> T:
        if len(call.body) < LARGE_BODY_BYTES:
            return decode(call.body, kind)
        return await in_thread(self._threads, decode, call.body, kind)

    def _ready(self) -> EtaHandlers:
        if self._handlers is None:
            raise Unavailable(self.unready_reason)
        return self._handlers


def _respond(answer: Any, request_id: str) -> Response:
    return json_response(answer, request_id=request_id)

"""The ETA service: three callers, one ETA that adds up.

The parts are asked in this process, over its own event store, or over the network where a setting
says so; what comes back is composed here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import bentoml
from starlette.responses import Response

from aggregators import StoreError, warm_up
from estimators.core.errors import EstimatorError
from services.bento.endpoints import Call, json_endpoint, json_response
from services.bento.guarded import guarded
from services.bento.startup import EXPLANATION_KERNELS
from services.bento.tuning import SERVICE_OPTIONS, freeze_garbage
from services.composition.loading import EtaLoader
from services.composition.opening import open_parts, sources_of
from services.composition.parts import Parts
from services.core.context import in_thread
from services.core.errors import ServiceError, SettingError, Unavailable
from services.core.limits import LARGE_BODY_BYTES, MAX_QUEUED_PAIRS
from services.core.row_limit import RowLimit
from services.core.settings.models import EtaSettings
from services.estimation.metrics import EstimateMetrics
from services.event_endpoint import events_endpoint, take_events
from services.event_store.missing import MissingEventStore
from services.event_store.opening import is_redis, open_event_store_of_models
from services.handlers.assembly import EtaHandlers
from services.handlers.courier_selection import FEW_PAIRS, n_pairs_of
from services.handlers.display_settings import policy_from
from services.lifecycle import Closing, Lifecycle
from services.prediction_log.log import PredictionLog
from services.schemas.courier_selection import CourierSelectionAnswer, CourierSelectionRequest
from services.schemas.decoding import decode
from services.schemas.displayed_eta import DisplayedEtaAnswer, DisplayedEtaRequest
from services.schemas.eta import (
    CourierArrivalAnswer,
    CourierArrivalRequest,
    EtaAnswer,
    EtaRequest,
)
from services.schemas.examples_eta import COURIER_ARRIVAL, COURIER_SELECTION, DISPLAYED_ETA, ETA
from services.schemas.order_schema import order_schema, with_order

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
class EtaService(Lifecycle):
    """Which courier takes this order, which time range is shown, when the courier walks in."""

    kernels = EXPLANATION_KERNELS
    _name = "eta"

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[Parts] = []
        self._loader = EtaLoader()
        self._has_changes = False  # what was got, and is not served yet
        self._handlers: EtaHandlers | None = None
        self._log: PredictionLog | None = None
        self._metrics = EstimateMetrics(self._name)
        self._pairs = RowLimit(MAX_QUEUED_PAIRS)
        self._rows = RowLimit()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="composing")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._settings: EtaSettings | None = None
        try:
            settings = EtaSettings.from_environment()
            self._policy = policy_from(settings.display_policy)
            self._log = PredictionLog.from_environment(self._name)
        except SettingError as error:
            self.cannot_start(error)
        else:
            self._settings = settings

    def closings(self) -> Iterable[Closing]:
        """Let go of parts and threads, and write the estimates that are waiting."""
        for parts in self._parts:
            yield parts.close
        yield self._threads.shutdown
        yield self._readers.shutdown
        if self._log is not None:
            yield self._log.close

    async def readiness_notes(self) -> list[str]:
        """Return what is the matter with parts of other processes."""
        return [] if self._handlers is None else await self._parts[-1].part_problems()

    def obtain(self) -> list[str]:
        """Load the models that are missing, open the event store, and answer with what there is."""
        settings = self._settings
        assert settings is not None, "with a bad setting, nothing is tried"
        try:
            self._has_changes |= self._loader.load(settings.model)
            no_store = self._open_event_store(settings)
            if self._has_changes:
                self._serve(settings, no_store)
                self._has_changes = False
        except (EstimatorError, StoreError, ServiceError) as error:
            reason = f"the service has no model: {error}"
            self.is_news("model", reason)
            return [reason]
        missing = [f"no model of {part}: {why}" for part, why in self._loader.missing.items()]
        return [*missing, no_store] if no_store else missing

    def _open_event_store(self, settings: EtaSettings) -> str:
        """Open the event store, if it is not open; return why it cannot be."""
        if self._event_store is not None:
            return ""
        try:
            event_store = open_event_store_of_models(
                settings.event_store, sources_of(self._loader.model)
            )
        except (StoreError, ServiceError) as error:
            reason = f"the service has no event store: {error}"
            self.is_news("store", reason)
            return reason
        self.take_events_into(event_store, settings)
        self._has_changes = True
        return ""

    def _serve(self, settings: EtaSettings, no_store: str) -> None:
        """Let requests be answered with what there is."""
        model = self._loader.model
        sources = sources_of(model)
        event_store = self._event_store
        if event_store is None:
            event_store = MissingEventStore(sources, no_store)
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

    @events_endpoint
    async def events(self, call: Call, /) -> Response:
        """Take events as CloudEvents 1.0 JSON, one or a list; each has a status of its own.

        What is answered as accepted is in the store, and in every later estimate.
        """
        return await take_events(self.intake, call)

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the OpenAPI description with the fields that an order may have."""
        if self._handlers is None:
            return document
        schema = order_schema(self._handlers.vocabulary)
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

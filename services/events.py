"""The event service: events in, the values of the catalog's features out, from one event store.

What was acknowledged is in the next answer; a feature that was declared a minute ago has its exact
value at once, because values are computed from the events and not kept beside them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregators import StoreError, warm_up
from aggregators.catalog import Catalog
from aggregators.kernels.compilation import FEATURE_KERNELS
from aggregators.stores import EventStore
from services.bento.endpoints import Call, answered, json_endpoint, json_response, request_id_of
from services.bento.guarded import guarded
from services.bento.startup import Start
from services.bento.tuning import SERVICE_OPTIONS, freeze_garbage
from services.core.context import in_thread
from services.core.errors import ServiceError, Unavailable
from services.core.header_text import query_of
from services.core.row_limit import RowLimit
from services.core.settings.events import EventSettings, IntakeSettings
from services.event_endpoint import EVENTS_RESPONSES, take_events
from services.event_store.check import EventStoreCheck
from services.event_store.compaction import Compactor
from services.event_store.feature_lookup import FeatureLookup
from services.event_store.metrics import event_store_metrics
from services.event_store.opening import load_catalog, open_event_store
from services.event_store.query_strings import (
    Names,
    explain_request,
    features_request,
    with_questions,
)
from services.intake.intake import EVENT_TYPES, Intake
from services.intake.metrics import intake_metrics
from services.schemas.common import CloudEvents, EventsAnswer
from services.schemas.decoding import decode
from services.schemas.examples import EVENTS, EXPLAIN, FEATURES, FEATURES_BATCH
from services.schemas.features import (
    ExplainAnswer,
    ExplainRequest,
    FeaturesAnswer,
    FeaturesBatchAnswer,
    FeaturesBatchRequest,
    FeaturesRequest,
)

__all__ = ["EventService"]

logger = logging.getLogger("doorstep.services")

T = TypeVar("T")

_READERS = 4
"""Threads that read the store; a store over the network makes them wait."""


def _method(name: str) -> Callable[[Request], Awaitable[Response]]:
    """Return what calls a method of this process's service, which BentoML makes later."""

    async def call(request: Request) -> Response:
        response: Response = await getattr(bentoml.get_current_service(), name)(request)
        return response

    return call


# BentoML's endpoints are POST; what is asked by GET stands in an application beside them.
_GET = Starlette(
    routes=[
        Route("/features", _method("get_features"), methods=["GET"]),
        Route("/explain", _method("get_explanation"), methods=["GET"]),
    ]
)


@guarded(
    {
        "/events": ("intake",),
        "/features": ("admin",),
        "/features_batch": ("admin",),
        "/explain": ("admin",),
    }
)
@bentoml.service(name="events", **SERVICE_OPTIONS)
@bentoml.asgi_app(_GET)
class EventService:
    """Takes events, and answers the values of features as of any moment, and why they are so."""

    def __init__(self) -> None:
        self._event_store: EventStore | None = None
        self._intake: Intake | None = None
        self._lookup: FeatureLookup | None = None
        self._compactor: Compactor | None = None
        self._check = EventStoreCheck()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._rows = RowLimit()
        self._opening = threading.Lock()
        self._unready_reason = "the service is starting"
        self.start = Start(self.complete, kernels=FEATURE_KERNELS)

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Get kernels and store in the background; what cannot be had is tried again.

        A Redis server may start after the services that need it.
        """
        self.start.begin()

    def complete(self) -> bool:
        """Open the store, and answer from then on; return whether that could be done."""
        with self._opening:
            if self._lookup is not None:
                return True
            try:
                settings = EventSettings.from_environment()
                catalog = load_catalog(settings.catalog)
                self._use(
                    open_event_store(settings.event_store, catalog.sources), catalog, settings
                )
            except (ServiceError, StoreError) as error:
                reason = f"the service cannot start: {error}"
                if reason != self._unready_reason:  # once, and not at every attempt
                    logger.error("%s", reason)
                self._unready_reason = reason
                return False
            return True

    def _use(self, event_store: EventStore, catalog: Catalog, settings: EventSettings) -> None:
        lookup = FeatureLookup(event_store, catalog)
        try:
            unknown_data = IntakeSettings.from_environment().unknown_data
            warm_up(training=False)
            lookup.warm_up()
        except ServiceError:
            event_store.close()
            raise
        self._event_store = event_store
        self._compactor = Compactor(
            event_store,
            catalog,
            every_s=settings.compact_every_s,
            keep=settings.keep,
            metrics=event_store_metrics(),
        )
        self._compactor.start()
        self._intake = Intake(
            event_store,
            intake_metrics(),
            max_clock_skew_s=settings.max_clock_skew_s,
            unknown_data=unknown_data,
        )
        freeze_garbage()
        self._lookup = lookup

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def finish(self) -> None:
        """Write the events that are waiting, and let go of the store."""
        self.start.end()
        if self._compactor is not None:
            self._compactor.close()
        if self._intake is not None:
            self._intake.close()
        self._readers.shutdown()
        if self._event_store is not None:
            self._event_store.close()

    @property
    def unready_reason(self) -> str:
        """What keeps the service from being ready."""
        return self.start.unready_reason or self._check.unready_reason or self._unready_reason

    def __is_ready__(self) -> bool:
        """Ready with a store only, and while it takes events; called in a thread."""
        if self._lookup is None or self._event_store is None:
            return False
        return self._check.takes_events(self._event_store)

    @json_endpoint(
        "/events",
        takes=CloudEvents,
        gives=EventsAnswer,
        media_types=EVENT_TYPES,
        example=EVENTS,
        also=EVENTS_RESPONSES,
    )
    async def events(self, call: Call, /) -> Response:
        """Take events as CloudEvents 1.0, one or a list; each has a status of its own.

        What is answered as accepted is in the store, and in every later answer.
        """
        if self._intake is None:
            raise Unavailable(self.unready_reason)
        return await take_events(self._intake, call)

    @json_endpoint("/features", takes=FeaturesRequest, gives=FeaturesAnswer, example=FEATURES)
    async def features(self, call: Call, /) -> Response:
        """Answer the values of features for some keys as of a moment, and what they rest on."""
        request = decode(call.body, FeaturesRequest)
        return await self._answer(call.request_id, self._ready().answer, request)

    @json_endpoint(
        "/features_batch",
        takes=FeaturesBatchRequest,
        gives=FeaturesBatchAnswer,
        example=FEATURES_BATCH,
    )
    async def features_batch(self, call: Call, /) -> Response:
        """Answer the values of features for many rows; each has an answer or a problem."""
        request = decode(call.body, FeaturesBatchRequest)
        with self._rows.of(len(request.rows)):
            return await self._answer(call.request_id, self._ready().answer_batch, request)

    @json_endpoint("/explain", takes=ExplainRequest, gives=ExplainAnswer, example=EXPLAIN)
    async def explain(self, call: Call, /) -> Response:
        """Answer why a feature has its value: the samples that count, and why another does not."""
        request = decode(call.body, ExplainRequest)
        return await self._answer(call.request_id, self._ready().explain, request)

    async def get_features(self, request: Request) -> Response:
        """Answer ``GET /features``."""
        return await self._answer_get(request, features_request, "answer")

    async def get_explanation(self, request: Request) -> Response:
        """Answer ``GET /explain``."""
        return await self._answer_get(request, explain_request, "explain")

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the OpenAPI description with what is asked by GET."""
        known, names = self._lookup, Names()
        if known is not None:
            names = Names(features=known.features, topics=known.topics, dimensions=known.dimensions)
        return with_questions(document, names)

    async def _answer_get(
        self, request: Request, parse: Callable[..., Any], answer: str
    ) -> Response:
        request_id = request_id_of(request)

        async def give() -> Response:
            lookup = self._ready()
            params = query_of(request.scope["query_string"])
            question = await self._in_reader(parse, params, lookup)
            return await self._answer(request_id, getattr(lookup, answer), question)

        return await answered(give, request_id=request_id)

    async def _answer(self, request_id: str, answer: Callable[..., Any], question: Any) -> Response:
        """Answer beside the event loop: the store may have to wait for the disk or the network."""

        def give() -> Response:
            return json_response(answer(question, request_id=request_id), request_id=request_id)

        return await self._in_reader(give)

    async def _in_reader(self, function: Callable[..., T], *arguments: Any) -> T:
        return await in_thread(self._readers, function, *arguments)

    def _ready(self) -> FeatureLookup:
        if self._lookup is None:
            raise Unavailable(self.unready_reason)
        return self._lookup

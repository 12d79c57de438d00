"""The event service: events in, the values of the catalog's features out, from one event store.

What was acknowledged is in the next answer; a feature that was declared a minute ago has its exact
value at once, because values are computed from the events and not kept beside them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import bentoml
from starlette.requests import Request
from starlette.responses import Response

from aggregators import StoreError, warm_up
from aggregators.catalog import Catalog
from aggregators.kernels.compilation import FEATURE_KERNELS
from aggregators.stores import EventStore
from services.bento.endpoints import (
    Call,
    json_endpoint,
    json_response,
    question_endpoint,
    request_id_of,
)
from services.bento.guarded import guarded
from services.bento.tuning import SERVICE_OPTIONS, freeze_garbage
from services.core.context import in_thread
from services.core.errors import ServiceError, Unavailable
from services.core.header_text import query_of
from services.core.row_limit import RowLimit
from services.core.settings.events import EventSettings
from services.event_endpoint import events_endpoint, take_events
from services.event_store.compaction import Compactor
from services.event_store.feature_lookup import FeatureLookup
from services.event_store.metrics import EventStoreMetrics
from services.event_store.opening import load_catalog, open_event_store
from services.event_store.query_strings import (
    Names,
    explain_request,
    features_request,
    with_questions,
)
from services.lifecycle import Closing, Lifecycle
from services.schemas.decoding import decode
from services.schemas.examples import EXPLAIN, FEATURES, FEATURES_BATCH
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


@guarded(
    {
        "/events": ("intake",),
        "/features": ("admin",),
        "/features_batch": ("admin",),
        "/explain": ("admin",),
    }
)
@bentoml.service(name="events", **SERVICE_OPTIONS)
class EventService(Lifecycle):
    """Takes events, and answers the values of features as of any moment, and why they are so."""

    kernels = FEATURE_KERNELS

    def __init__(self) -> None:
        super().__init__()
        self._lookup: FeatureLookup | None = None
        self._compactor: Compactor | None = None
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._rows = RowLimit()

    def obtain(self) -> list[str]:
        """Open the event store, and answer from then on."""
        try:
            settings = EventSettings.from_environment()
            catalog = load_catalog(settings.catalog)
            event_store = open_event_store(settings.event_store, catalog.sources)
            self._use(event_store, catalog, settings)
        except (ServiceError, StoreError) as error:
            reason = f"the service cannot start: {error}"
            self.is_news("start", reason)
            return [reason]
        return []

    def _use(self, event_store: EventStore, catalog: Catalog, settings: EventSettings) -> None:
        lookup = FeatureLookup(event_store, catalog)
        try:
            warm_up(training=False)
            lookup.warm_up()
        except (ServiceError, StoreError):
            event_store.close()
            raise
        self._compactor = Compactor(
            event_store,
            catalog,
            every_s=settings.compact_every_s,
            keep=settings.keep,
            metrics=EventStoreMetrics.of_process(),
        )
        self._compactor.start()
        self.take_events_into(event_store, settings)
        freeze_garbage()
        self._lookup = lookup

    def closings(self) -> Iterable[Closing]:
        """End the compactions and the readers."""
        if self._compactor is not None:
            yield self._compactor.close
        yield self._readers.shutdown

    @events_endpoint
    async def events(self, call: Call, /) -> Response:
        """Take events as CloudEvents 1.0, one or a list; each has a status of its own.

        What is answered as accepted is in the store, and in every later answer.
        """
        return await take_events(self.intake, call)

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

    @question_endpoint("/features")
    async def get_features(self, request: Request, /) -> Response:
        """Answer ``GET /features``."""
        return await self._answer_get(request, features_request, "answer")

    @question_endpoint("/explain")
    async def get_explanation(self, request: Request, /) -> Response:
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
        lookup = self._ready()
        params = query_of(request.scope["query_string"])
        question = await self._in_reader(parse, params, lookup)
        return await self._answer(request_id_of(request), getattr(lookup, answer), question)

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

"""Clients of the services for asyncio: the methods of the blocking ones, to be awaited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.client.connections import AsyncServiceClient
from services.client.requests import (
    Keys,
    OwnSample,
    courier_arrival_request,
    explain_request,
    features_batch_request,
    features_request,
    predict_request,
    travel_request,
)
from services.schemas.common import (
    DEFAULT_LEVELS,
    CloudEvent,
    EventsAnswer,
    Leg,
    PredictAnswer,
    PredictBatchAnswer,
    PredictRequest,
    TravelRequest,
)
from services.schemas.courier_selection import CourierSelectionAnswer, CourierSelectionRequest
from services.schemas.displayed_eta import DisplayedEtaAnswer, DisplayedEtaRequest
from services.schemas.eta import ArrivalRow, CourierArrivalAnswer, EtaAnswer, EtaRequest
from services.schemas.features import ExplainAnswer, FeatureRow, FeaturesAnswer, FeaturesBatchAnswer

__all__ = [
    "AsyncCourierTravelClient",
    "AsyncEtaClient",
    "AsyncEtpClient",
    "AsyncEventClient",
    "AsyncWallEtaClient",
]


class _AsyncEventSender(AsyncServiceClient):
    """What every service that takes events is sent."""

    async def send_events(self, events: Iterable[CloudEvent]) -> EventsAnswer:
        """Send a batch of events; the service has the accepted ones when this returns.

        Raises:
            RequestRefused: the service said no, and why; after 429 and 503 it was asked again
                before.
            ServiceUnreachable: no answer.
        """
        return await self.ask("/events", list(events), EventsAnswer)


class _AsyncEstimatorClient(_AsyncEventSender):
    """What the services of one model have in common."""

    async def predict(
        self,
        order: Mapping[str, Any],
        *,
        sample_id: str | int | None,
        as_of: datetime | None = None,
        levels: Sequence[float] = DEFAULT_LEVELS,
        include_features: bool = False,
    ) -> PredictAnswer:
        """Ask for one estimate.

        Args:
            order: dimensions and facts of the order.
            sample_id: the order's id, or None where it does not exist yet.
            as_of: the moment, timezone-aware; None means now.
            levels: quantile levels to answer, each above 0 and below 1.
            include_features: also answer the features' values.

        Raises:
            RequestRefused: the service said no, and why.
            ServiceUnreachable: no answer.
        """
        request = predict_request(
            order,
            sample_id=sample_id,
            as_of=as_of,
            levels=levels,
            include_features=include_features,
        )
        return await self.ask("/predict", request, PredictAnswer)

    async def predict_batch(self, requests: Iterable[PredictRequest]) -> PredictBatchAnswer:
        """Ask for many estimates at once; each row has its own answer or problem."""
        return await self.ask("/predict_batch", {"rows": list(requests)}, PredictBatchAnswer)


class AsyncEtpClient(_AsyncEstimatorClient):
    """Asks an eTP service when orders are ready.

    >>> import asyncio, httpx
    >>> answer = {
    ...     "request_id": "r",
    ...     "status": "ok",
    ...     "as_of": "2026-03-02T12:00:00Z",
    ...     "sample_id": None,
    ...     "mean_s": 610.0,
    ...     "quantiles_s": {"0.5": 600.0},
    ...     "model": {"tag": "etp:1", "catalog_version": "1.0.0", "fingerprint": "f"},
    ... }
    >>> transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    >>> async def ask() -> float:
    ...     async with AsyncEtpClient("http://etp", transport=transport) as client:
    ...         return (await client.predict({"store_id": "s-1"}, sample_id=None)).mean_s
    >>> asyncio.run(ask())
    610.0
    """


class AsyncWallEtaClient(_AsyncEstimatorClient):
    """Asks a Wall ETA service how long orders take from the moment asked to the door."""


class AsyncCourierTravelClient(_AsyncEventSender):
    """Asks a courier travel service how long one leg of a courier's way takes."""

    async def predict(
        self,
        order: Mapping[str, Any],
        *,
        leg: Leg,
        sample_id: str | int | None,
        as_of: datetime | None = None,
        levels: Sequence[float] = DEFAULT_LEVELS,
        include_features: bool = False,
    ) -> PredictAnswer:
        """Ask for one estimate.

        Args:
            order: dimensions and facts of the order and its courier.
            leg: ``to_store``, ``to_customer`` or ``parking``.
            sample_id: the order's id, or None where it does not exist yet.
            as_of: the moment, timezone-aware; None means now.
            levels: quantile levels to answer, each above 0 and below 1.
            include_features: also answer the features' values.

        Raises:
            RequestRefused: the service said no, and why.
            ServiceUnreachable: no answer.
        """
        request = travel_request(
            order,
            leg=leg,
            sample_id=sample_id,
            as_of=as_of,
            levels=levels,
            include_features=include_features,
        )
        return await self.ask("/predict", request, PredictAnswer)

    async def predict_batch(self, requests: Iterable[TravelRequest]) -> PredictBatchAnswer:
        """Ask for many estimates at once; each row has its own answer or problem."""
        return await self.ask("/predict_batch", {"rows": list(requests)}, PredictBatchAnswer)


class AsyncEtaClient(_AsyncEventSender):
    """Asks the ETA service what its three callers want to know.

    The types stand in ``services.schemas.eta``, ``services.schemas.courier_selection`` and
    ``services.schemas.displayed_eta``.
    """

    async def eta(self, request: EtaRequest) -> EtaAnswer:
        """Ask when one order is delivered, and what that is made of.

        Raises:
            RequestRefused: the service said no, and why.
            ServiceUnreachable: no answer.
        """
        return await self.ask("/eta", request, EtaAnswer)

    async def courier_selection(self, request: CourierSelectionRequest) -> CourierSelectionAnswer:
        """Ask which courier should take which order; errors as of :meth:`eta`."""
        return await self.ask("/courier_selection", request, CourierSelectionAnswer)

    async def displayed_eta(self, request: DisplayedEtaRequest) -> DisplayedEtaAnswer:
        """Ask which ranges to show for stores; errors as of :meth:`eta`."""
        return await self.ask("/displayed_eta", request, DisplayedEtaAnswer)

    async def courier_arrival(
        self,
        orders: Iterable[ArrivalRow],
        *,
        as_of: datetime | None = None,
        levels: Sequence[float] = DEFAULT_LEVELS,
    ) -> CourierArrivalAnswer:
        """Ask when the couriers of a store's orders walk in; errors as of :meth:`eta`.

        Args:
            orders: each has its own answer or problem.
            as_of: the moment, timezone-aware; None means now.
            levels: quantile levels to answer, each above 0 and below 1.
        """
        request = courier_arrival_request(orders, as_of=as_of, levels=levels)
        return await self.ask("/courier_arrival", request, CourierArrivalAnswer)


class AsyncEventClient(_AsyncEventSender):
    """Asks an event service for the values of features."""

    async def features(
        self,
        keys: Keys,
        *,
        sample_id: OwnSample,
        names: Sequence[str] = (),
        topic: str | None = None,
        as_of: datetime | None = None,
        event_times: bool = False,
    ) -> FeaturesAnswer:
        """Ask for the values of features.

        Args:
            keys: a value for each dimension, None where it is missing.
            sample_id: the sample for which this is asked, or None where it does not exist yet; by
                source where there are several.
            names: the features; all that the keys allow, if there are none.
            topic: a topic of the catalog instead of names.
            as_of: the moment, timezone-aware; None means now.
            event_times: also answer which events the values rest on.

        Raises:
            RequestRefused: the service said no, and why.
            ServiceUnreachable: no answer.
        """
        request = features_request(
            keys,
            sample_id=sample_id,
            names=names,
            topic=topic,
            as_of=as_of,
            event_times=event_times,
        )
        return await self.ask("/features", request, FeaturesAnswer)

    async def features_batch(
        self, rows: Iterable[FeatureRow], *, names: Sequence[str] = (), topic: str | None = None
    ) -> FeaturesBatchAnswer:
        """Ask for the same features of many rows; each has its own answer or problem."""
        request = features_batch_request(rows, names=names, topic=topic)
        return await self.ask("/features_batch", request, FeaturesBatchAnswer)

    async def explain(
        self,
        name: str,
        keys: Keys,
        *,
        sample_id: str | int | None,
        as_of: datetime | None = None,
        why: str | int | None = None,
    ) -> ExplainAnswer:
        """Ask why a feature has its value, and why a sample counts in it or does not."""
        request = explain_request(name, keys, sample_id=sample_id, as_of=as_of, why=why)
        return await self.ask("/explain", request, ExplainAnswer)

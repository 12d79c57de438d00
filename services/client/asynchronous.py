"""The asynchronous clients of the services: one typed method per endpoint.

``make generate`` generates the blocking clients from this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.client.async_connection import AsyncServiceClient
from services.client.requests import Keys, OwnSample
from services.core.legs import Leg
from services.schemas.common import (
    DEFAULT_LEVELS,
    CloudEvent,
    EventsAnswer,
    PredictAnswer,
    PredictBatchAnswer,
    PredictRequest,
    TravelRequest,
)
from services.schemas.courier_selection import CourierSelectionAnswer, CourierSelectionRequest
from services.schemas.displayed_eta import DisplayedEtaAnswer, DisplayedEtaRequest
from services.schemas.eta import ArrivalRow, CourierArrivalAnswer, EtaAnswer, EtaRequest
from services.schemas.features import (
    ExplainAnswer,
    ExplainRequest,
    FeatureRow,
    FeaturesAnswer,
    FeaturesBatchAnswer,
    FeaturesRequest,
)

__all__ = [
    "AsyncCourierTravelClient",
    "AsyncEtaClient",
    "AsyncEtpClient",
    "AsyncEventClient",
    "AsyncWallEtaClient",
]


class _AsyncEventSender(AsyncServiceClient):
    """Sends events: every service takes them."""

    async def send_events(self, events: Iterable[CloudEvent]) -> EventsAnswer:
        """Send a batch of events. The service has stored the accepted ones when this returns.

        Raises:
            RequestRefused: the service refused the batch; after 429 and 503 it was sent again
                before.
            ServiceUnreachable: no answer.
        """
        return await self.ask("/events", list(events), EventsAnswer)


class _AsyncEstimatorClient(_AsyncEventSender):
    """Asks a service of one model."""

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
            order: dimensions and facts of the order, by name.
            sample_id: the order's id, or None where it does not exist yet.
            as_of: the moment, timezone-aware; None means now.
            levels: quantile levels to answer, each above 0 and below 1.
            include_features: whether the answer has the values of the features.

        Raises:
            RequestRefused: the service refused the request.
            ServiceUnreachable: no answer.
        """
        request = PredictRequest(
            order=dict(order),
            sample_id=sample_id,
            as_of=as_of,
            levels=list(levels),
            include_features=include_features,
        )
        return await self.ask("/predict", request, PredictAnswer)

    async def predict_batch(self, requests: Iterable[PredictRequest]) -> PredictBatchAnswer:
        """Ask for many estimates at once. Each row has its own answer or problem."""
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
    ...         estimate = await client.predict({"store_id": "s-1"}, sample_id=None)
    ...         return estimate.mean_s
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
            order: dimensions and facts of the order and its courier, by name.
            leg: ``to_store``, ``to_customer`` or ``parking``.
            sample_id: the order's id, or None where it does not exist yet.
            as_of: the moment, timezone-aware; None means now.
            levels: quantile levels to answer, each above 0 and below 1.
            include_features: whether the answer has the values of the features.

        Raises:
            RequestRefused: the service refused the request.
            ServiceUnreachable: no answer.
        """
        request = TravelRequest(
            order=dict(order),
            leg=leg,
            sample_id=sample_id,
            as_of=as_of,
            levels=list(levels),
            include_features=include_features,
        )
        return await self.ask("/predict", request, PredictAnswer)

    async def predict_batch(self, requests: Iterable[TravelRequest]) -> PredictBatchAnswer:
        """Ask for many estimates at once. Each row has its own answer or problem."""
        return await self.ask("/predict_batch", {"rows": list(requests)}, PredictBatchAnswer)


class AsyncEtaClient(_AsyncEventSender):
    """Asks the ETA service the questions of its three callers.

    The types of questions and answers are in ``services.schemas.eta``,
    ``services.schemas.courier_selection`` and ``services.schemas.displayed_eta``.
    """

    async def eta(self, request: EtaRequest) -> EtaAnswer:
        """Ask when one order is delivered, and for the parts of that estimate.

        Raises:
            RequestRefused: the service refused the request.
            ServiceUnreachable: no answer.
        """
        return await self.ask("/eta", request, EtaAnswer)

    async def courier_selection(self, request: CourierSelectionRequest) -> CourierSelectionAnswer:
        """Ask which courier should take which order. Raises what :meth:`eta` raises."""
        return await self.ask("/courier_selection", request, CourierSelectionAnswer)

    async def displayed_eta(self, request: DisplayedEtaRequest) -> DisplayedEtaAnswer:
        """Ask which ranges to show for stores. Raises what :meth:`eta` raises."""
        return await self.ask("/displayed_eta", request, DisplayedEtaAnswer)

    async def courier_arrival(
        self,
        orders: Iterable[ArrivalRow],
        *,
        as_of: datetime | None = None,
        levels: Sequence[float] = DEFAULT_LEVELS,
    ) -> CourierArrivalAnswer:
        """Ask when the couriers of a store's orders arrive. Raises what :meth:`eta` raises.

        Args:
            orders: orders of the store; each has its own answer or problem.
            as_of: the moment, timezone-aware; None means now.
            levels: quantile levels to answer, each above 0 and below 1.
        """
        request = {"orders": list(orders), "as_of": as_of, "levels": list(levels)}
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
            sample_id: the sample for which the features are asked, None where it does not exist
                yet; by source where there are several.
            names: names of features; empty: all features that the keys allow.
            topic: a topic of the catalog, instead of names.
            as_of: the moment, timezone-aware; None means now.
            event_times: whether the answer has the times of the events behind the values.

        Raises:
            RequestRefused: the service refused the request.
            ServiceUnreachable: no answer.
        """
        request = FeaturesRequest(
            keys=dict(keys),
            sample_id=sample_id,
            features=list(names),
            topic=topic,
            as_of=as_of,
            event_times=event_times,
        )
        return await self.ask("/features", request, FeaturesAnswer)

    async def features_batch(
        self, rows: Iterable[FeatureRow], *, names: Sequence[str] = (), topic: str | None = None
    ) -> FeaturesBatchAnswer:
        """Ask for the same features of many rows. Each row has its own answer or problem."""
        request = {"rows": list(rows), "features": list(names), "topic": topic}
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
        """Ask which samples a feature's value rests on.

        Args:
            name: name of the feature.
            keys: a value for each dimension, None where it is missing.
            sample_id: the sample for which the feature is asked, None where it does not exist yet.
            as_of: the moment, timezone-aware; None means now.
            why: id of a sample; the answer says why it counts or does not count.

        Raises:
            RequestRefused: the service refused the request.
            ServiceUnreachable: no answer.
        """
        request = ExplainRequest(
            feature=name, keys=dict(keys), sample_id=sample_id, as_of=as_of, why=why
        )
        return await self.ask("/explain", request, ExplainAnswer)

"""Clients of the services whose calls block: one method per endpoint, typed both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.client.connections import ServiceClient
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
    "CourierTravelClient",
    "EtaClient",
    "EtpClient",
    "EventClient",
    "WallEtaClient",
]


class _EventSender(ServiceClient):
    """What every service that takes events is sent."""

    def send_events(self, events: Iterable[CloudEvent]) -> EventsAnswer:
        """Send a batch of events; the service has the accepted ones when this returns.

        Raises:
            RequestRefused: the service said no, and why; after 429 and 503 it was asked again
                before.
            ServiceUnreachable: no answer.
        """
        return self.ask("/events", list(events), EventsAnswer)


class _EstimatorClient(_EventSender):
    """What the services of one model have in common."""

    def predict(
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
        return self.ask("/predict", request, PredictAnswer)

    def predict_batch(self, requests: Iterable[PredictRequest]) -> PredictBatchAnswer:
        """Ask for many estimates at once; each row has its own answer or problem."""
        return self.ask("/predict_batch", {"rows": list(requests)}, PredictBatchAnswer)


class EtpClient(_EstimatorClient):
    """Asks an eTP service when orders are ready.

    >>> import httpx
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
    >>> with EtpClient("http://etp", transport=transport) as client:
    ...     client.predict({"store_id": "s-1"}, sample_id=None, levels=[0.5]).quantiles_s
    {'0.5': 600.0}
    """


class WallEtaClient(_EstimatorClient):
    """Asks a Wall ETA service how long orders take from the moment asked to the door."""


class CourierTravelClient(_EventSender):
    """Asks a courier travel service how long one leg of a courier's way takes."""

    def predict(
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
        return self.ask("/predict", request, PredictAnswer)

    def predict_batch(self, requests: Iterable[TravelRequest]) -> PredictBatchAnswer:
        """Ask for many estimates at once; each row has its own answer or problem."""
        return self.ask("/predict_batch", {"rows": list(requests)}, PredictBatchAnswer)


class EtaClient(_EventSender):
    """Asks the ETA service what its three callers want to know.

    The types stand in ``services.schemas.eta``, ``services.schemas.courier_selection`` and
    ``services.schemas.displayed_eta``.
    """

    def eta(self, request: EtaRequest) -> EtaAnswer:
        """Ask when one order is delivered, and what that is made of.

        Raises:
            RequestRefused: the service said no, and why.
            ServiceUnreachable: no answer.
        """
        return self.ask("/eta", request, EtaAnswer)

    def courier_selection(self, request: CourierSelectionRequest) -> CourierSelectionAnswer:
        """Ask which courier should take which order; errors as of :meth:`eta`."""
        return self.ask("/courier_selection", request, CourierSelectionAnswer)

    def displayed_eta(self, request: DisplayedEtaRequest) -> DisplayedEtaAnswer:
        """Ask which ranges to show for stores; errors as of :meth:`eta`."""
        return self.ask("/displayed_eta", request, DisplayedEtaAnswer)

    def courier_arrival(
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
        return self.ask("/courier_arrival", request, CourierArrivalAnswer)


class EventClient(_EventSender):
    """Asks an event service for the values of features.

    >>> import httpx
    >>> answer = {
    ...     "request_id": "r",
    ...     "catalog": {"name": "doorstep", "version": "1.0.0", "fingerprint": "f"},
    ...     "as_of": "2026-03-02T12:00:00Z",
    ...     "keys": {"store_id": "s-1"},
    ...     "sample_id": None,
    ...     "features": {"store_queue_orders": 2.0},
    ... }
    >>> transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
    >>> with EventClient("http://events", transport=transport) as client:
    ...     answer = client.features({"store_id": "s-1"}, sample_id=None)
    ...     print(answer.features)
    {'store_queue_orders': 2.0}
    """

    def features(
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
        return self.ask("/features", request, FeaturesAnswer)

    def features_batch(
        self, rows: Iterable[FeatureRow], *, names: Sequence[str] = (), topic: str | None = None
    ) -> FeaturesBatchAnswer:
        """Ask for the same features of many rows; each has its own answer or problem."""
        request = features_batch_request(rows, names=names, topic=topic)
        return self.ask("/features_batch", request, FeaturesBatchAnswer)

    def explain(
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
        return self.ask("/explain", request, ExplainAnswer)

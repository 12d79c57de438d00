"""What the clients ask, from their arguments: the same for the blocking and the other kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.schemas.common import Leg, PredictRequest, TravelRequest
from services.schemas.eta import ArrivalRow
from services.schemas.features import ExplainRequest, FeatureRow, FeaturesRequest

__all__ = [
    "Keys",
    "OwnSample",
    "courier_arrival_request",
    "explain_request",
    "features_batch_request",
    "features_request",
    "predict_request",
]  # fmt: skip

Keys = Mapping[str, str | int | None]
OwnSample = str | int | dict[str, str | int | None] | None


def predict_request(
    order: Mapping[str, Any],
    *,
    sample_id: str | int | None,
    as_of: datetime | None,
    levels: Sequence[float],
    include_features: bool,
) -> PredictRequest:
    """Return the body of ``/predict``."""
    return PredictRequest(
        order=dict(order),
        sample_id=sample_id,
        as_of=as_of,
        levels=list(levels),
        include_features=include_features,
    )


def travel_request(
    order: Mapping[str, Any],
    *,
    leg: Leg,
    sample_id: str | int | None,
    as_of: datetime | None,
    levels: Sequence[float],
    include_features: bool,
) -> TravelRequest:
    """Return the body of ``/predict`` of a courier travel service."""
    return TravelRequest(
        order=dict(order),
        leg=leg,
        sample_id=sample_id,
        as_of=as_of,
        levels=list(levels),
        include_features=include_features,
    )


def courier_arrival_request(
    orders: Iterable[ArrivalRow], *, as_of: datetime | None, levels: Sequence[float]
) -> dict[str, Any]:
    """Return the body of ``/courier_arrival``."""
    return {"orders": list(orders), "as_of": as_of, "levels": list(levels)}


def features_request(
    keys: Keys,
    *,
    sample_id: OwnSample,
    names: Sequence[str],
    topic: str | None,
    as_of: datetime | None,
    event_times: bool,
) -> FeaturesRequest:
    """Return the body of ``/features``."""
    return FeaturesRequest(
        keys=dict(keys),
        sample_id=sample_id,
        features=list(names),
        topic=topic,
        as_of=as_of,
        event_times=event_times,
    )


def features_batch_request(
    rows: Iterable[FeatureRow], *, names: Sequence[str], topic: str | None
) -> dict[str, Any]:
    """Return the body of ``/features_batch``."""
    return {"rows": list(rows), "features": list(names), "topic": topic}


def explain_request(
    name: str,
    keys: Keys,
    *,
    sample_id: str | int | None,
    as_of: datetime | None,
    why: str | int | None,
) -> ExplainRequest:
    """Return the body of ``/explain``."""
    return ExplainRequest(feature=name, keys=dict(keys), sample_id=sample_id, as_of=as_of, why=why)

"""The courier travel service: events in, seconds of each leg of a courier's way out.

To the store, to the customer, and parking: three models over one event store. A request says which
leg it asks for; the rows of a batch may ask for different ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import bentoml
from starlette.responses import Response

from services.bento.endpoints import Call, json_endpoint
from services.bento.guarded import guarded
from services.bento.tuning import SERVICE_OPTIONS
from services.core.settings.models import CourierTravelSettings
from services.estimation.loading import ServedPart
from services.estimator_service import ACCESS, EstimatorService
from services.schemas.common import (
    PredictAnswer,
    PredictBatchAnswer,
    PredictBatchRequest,
    PredictColumnsAnswer,
    PredictColumnsRequest,
    PredictRequest,
    TravelColumnsRequest,
    TravelRequest,
)
from services.schemas.examples import TRAVEL, TRAVEL_BATCH, TRAVEL_COLUMNS

__all__ = ["CourierTravelService"]


@guarded(ACCESS)
@bentoml.service(name="courier_travel", **SERVICE_OPTIONS)
class CourierTravelService(EstimatorService):
    """How long each leg of a courier's way takes: quantiles of seconds, from events of right now.

    The legs lead to the store, to the customer, and from the curb to the door.
    """

    name = "courier_travel"
    parts: ClassVar[Mapping[str, ServedPart]] = {
        "to_store": ServedPart("courier_travel", "eta_to_store", ends="courier_at_store"),
        "to_customer": ServedPart("courier_travel", "eta_to_customer", ends="courier_at_customer"),
        "parking": ServedPart("parking", "eta_parking"),
    }

    @classmethod
    def settings(cls) -> CourierTravelSettings:
        """Return what the environment says."""
        return CourierTravelSettings.from_environment()

    def part_of(self, request: PredictRequest | PredictColumnsRequest) -> str:
        """Return the leg that is asked for."""
        assert isinstance(request, TravelRequest | TravelColumnsRequest)
        return request.leg

    @json_endpoint("/predict", takes=TravelRequest, gives=PredictAnswer, example=TRAVEL)
    async def predict(self, call: Call, /) -> Response:
        """Estimate one leg of a courier's way, as of a moment."""
        return await self.answer_one(call, TravelRequest)

    @json_endpoint(
        "/predict_batch", takes=PredictBatchRequest, gives=PredictBatchAnswer, example=TRAVEL_BATCH
    )
    async def predict_batch(self, call: Call, /) -> Response:
        """Estimate many legs at once; each row has an answer or a problem of its own."""
        return await self.answer_many(call, TravelRequest)

    @json_endpoint(
        "/predict_columns",
        takes=TravelColumnsRequest,
        gives=PredictColumnsAnswer,
        example=TRAVEL_COLUMNS,
    )
    async def predict_columns(self, call: Call, /) -> Response:
        """Estimate one leg of many ways at one moment, column by column, as distributions."""
        return await self.answer_columns(call, TravelColumnsRequest)

"""The Wall ETA service: events in, seconds until an order is delivered out, in one piece.

It needs no order: the range beside a store's name is asked for a store, a zone and a basket. With a
model of the rest (``eta_direct``) it answers at any moment of an order, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import bentoml

from services.bento.guarded import guarded
from services.bento.tuning import SERVICE_OPTIONS
from services.core.settings.models import WallEtaSettings
from services.estimation.loading import ServedPart
from services.estimator_service import ACCESS, EstimatorService

__all__ = ["WallEtaService"]


@guarded(ACCESS)
@bentoml.service(name="wall_eta", **SERVICE_OPTIONS)
class WallEtaService(EstimatorService):
    """How long until an order is delivered: quantiles of seconds, from the events of right now."""

    name = "wall_eta"
    parts: ClassVar[Mapping[str, ServedPart]] = {"direct": ServedPart("wall_eta", "eta_direct")}

    @classmethod
    def settings(cls) -> WallEtaSettings:
        """Return what the environment says."""
        return WallEtaSettings.from_environment()

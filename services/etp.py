"""The eTP service: events in, seconds until an order is ready out.

The aggregators run inside it, over its own event store: there is no feature server to call and no
feature that is minutes old.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import bentoml

from services.bento.guarded import guarded
from services.bento.tuning import SERVICE_OPTIONS
from services.core.settings.models import EtpSettings
from services.estimation.loading import ServedPart
from services.estimator_service import ACCESS, EstimatorService

__all__ = ["EtpService"]


@guarded(ACCESS)
@bentoml.service(name="etp", **SERVICE_OPTIONS)
class EtpService(EstimatorService):
    """How long until an order is ready: quantiles of seconds, from the events of right now."""

    name = "etp"
    parts: ClassVar[Mapping[str, ServedPart]] = {"ready": ServedPart("etp", "eta_ready")}

    @classmethod
    def settings(cls) -> EtpSettings:
        """Return what the environment says."""
        return EtpSettings.from_environment()

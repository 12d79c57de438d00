"""Which models the services answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from services.core.settings.events import StoreSettings
from services.core.settings.variable import Variable

__all__ = [
    "POLICY_VARIABLE",
    "CourierTravelSettings",
    "EstimatorSettings",
    "EtaSettings",
    "EtpSettings",
    "WallEtaSettings",
]

POLICY_VARIABLE = "DOORSTEP_DISPLAY_POLICY"


@dataclass(frozen=True, kw_only=True)
class EstimatorSettings(StoreSettings):
    """Declares the settings of a service of estimators, without its models."""

    model_fields: ClassVar[Mapping[str, str]] = {}
    """Part of the ETA that the service answers -> field with the tag of its model."""

    @property
    def models(self) -> dict[str, str]:
        """The tag of each part's model in the BentoML model store."""
        return {part: getattr(self, field) for part, field in self.model_fields.items()}


@dataclass(frozen=True, kw_only=True)
class EtpSettings(EstimatorSettings):
    """Declares the settings of the eTP service.

    >>> EtpSettings.from_environment(
    ...     {"DOORSTEP_STORE": "/var/lib/doorstep/events.db"}
    ... ).event_store
    '/var/lib/doorstep/events.db'
    """

    services = ("etp",)
    model_fields: ClassVar[Mapping[str, str]] = {"ready": "model"}

    model: Annotated[
        str,
        Variable(
            "DOORSTEP_ETP_MODEL", "tag of the model in the BentoML model store", option="--model"
        ),
    ] = "etp:latest"


@dataclass(frozen=True, kw_only=True)
class CourierTravelSettings(EstimatorSettings):
    """Declares the settings of the courier travel service.

    >>> CourierTravelSettings().models["parking"]
    'eta_parking:latest'
    """

    services = ("courier_travel",)
    model_fields: ClassVar[Mapping[str, str]] = {
        "to_store": "to_store_model",
        "to_customer": "to_customer_model",
        "parking": "parking_model",
    }

    to_store_model: Annotated[
        str,
        Variable(
            "DOORSTEP_TO_STORE_MODEL",
            "tag of the model of the way to the store",
            option="--to-store-model",
        ),
    ] = "eta_to_store:latest"
    to_customer_model: Annotated[
        str,
        Variable(
            "DOORSTEP_TO_CUSTOMER_MODEL",
            "tag of the model of the way to the customer",
            option="--to-customer-model",
        ),
    ] = "eta_to_customer:latest"
    parking_model: Annotated[
        str,
        Variable(
            "DOORSTEP_PARKING_MODEL",
            "tag of the model of parking and handing over",
            option="--parking-model",
        ),
    ] = "eta_parking:latest"


@dataclass(frozen=True, kw_only=True)
class WallEtaSettings(EstimatorSettings):
    """Declares the settings of the Wall ETA service.

    >>> WallEtaSettings(model="eta_direct:latest").to_environment()["DOORSTEP_WALL_ETA_MODEL"]
    'eta_direct:latest'
    """

    services = ("wall_eta",)
    model_fields: ClassVar[Mapping[str, str]] = {"direct": "model"}

    model: Annotated[
        str,
        Variable(
            "DOORSTEP_WALL_ETA_MODEL",
            "tag of the model in the BentoML model store",
            option="--model",
        ),
    ] = "wall_eta:latest"


@dataclass(frozen=True, kw_only=True)
class EtaSettings(StoreSettings):
    """Declares the settings of the ETA service, without the addresses of its parts.

    >>> EtaSettings.from_environment({"DOORSTEP_ETA_MODEL": "eta:good"}).model
    'eta:good'
    """

    services = ("eta",)

    model: Annotated[
        str,
        Variable(
            "DOORSTEP_ETA_MODEL",
            "tag of the composition; it names the models of its parts",
            option="--model",
        ),
    ] = "eta:latest"
    display_policy: Annotated[
        str,
        Variable(
            POLICY_VARIABLE,
            "how ranges are shown ([callers.md](callers.md)): a JSON object, or the path of a file"
            " with one",
            option="--display-policy",
        ),
    ] = ""

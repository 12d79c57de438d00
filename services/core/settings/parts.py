"""Where the parts of an ETA are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from services.core.errors import SettingError
from services.core.legs import Leg
from services.core.limits import PART_TIMEOUT_S
from services.core.settings.variable import FINITE, Settings, Variable

__all__ = ["PartSettings"]


def _check_address(name: str, text: str) -> None:
    if not text.startswith(("http://", "https://")):
        shown = text.rpartition("@")[2]  # before it may stand a password
        raise SettingError(f"{name} is {shown!r}; expected an address such as http://etp:3000")


@dataclass(frozen=True, kw_only=True)
class PartSettings(Settings):
    """Names the services that answer parts of an ETA; an empty address: this process answers.

    >>> PartSettings.from_environment({"DOORSTEP_ETP_URL": "http://etp:3000"}).etp_url
    'http://etp:3000'
    >>> PartSettings.from_environment({"DOORSTEP_ETP_URL": "etp:3000"})
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: DOORSTEP_ETP_URL is 'etp:3000'; expected an ...
    """

    services = ("eta",)

    etp_url: Annotated[
        str,
        Variable(
            "DOORSTEP_ETP_URL",
            "address of the service that answers `ready`; empty: the ETA service itself does",
            option="--etp-url",
            check=_check_address,
        ),
    ] = ""
    courier_travel_url: Annotated[
        str,
        Variable(
            "DOORSTEP_COURIER_TRAVEL_URL",
            "address of the service that answers `to_store`, `to_customer` and `parking`",
            option="--courier-travel-url",
            check=_check_address,
        ),
    ] = ""
    wall_eta_url: Annotated[
        str,
        Variable(
            "DOORSTEP_WALL_ETA_URL",
            "address of the service that answers `direct`",
            option="--wall-eta-url",
            check=_check_address,
        ),
    ] = ""
    timeout_ms: Annotated[
        float,
        Meta(ge=0.0, le=FINITE),
        Variable(
            "DOORSTEP_PART_TIMEOUT_MS",
            "longest wait for a part",
            unit="ms",
            option="--part-timeout-ms",
        ),
    ] = PART_TIMEOUT_S * 1e3

    @property
    def addresses(self) -> dict[str, tuple[str, Leg | None]]:
        """The address of each part, empty where this process answers, and its leg."""
        return {
            "ready": (self.etp_url, None),
            "to_store": (self.courier_travel_url, "to_store"),
            "to_customer": (self.courier_travel_url, "to_customer"),
            "parking": (self.courier_travel_url, "parking"),
            "direct": (self.wall_eta_url, None),
        }

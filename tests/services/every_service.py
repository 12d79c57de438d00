"""All services, in one place: contracts hold for each of them and for each of their endpoints."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.core.settings.events import EventSettings
from services.core.settings.models import (
    CourierTravelSettings,
    EtaSettings,
    EtpSettings,
    WallEtaSettings,
)

LONG_S = 1e10
"""A clock skew under which the events of every year are taken, whatever this machine's clock."""


@dataclass(frozen=True)
class KnownService:
    """A service and how a test starts it.

    ``settings`` gives its environment, its store within a folder; the models are those of the tiny
    ETA that the tests train (the fixture ``saved_eta``).
    """

    name: str
    target: str
    settings: Callable[[Path], dict[str, str]]
    needs_models: bool = True

    @property
    def service(self) -> Any:
        """The BentoML service; importing it loads what it needs."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)

    def endpoints(self) -> dict[str, Any]:
        """The bodies that the service describes as good ones, by path."""
        found = {method.route: method.input_spec.example for method in self.service.apis.values()}
        # Through JSON once: an example may have moments in it.
        return {path: json.loads(json.dumps(example)) for path, example in found.items()}


def _events(folder: Path) -> dict[str, str]:
    event_store = str(folder / "events.db")
    return EventSettings(event_store=event_store, max_clock_skew_s=LONG_S).to_environment()


def _etp(folder: Path) -> dict[str, str]:
    return EtpSettings(model="eta_ready:latest", **_kept(folder)).to_environment()


def _courier_travel(folder: Path) -> dict[str, str]:
    return CourierTravelSettings(**_kept(folder)).to_environment()


def _wall_eta(folder: Path) -> dict[str, str]:
    return WallEtaSettings(model="eta_direct:latest", **_kept(folder)).to_environment()


def _eta(folder: Path) -> dict[str, str]:
    return EtaSettings(**_kept(folder)).to_environment()


def _kept(folder: Path) -> dict[str, Any]:
    return {"event_store": str(folder / "events.db"), "max_clock_skew_s": LONG_S}


EVERY_SERVICE = {
    one.name: one
    for one in (
        KnownService("events", "services.events:EventService", _events, needs_models=False),
        KnownService("etp", "services.etp:EtpService", _etp),
        KnownService(
            "courier_travel", "services.courier_travel:CourierTravelService", _courier_travel
        ),
        KnownService("wall_eta", "services.wall_eta:WallEtaService", _wall_eta),
        KnownService("eta", "services.eta:EtaService", _eta),
    )
}

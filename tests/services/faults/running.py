"""Services in processes of their own, over one store, for what happens when one of them fails."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

from services.bento.process import ServiceProcess
from services.core.settings.models import (
    CourierTravelSettings,
    EtaSettings,
    EtpSettings,
    WallEtaSettings,
)
from tests.patient_http import http_client
from tests.services.faults.proxy import FaultyProxy

QUIET = {
    "DOORSTEP_LOG_SAMPLE": "0",
    "DOORSTEP_LOG_FORMAT": "text",
    "DOORSTEP_PART_TIMEOUT_MS": "1000",  # the default: here, parts hang
}
PEERS = ("etp", "courier_travel", "wall_eta")
TARGETS = {
    "etp": "services.etp:EtpService",
    "courier_travel": "services.courier_travel:CourierTravelService",
    "wall_eta": "services.wall_eta:WallEtaService",
    "eta": "services.eta:EtaService",
}


def settings_of(name: str, event_store: str) -> dict[str, str]:
    """The environment of a service over a store, with the models of the tiny ETA."""
    if name == "etp":
        return EtpSettings(model="eta_ready:latest", event_store=event_store).to_environment()
    if name == "courier_travel":
        return CourierTravelSettings(event_store=event_store).to_environment()
    if name == "wall_eta":
        return WallEtaSettings(model="eta_direct:latest", event_store=event_store).to_environment()
    return EtaSettings(event_store=event_store).to_environment()


def process_of(
    name: str,
    event_store: str,
    folder: Path,
    more: Mapping[str, str] | None = None,
    *,
    ready_path: str = "/readyz",
) -> ServiceProcess:
    """A service that can be started."""
    settings = {**settings_of(name, event_store), **QUIET, **(more or {})}
    return ServiceProcess(
        TARGETS[name], log=folder / f"{name}.log", settings=settings, ready_path=ready_path
    )


@dataclass(frozen=True)
class Composed:
    """The ETA service, which asks its parts over the network, through proxies that can fail.

    ``log`` has what the ETA service prints.
    """

    eta: ServiceProcess
    peers: dict[str, ServiceProcess]
    proxies: dict[str, FaultyProxy]
    http: httpx.Client
    log: Path


@contextmanager
def composed(event_store: str, folder: Path) -> Iterator[Composed]:
    """All four services, each in a process of its own."""
    with ExitStack() as stack:
        peers = {name: process_of(name, event_store, folder) for name in PEERS}
        with ThreadPoolExecutor(len(PEERS)) as starting:
            list(starting.map(stack.enter_context, peers.values()))
        proxies = {name: stack.enter_context(FaultyProxy(peer.url)) for name, peer in peers.items()}
        urls = {f"DOORSTEP_{name.upper()}_URL": proxy.url for name, proxy in proxies.items()}
        eta = stack.enter_context(process_of("eta", event_store, folder, urls))
        http = http_client(eta.url)
        yield Composed(eta, peers, proxies, stack.enter_context(http), folder / "eta.log")


def family_of(service: ServiceProcess) -> list[psutil.Process]:
    """The processes of a service."""
    server = psutil.Process(service.pid)
    return [*server.children(recursive=True), server]


@contextmanager
def stopped(service: ServiceProcess) -> Iterator[None]:
    """Let a service hang: its connections stay, nothing is answered."""
    family = family_of(service)
    for one in family:
        os.kill(one.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGCONT)


def kill(service: ServiceProcess) -> None:
    """End a service at once, as a crash does."""
    for one in family_of(service):
        one.kill()

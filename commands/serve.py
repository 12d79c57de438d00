"""`doorstep serve NAME`: run a service in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from commands.console.output import UserError, console, error_console, reports_errors
from commands.console.ports import DEFAULT_PORTS, MAX_PORT, check_port

if TYPE_CHECKING:
    from estimators.core.errors import RegistryError
    from services.estimation.loading import ServedPart

__all__ = ["serve_app"]

serve_app = typer.Typer(name="serve", help="Run a service.", no_args_is_help=True)


@serve_app.callback()
def _serve() -> None:
    """Run a service."""


Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=MAX_PORT, help="Port to listen on.")]
Store = Annotated[
    str,
    typer.Option(
        help="Where events are kept: path of an SQLite file, redis://... or memory (gone when the"
        " service ends)."
    ),
]
Model = Annotated[str, typer.Option(help="Tag of the saved model.")]
Url = Annotated[
    str,
    typer.Option(help="Address of the service that answers this; empty: this process does."),
]
Skew = Annotated[
    float, typer.Option(min=0.0, help="How many seconds ahead of the clock an event may be.")
]


@serve_app.command("etp")
@reports_errors
def serve_etp(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORTS["etp"],
    model: Model = "etp:latest",
    store: Store = "memory",
    max_clock_skew_s: Skew = 300.0,
) -> None:
    """Run the eTP service until it is interrupted: how long until an order is ready.

    POST /events takes what happens, POST /predict answers one order, /predict_batch and
    /predict_columns many; the OpenAPI description is at /docs.json.
    """
    from services.core.settings.models import EtpSettings
    from services.etp import EtpService

    tag = _tag(model, EtpService.inner.parts["ready"])  # type: ignore[attr-defined]
    settings = EtpSettings(
        model=tag, event_store=_absolute(store), max_clock_skew_s=max_clock_skew_s
    )
    _say("etp", tag, host, port)
    _serve_forever("services.etp:EtpService", host, port, settings.to_environment())


@serve_app.command("courier-travel")
@reports_errors
def serve_courier_travel(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORTS["courier-travel"],
    to_store_model: Annotated[
        str, typer.Option(help="Tag of the model of the way to the store.")
    ] = "eta_to_store:latest",
    to_customer_model: Annotated[
        str, typer.Option(help="Tag of the model of the way to the customer.")
    ] = "eta_to_customer:latest",
    parking_model: Annotated[
        str, typer.Option(help="Tag of the model of parking and handing over.")
    ] = "eta_parking:latest",
    store: Store = "memory",
    max_clock_skew_s: Skew = 300.0,
) -> None:
    """Run the courier travel service until it is interrupted: how long each leg takes.

    Requests say which `leg`: to_store, to_customer or parking. `doorstep train eta` saves a model
    of each.
    """
    from services.core.settings.models import CourierTravelSettings
    from services.courier_travel import CourierTravelService

    parts = CourierTravelService.inner.parts  # type: ignore[attr-defined]
    settings = CourierTravelSettings(
        to_store_model=_tag(to_store_model, parts["to_store"]),
        to_customer_model=_tag(to_customer_model, parts["to_customer"]),
        parking_model=_tag(parking_model, parts["parking"]),
        event_store=_absolute(store),
        max_clock_skew_s=max_clock_skew_s,
    )
    _say("courier_travel", ", ".join(settings.models.values()), host, port)
    target = "services.courier_travel:CourierTravelService"
    _serve_forever(target, host, port, settings.to_environment())


@serve_app.command("wall-eta")
@reports_errors
def serve_wall_eta(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORTS["wall-eta"],
    model: Model = "wall_eta:latest",
    store: Store = "memory",
    max_clock_skew_s: Skew = 300.0,
) -> None:
    """Run the Wall ETA service until it is interrupted: how long until an order is delivered.

    With `--model eta_direct:latest` it answers at any moment of an order, as the eta service asks.
    """
    from services.core.settings.models import WallEtaSettings
    from services.wall_eta import WallEtaService

    tag = _tag(model, WallEtaService.inner.parts["direct"])  # type: ignore[attr-defined]
    settings = WallEtaSettings(
        model=tag, event_store=_absolute(store), max_clock_skew_s=max_clock_skew_s
    )
    _say("wall_eta", tag, host, port)
    _serve_forever("services.wall_eta:WallEtaService", host, port, settings.to_environment())


@serve_app.command("eta")
@reports_errors
def serve_eta(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORTS["eta"],
    model: Annotated[str, typer.Option(help="Tag of the saved ETA.")] = "eta:latest",
    store: Store = "memory",
    max_clock_skew_s: Skew = 300.0,
    display_policy: Annotated[
        str, typer.Option(help="How ranges are shown: JSON, or the path of a file with it.")
    ] = "",
    etp_url: Url = "",
    courier_travel_url: Url = "",
    wall_eta_url: Url = "",
    part_timeout_ms: Annotated[
        float, typer.Option(min=1.0, help="Longest wait for a part, milliseconds.")
    ] = 1_000.0,
) -> None:
    """Run the ETA service until it is interrupted: one ETA that adds up, for three callers.

    All parts are asked in this process, but those for which there is the address of a service.
    """
    from estimators.core.errors import RegistryError
    from estimators.registry import models as registry
    from services.core.settings.models import EtaSettings
    from services.core.settings.parts import PartSettings

    try:
        tag = str(registry.describe(model, estimator=registry.ETA)["tag"])
    except RegistryError as error:
        _allow_broken(model, error)
        tag = model
    settings = EtaSettings(
        model=tag,
        event_store=_absolute(store),
        max_clock_skew_s=max_clock_skew_s,
        display_policy=_absolute_file(display_policy),
    )
    parts = PartSettings(
        etp_url=etp_url,
        courier_travel_url=courier_travel_url,
        wall_eta_url=wall_eta_url,
        timeout_ms=part_timeout_ms,
    ).to_environment()
    PartSettings.from_environment(parts)  # says at once what cannot be
    _say("eta", tag, host, port)
    environment = {**settings.to_environment(), **parts}
    _serve_forever("services.eta:EtaService", host, port, environment)


@serve_app.command("events")
@reports_errors
def serve_events(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORTS["events"],
    store: Store = "memory",
    catalog: Annotated[
        str, typer.Option(help="Catalog that is served, as package.module:NAME.")
    ] = "aggregators.catalog:CATALOG",
    max_clock_skew_s: Skew = 300.0,
    compact_every_s: Annotated[
        float, typer.Option(min=0.0, help="Seconds between compactions; 0: keep everything.")
    ] = 0.0,
    keep: Annotated[
        str, typer.Option(help="How long before now features stay exact after a compaction.")
    ] = "1d",
) -> None:
    """Run the event service until it is interrupted.

    POST /events takes what happens, GET and POST /features answer the catalog's features, /explain
    why they have their values; the OpenAPI description is at /docs.json.
    """
    from services.core.settings.events import EventSettings
    from services.event_store.opening import load_catalog

    served = load_catalog(catalog)
    settings = EventSettings(
        event_store=_absolute(store),
        catalog=catalog,
        max_clock_skew_s=max_clock_skew_s,
        compact_every_s=compact_every_s,
        keep=keep,
    )
    what = f"{len(served)} features of {served.name} {served.version}"
    _say("events", what, host, port)
    _serve_forever("services.events:EventService", host, port, settings.to_environment())


def _tag(model: str, part: ServedPart) -> str:
    """Return the full tag of a saved model, which must be of the right estimator."""
    from estimators.core.errors import RegistryError
    from estimators.registry import models as registry

    try:
        described = registry.describe(model)
    except RegistryError as error:
        _allow_broken(model, error)
        return model
    problem = part.problem(str(described["estimator"]), str(described["target"][-1]))
    if problem:
        raise UserError(f"{described['tag']} {problem}")
    return str(described["tag"])


def _allow_broken(model: str, error: RegistryError) -> None:
    """Explain what a service with a broken model does; raise where there is no model.

    It says that it is not ready, and why, until the model is mended: better than a process that
    ends as often as it is started.
    """
    from estimators.core.errors import EstimatorError
    from estimators.registry import models as registry

    if not _is_broken(model):
        raise error
    try:
        until = f"what is usual by {registry.load_fallback(model).tag} is answered"
    except EstimatorError:  # what is the matter with the model is said already
        until = "nothing is estimated until it is mended"
    error_console.print(f"{error}; {until}", highlight=False)


def _is_broken(model: str) -> bool:
    """Return whether there is a model of a tag, but a broken one."""
    from estimators.registry import models as registry

    name, _, version = model.partition(":")
    tags = [one.tag for one in registry.broken_models()]
    if version in ("", "latest"):
        return any(tag.startswith(f"{name}:") for tag in tags)
    return model in tags


def _say(service: str, what: str, host: str, port: int) -> None:
    """Print what is served where; without a terminal it is the first line of the log."""
    from services.middleware.log_setup import log_line

    check_port(host, port)
    text = f"serving {what} on http://{host}:{port}"
    print(text if console.is_terminal else log_line(service, text), flush=True)  # noqa: T201


def _absolute_file(text: str) -> str:
    """Return a path as an absolute one; what is no path of a file stays as it is."""
    return str(Path(text).resolve()) if text and not text.lstrip().startswith("{") else text


def _absolute(store: str) -> str:
    """Return the address of a store for a process that may run in another folder."""
    from services.core.settings.events import IN_MEMORY
    from services.event_store.opening import is_redis

    if store == IN_MEMORY or is_redis(store):
        return store
    path = Path(store)
    if not path.parent.is_dir():
        raise UserError(f"--store is {store!r}, but there is no folder {str(path.parent)!r}")
    return str(path.resolve())


def _serve_forever(target: str, host: str, port: int, settings: dict[str, str]) -> NoReturn:
    """Replace this process by the server."""
    from services.bento.process import serve_command

    command = serve_command(target, host=host, port=port)
    environment = {**os.environ, **settings}
    environment.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.execve(command[0], command, environment)

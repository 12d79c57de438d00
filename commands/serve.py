"""`doorstep serve etp`, `doorstep serve events`: run a service in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from commands.output import UserError, console, reports_errors

__all__ = ["serve_app"]

serve_app = typer.Typer(name="serve", help="Run a service.", no_args_is_help=True)

MAX_PORT = 65_535


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
Skew = Annotated[
    float, typer.Option(min=0.0, help="How many seconds ahead of the clock an event may be.")
]


@serve_app.command("etp")
@reports_errors
def serve_etp(
    host: Host = "127.0.0.1",
    port: Port = 3000,
    model: Annotated[str, typer.Option(help="Tag of the saved model.")] = "etp:latest",
    store: Store = "memory",
    max_clock_skew_s: Skew = 300.0,
) -> None:
    """Run the eTP service until it is interrupted.

    POST /events takes what happens, POST /predict answers how long an order takes; the OpenAPI
    description is at /docs.json.
    """
    from estimators import registry
    from estimators.etp import Etp
    from services.settings import EtpSettings

    tag = registry.describe(model, estimator=Etp.name)["tag"]
    settings = EtpSettings(model=tag, store=_absolute(store), max_clock_skew_s=max_clock_skew_s)
    console.print(f"serving [bold]{tag}[/] on http://{host}:{port}", highlight=False)
    _serve_forever("services.etp:EtpService", host, port, settings.to_environment())


@serve_app.command("events")
@reports_errors
def serve_events(
    host: Host = "127.0.0.1",
    port: Port = 3000,
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
    from services.event_store import load_catalog
    from services.settings import EventSettings

    served = load_catalog(catalog)
    settings = EventSettings(
        store=_absolute(store),
        catalog=catalog,
        max_clock_skew_s=max_clock_skew_s,
        compact_every_s=compact_every_s,
        keep=keep,
    )
    console.print(
        f"serving {len(served)} features of [bold]{served.name} {served.version}[/] on"
        f" http://{host}:{port}",
        highlight=False,
    )
    _serve_forever("services.events:EventService", host, port, settings.to_environment())


def _absolute(store: str) -> str:
    """Return where a store is, for a process that may run in another folder."""
    from services.event_store import IN_MEMORY, is_redis

    if store == IN_MEMORY or is_redis(store):
        return store
    path = Path(store)
    if not path.parent.is_dir():
        raise UserError(f"--store is {store!r}, but there is no folder {str(path.parent)!r}")
    return str(path.resolve())


def _serve_forever(target: str, host: str, port: int, settings: dict[str, str]) -> NoReturn:
    """Let this process become the server: nothing of it is needed any more."""
    from services.process import serve_command

    command = serve_command(target, host=host, port=port)
    environment = {**os.environ, **settings}
    environment.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.execve(command[0], command, environment)

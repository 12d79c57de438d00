"""`doorstep serve etp`: run a service in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from commands.output import UserError, console, reports_errors

__all__ = ["serve_app"]

serve_app = typer.Typer(name="serve", help="Run a service.", no_args_is_help=True)

MAX_PORT = 65_535


@serve_app.callback()
def _serve() -> None:
    """Run a service."""


@serve_app.command("etp")
@reports_errors
def serve_etp(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=MAX_PORT, help="Port to listen on.")] = 3000,
    model: Annotated[str, typer.Option(help="Tag of the saved model.")] = "etp:latest",
    store: Annotated[
        Path | None,
        typer.Option(
            help="SQLite file that keeps the events. Without it they are kept in memory and are"
            " gone when the service ends.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the eTP service until it is interrupted.

    POST /events takes what happens, POST /predict answers how long an order takes; the OpenAPI
    description is at /docs.json.
    """
    from estimators import registry
    from services.process import serve_command
    from services.settings import EtpSettings

    tag = registry.describe(model)["tag"]
    if store is not None and not store.parent.is_dir():
        raise UserError(f"--store is {str(store)!r}, but there is no folder {str(store.parent)!r}")
    settings = EtpSettings(model=tag, store=str(store.resolve()) if store else "memory")
    console.print(f"serving [bold]{tag}[/] on http://{host}:{port}", highlight=False)
    command = serve_command("services.etp:EtpService", host=host, port=port)
    environment = {**os.environ, **settings.to_environment()}
    environment.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.execve(command[0], command, environment)  # nothing of this process is needed any more

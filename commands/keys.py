"""`doorstep keys`: make, list and revoke the API keys of the services."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from commands.console.output import UserError, console, error_console, reports_errors

__all__ = ["keys_app"]

keys_app = typer.Typer(
    name="keys", help="Make, list and revoke the API keys of the services.", no_args_is_help=True
)


class ScopeName(StrEnum):
    """What a key may ask for, as the command line takes it."""

    routing = "routing"
    app = "app"
    partner = "partner"
    intake = "intake"
    admin = "admin"


File = Annotated[
    Path,
    typer.Option(
        "--file",
        envvar="DOORSTEP_API_KEYS_FILE",
        help="File of the keys; the services read it again when it changes.",
    ),
]


@keys_app.command("create")
@reports_errors
def create(
    name: Annotated[str, typer.Argument(help="Who will have it, such as 'routing engine'.")],
    scope: Annotated[
        list[ScopeName], typer.Option(help="What it may ask for; several times for several.")
    ],
    file: File,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; never, if left out.")
    ] = None,
) -> None:
    """Make a key and print it, this one time: the file keeps only a hash of it."""
    from services.middleware.api_keys import make_key
    from services.middleware.key_file import add_key

    if not file.absolute().parent.is_dir():
        raise UserError(f"--file is {str(file)!r}, but there is no folder {str(file.parent)!r}")
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    text, kept = make_key(name, [one.value for one in scope], expires=expires)
    add_key(file, kept)
    error_console.print(
        f"added {kept.id} to {file}; the key is shown once, keep it safe:", highlight=False
    )
    typer.echo(text)


@keys_app.command("list")
@reports_errors
def list_keys(
    file: File,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the keys of a file: who has them and what they may ask for."""
    from rich.table import Table

    from services.middleware.key_file import read_keys

    keys = list(read_keys(file))
    if as_json:
        shown = [
            {
                "id": key.id,
                "name": key.name,
                "scopes": key.scopes,
                "expires": key.expires and key.expires.isoformat(),
            }
            for key in keys
        ]
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    if not keys:
        console.print(f"{file} has no keys; `doorstep keys create` makes one", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "may ask for", "expires"):
        table.add_column(heading, no_wrap=True)
    for key in keys:
        expires = "never" if key.expires is None else f"{key.expires:%Y-%m-%d %H:%M} UTC"
        if key.expires is not None and key.expires <= datetime.now(UTC):
            expires += " (expired)"
        table.add_row(key.id, key.name, ", ".join(key.scopes), expires)
    console.print(table)


@keys_app.command("revoke")
@reports_errors
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `doorstep keys list` shows it.")],
    file: File,
) -> None:
    """Take a key out of a file; running services refuse it a second later."""
    from services.middleware.key_file import remove_key

    key = remove_key(file, key_id)
    console.print(f"revoked {key.id} of {key.name}", highlight=False)

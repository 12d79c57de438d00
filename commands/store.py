"""``doorstep store``: maintain the file or the Redis server that keeps events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console.output import UserError, console, reports_errors

if TYPE_CHECKING:
    from aggregators.stores.type_repair import MendPlan, MendResult

__all__ = ["store_app"]

store_app = typer.Typer(name="store", help="Look after an event store.", no_args_is_help=True)


@store_app.callback()
def _store() -> None:
    """Stands before its subcommands."""


@store_app.command()
@reports_errors
def mend(
    where: Annotated[str, typer.Argument(help="An SQLite file, or the address of a Redis server.")],
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="NAME=TYPE",
            help="What ids or keys shall be: orders=string, orders.store_id=integer.",
        ),
    ] = None,
    times: Annotated[
        list[str] | None,
        typer.Option(
            help="A source whose events outside the span of sensible times are set aside."
        ),
    ] = None,
    aside: Annotated[
        Path, typer.Option(help="The file for events that cannot be converted.")
    ] = Path("set-aside.jsonl"),
    prefix: Annotated[str, typer.Option(help="What the keys in Redis begin with.")] = "doorstep",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, say what would be done.")
    ] = False,
) -> None:
    """Bring ids and keys of a store to their right types.

    The first event of a store whose types nobody declared decides them; where that one was wrong,
    all right ones are refused. What says the same in the other type is converted ("3" and 3), all
    else is set aside in a file. Services may go on meanwhile.
    """
    from aggregators.stores.type_repair import QuarantineFile

    plans = _plans(types or [], times or [])
    if not plans:
        raise UserError("nothing to mend: expected --type, e.g. --type orders.store_id=integer")
    for plan in plans:
        result = _mend(where, plan, QuarantineFile(aside), prefix=prefix, dry_run=dry_run)
        would = "would be " if dry_run else ""
        console.print(
            f"{plan.source}: {result.converted:,} events {would}converted,"
            f" {result.set_aside:,} {would}set aside"
            + (f" in {aside}" if result.set_aside else "")
            + f", {result.unchanged:,} were right",
            highlight=False,
        )


def _plans(types: list[str], times: list[str]) -> list[MendPlan]:
    from aggregators.stores.type_repair import MendPlan, parse_type

    wanted: dict[str, dict[str, type]] = {source: {} for source in times}
    for text in types:
        source, column, kind = parse_type(text)
        wanted.setdefault(source, {})[column] = kind
    return [
        MendPlan(
            source,
            id_kind=kinds.get(""),
            key_kinds={name: kind for name, kind in kinds.items() if name},
            times=source in times,
        )
        for source, kinds in wanted.items()
    ]


def _mend(
    where: str, plan: MendPlan, quarantine: object, *, prefix: str, dry_run: bool
) -> MendResult:
    from aggregators.stores.sqlite.type_repair import mend_sqlite
    from aggregators.stores.type_repair import QuarantineFile
    from services.event_store.opening import is_redis

    assert isinstance(quarantine, QuarantineFile)
    if not is_redis(where):
        return mend_sqlite(where, plan, quarantine, dry_run=dry_run)
    from aggregators.stores.redis.type_repair import mend_redis  # needs the extra

    return mend_redis(where, plan, quarantine, prefix=prefix, dry_run=dry_run)

"""`doorstep import`: the history of an existing table into an event store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.output import StageProgress, UserError, console, error_console, reports_errors
from commands.output import progress as show_progress

if TYPE_CHECKING:
    from aggregators import AppendResult, EventStore, Source
    from commands.tables import TableFile

__all__ = [
    "CatalogOption",
    "IntegersOption",
    "RenameOption",
    "SourceOption",
    "StoreOption",
    "TimeZoneOption",
    "import_table",
    "source_of_catalog",
]

BATCH_EVENTS = 5_000
"""Events per append."""

StoreOption = Annotated[
    str,
    typer.Option(
        help="SQLite file, or address of a Redis server (redis://host:port/0).", show_default=False
    ),
]
SourceOption = Annotated[str, typer.Option(help="Source of the catalog that the table is of.")]
CatalogOption = Annotated[
    str, typer.Option(help="Catalog that declares the sources, as module:NAME.")
]
RenameOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Column of the file = name in the source, e.g. placed_at=activated; may be repeated.",
        show_default=False,
    ),
]
TimeZoneOption = Annotated[
    str | None,
    typer.Option(
        help="Clock from which times without an offset were read, e.g. Europe/Helsinki or UTC.",
        show_default=False,
    ),
]
IntegersOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Id or dimension that is an integer in a CSV file (text otherwise); may be repeated.",
        show_default=False,
    ),
]
DEFAULT_CATALOG = "aggregators.catalog:CATALOG"


@reports_errors
def import_table(
    store: StoreOption,
    table: Annotated[Path, typer.Option(help="CSV or Parquet file, one row per sample.")],
    source: SourceOption = "orders",
    rename: RenameOption = None,
    time_zone: TimeZoneOption = None,
    integers: IntegersOption = None,
    catalog: CatalogOption = DEFAULT_CATALOG,
) -> None:
    """Take the history of a table into an event store, in chunks.

    The table has one row per sample: its id, a column of times per event, dimensions, attributes.
    What the file lacks is missing. All of it is checked before anything is kept. A second run
    changes nothing; rows that have changed since then do: each later event wins.
    """
    from commands.tables import TableFile, parse_renames
    from services.event_store import IN_MEMORY, load_catalog, open_store

    if store == IN_MEMORY:
        raise UserError("--store memory forgets what it is given; expected a file or redis://...")
    declared = load_catalog(catalog)
    chosen = source_of_catalog(declared.sources, source)
    file = TableFile(
        path=table,
        source=chosen,
        renames=parse_renames(rename or []),
        time_zone=time_zone,
        integers=tuple(integers or ()),
    )
    _tell_columns(file)
    with show_progress() as report:
        n_samples = _check(file, report)
        with open_store(store, declared.sources) as opened:
            result = _append(opened, file, report)
    console.print(
        f"{n_samples:,} samples of {chosen.name}: {result.applied:,} events taken in,"
        f" {result.duplicates:,} were there already, {result.superseded:,} are superseded by later"
        " records",
        highlight=False,
    )


def source_of_catalog(sources: tuple[Source, ...], name: str) -> Source:
    """Return the source of that name, or raise :class:`UserError`."""
    for source in sources:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in sources)
    raise UserError(f"the catalog has no source {name!r}; known: {known}")


def _tell_columns(file: TableFile) -> None:
    """Say what will be missing, and what features that makes empty."""
    if file.absent:
        names = ", ".join(file.absent)
        error_console.print(f"not in the file, so missing: {names}", highlight=False)
    if file.ignored:
        names = ", ".join(file.ignored)
        error_console.print(f"not in the source, so left out: {names}", highlight=False)
    source = file.source
    for event in source.events:
        unknown = [
            column
            for column in source.data_columns
            if column in file.present and source.known_from_event(column) == event
        ]
        if event in file.absent and unknown:
            error_console.print(
                f"[yellow]warning:[/] {', '.join(unknown)} are known from {event!r} on, which the"
                " file lacks: features will not see them",
                highlight=False,
            )


def _check(file: TableFile, report: StageProgress) -> int:
    """Read everything once; returns how many samples there are."""
    import pyarrow as pa

    from aggregators.stores.bulk import read_samples
    from aggregators.stores.facts import facts_of_table
    from aggregators.table import plain_ids

    source, ids = file.source, []
    report("check", 0.0)
    for chunk in file.chunks(progress=lambda done: report("check", done)):
        with _names_file(file):
            samples = read_samples(source, chunk)
            facts_of_table(source, chunk, samples.row_of)
            ids.append(plain_ids(chunk[source.sample_id], f"column {source.sample_id!r}"))
    if not ids:
        raise UserError(f"{file.path.name} has no rows")
    kinds = {str(part.type).removeprefix("large_") for part in ids}
    if len(kinds) > 1:
        raise UserError(f"{file.path.name}: sample ids are {' and '.join(sorted(kinds))}")
    _check_distinct(file, pa.chunked_array([part.cast(ids[0].type) for part in ids]))
    report("check", 1.0)
    return sum(len(part) for part in ids)


def _check_distinct(file: TableFile, ids: Any) -> None:
    import numpy as np
    import pyarrow.compute as pc

    if pc.count_distinct(ids).as_py() == len(ids):
        return
    series = ids.to_pandas()
    second = int(np.argmax(series.duplicated()))
    first = int(np.argmax(series == series.iloc[second]))
    raise UserError(
        f"{file.path.name}, column {file.source.sample_id!r}: {series.iloc[second]!r} stands in"
        f" rows {first + 1} and {second + 1}; expected one row per sample"
    )


class _names_file:
    """Puts the file's name before the errors of the engine, which name column and row."""

    def __init__(self, file: TableFile) -> None:
        self.file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        from aggregators import AggregatorError

        if isinstance(error, AggregatorError):
            raise UserError(f"{self.file.path.name}, {error}") from error


def _append(store: EventStore, file: TableFile, report: StageProgress) -> AppendResult:
    from aggregators import AppendResult
    from aggregators.stores.bulk import events_of_table

    applied = duplicates = superseded = 0
    report("import", 0.0)
    progress: Callable[[float], None] = lambda done: report("import", done)  # noqa: E731
    for chunk in file.chunks(progress=progress):
        for batch in events_of_table(file.source, chunk, BATCH_EVENTS):
            with _names_file(file):
                result = store.append(batch)
            applied += result.applied
            duplicates += result.duplicates
            superseded += result.superseded
    report("import", 1.0)
    return AppendResult(applied, duplicates, superseded)

"""`doorstep import`: the history of an existing table into an event store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.option_groups import with_options
from commands.console.output import StageProgress, UserError, console, error_console, reports_errors
from commands.console.output import progress as show_progress
from commands.options.data import MappingOption
from commands.options.tables import TABLE_OPTIONS, TableChoice

if TYPE_CHECKING:
    from aggregators import AppendResult, EventStore, Source
    from commands.data.mapped_tables import MappedFile
    from commands.data.tables import TableFile

    File = TableFile | MappedFile

__all__ = [
    "CatalogOption",
    "StoreOption",
    "import_table",
]

BATCH_EVENTS = 5_000
"""Events per append."""

StoreOption = Annotated[
    str,
    typer.Option(
        help="SQLite file, or address of a Redis server (redis://host:port/0).", show_default=False
    ),
]
TableOption = Annotated[
    Path | None,
    typer.Option(
        help="CSV or Parquet file, one row per sample; with --mapping in place of its file.",
        show_default=False,
    ),
]
CatalogOption = Annotated[
    str, typer.Option(help="Catalog that declares the sources, as module:NAME.")
]
DEFAULT_CATALOG = "aggregators.catalog:CATALOG"


def _import_table(
    store: StoreOption,
    columns: TableChoice,
    table: TableOption = None,
    mapping: MappingOption = None,
    catalog: CatalogOption = DEFAULT_CATALOG,
) -> None:
    """Take the history of a table into an event store, in chunks.

    The table has one row per sample: its id, a column of times per event, dimensions, attributes.
    What the file lacks is missing; a table of which no dimension is recognised, or in which a
    missing column seems to have another name, is refused. With --mapping its YAML says what the
    columns are, and its further tables are taken, too. All of it is checked before anything is
    kept. A second run changes nothing; rows that have changed since then do: each later event wins.
    """
    from services.core.settings.events import IN_MEMORY
    from services.event_store.opening import load_catalog, open_event_store

    if store == IN_MEMORY:
        raise UserError("--store memory forgets what it is given; expected a file or redis://...")
    declared = load_catalog(catalog)
    files = _files(table, mapping, columns, declared.sources)
    for file in files:
        _tell_columns(file)
    with show_progress() as report:
        counts = [_check(file, report) for file in files]
        with open_event_store(store, declared.sources) as opened:
            results = [_append(opened, file, report) for file in files]
    for file, n_samples, result in zip(files, counts, results, strict=True):
        console.print(
            f"{n_samples:,} samples of {file.asked.name}: {result.applied:,} events taken in,"
            f" {result.duplicates:,} were there already, {result.superseded:,} are superseded by"
            " later records",
            highlight=False,
        )


import_table = reports_errors(with_options(_import_table, columns=TABLE_OPTIONS))


def _files(
    table: Path | None, mapping: Path | None, columns: TableChoice, sources: tuple[Source, ...]
) -> Sequence[File]:
    if mapping is None:
        if table is None:
            raise UserError("there is no table: pass --table FILE (CSV or Parquet), or --mapping")
        return [columns.file(table, sources)]
    if columns.describes_columns:
        raise UserError(
            "--mapping says what the columns are; --rename, --time-zone and --integers are for a"
            " table without one"
        )
    from commands.data.mapped_tables import mapped_files

    return mapped_files(mapping, table, sources)


def _tell_columns(file: File) -> None:
    """Say what will be missing, and what features that makes empty."""
    if file.absent:
        names = ", ".join(file.absent)
        error_console.print(f"not in the file, so missing: {names}", highlight=False)
    if file.ignored:
        names = ", ".join(file.ignored)
        error_console.print(f"not in the source, so left out: {names}", highlight=False)
    source = file.asked
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


def _check(file: File, report: StageProgress) -> int:
    """Read everything once; returns how many samples there are."""
    import numpy as np
    import pyarrow as pa

    from commands.data.sample_check import check_samples

    report("check", 0.0)
    ids, numbers = [], []
    for chunk in file.chunks(progress=lambda done: report("check", done)):
        ids.append(check_samples(file, file.asked, chunk))
        numbers.append(chunk.index.to_numpy())
    if not ids:
        raise UserError(f"{file.path.name} has no rows")
    kinds = {str(part.type).removeprefix("large_") for part in ids}
    if len(kinds) > 1:
        raise UserError(f"{file.path.name}: sample ids are {' and '.join(sorted(kinds))}")
    together = pa.chunked_array([part.cast(ids[0].type) for part in ids])
    _check_distinct(file, together, np.concatenate(numbers))
    report("check", 1.0)
    return sum(len(part) for part in ids)


def _check_distinct(file: File, ids: Any, numbers: Any) -> None:
    """Refuse an id that stands twice; ``numbers`` are those of the rows in the file."""
    import numpy as np
    import pyarrow.compute as pc

    if pc.count_distinct(ids).as_py() == len(ids):
        return
    series = ids.to_pandas()
    second = int(np.argmax(series.duplicated()))
    first = int(np.argmax(series == series.iloc[second]))
    where = file.located(f"rows {numbers[first]} and {numbers[second]}")
    raise UserError(
        f"{file.path.name}, column {file.asked.sample_id!r}: {series.iloc[second]!r} stands in"
        f" {where}; expected one row per sample"
    )


def _append(store: EventStore, file: File, report: StageProgress) -> AppendResult:
    from aggregators import AppendResult
    from aggregators.stores.bulk import events_of_table
    from commands.data.sample_check import names_file

    applied = duplicates = superseded = 0
    report("import", 0.0)
    progress: Callable[[float], None] = lambda done: report("import", done)  # noqa: E731
    for chunk in file.chunks(progress=progress):
        for batch in events_of_table(file.asked, chunk, BATCH_EVENTS):
            with names_file(file):
                result = store.append(batch)
            applied += result.applied
            duplicates += result.duplicates
            superseded += result.superseded
    report("import", 1.0)
    return AppendResult(applied, duplicates, superseded)

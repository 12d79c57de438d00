"""`doorstep export`: the history that an event store keeps, as a table for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.console.output import UserError, console, progress, reports_errors
from commands.data.catalog_sources import source_of_catalog
from commands.import_ import (
    DEFAULT_CATALOG,
    CatalogOption,
    StoreOption,
)
from commands.options.tables import SourceOption

__all__ = ["export"]


@reports_errors
def export(
    store: StoreOption,
    to: Annotated[Path, typer.Option(help="Parquet file to write; appears when it is complete.")],
    source: SourceOption = "orders",
    overwrite: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
    catalog: CatalogOption = DEFAULT_CATALOG,
) -> None:
    """Write the samples of a source to a Parquet file, one row each, ready for training.

    `doorstep import` takes such a file back, and features computed from it equal those of the
    store.
    """
    from services.event_store.opening import is_redis, load_catalog, open_event_store

    declared = load_catalog(catalog)
    chosen = source_of_catalog(declared.sources, source)
    if not is_redis(store) and not Path(store).is_file():
        raise UserError(f"there is no event store {store!r}")
    if to.suffix != ".parquet":
        raise UserError(f"--to is {str(to)!r}; expected a file that ends in .parquet")
    if not to.parent.is_dir():
        raise UserError(f"--to is {str(to)!r}, but there is no folder {str(to.parent)!r}")
    if to.exists() and not overwrite:
        raise UserError(f"there is a file {str(to)!r} already; pass --overwrite to replace it")
    with progress() as report, open_event_store(store, declared.sources) as opened:
        report("export", 0.0)
        n_samples = opened.export(
            chosen, to, progress=lambda done, total: report("export", done / max(total, 1))
        )
        report("export", 1.0)
    console.print(f"{n_samples:,} samples of {chosen.name} in {to}", highlight=False)

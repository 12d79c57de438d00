"""Write tables of samples to Parquet files, chunk by chunk; a file appears when it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TEXTS_AS_THEY_ARE", "complete_file", "write_frames"]

TEXTS_AS_THEY_ARE = {b"doorstep.missing_texts": b"[]"}
"""Metadata of a file in which no text stands for a missing value: a store may be called NA."""


@contextmanager
def complete_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary file, which replaces the wanted one when the context ends without error."""
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def write_frames(
    frames: Iterator[pd.DataFrame],
    path: str | Path,
    *,
    total: int,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write tables of the same columns, one row group each; return how many rows."""
    done = 0
    writer: pq.ParquetWriter | None = None
    with complete_file(path) as partial:
        try:
            for frame in frames:
                table = pa.Table.from_pandas(frame, preserve_index=False)
                if writer is None:
                    metadata = {**(table.schema.metadata or {}), **TEXTS_AS_THEY_ARE}
                    table = table.replace_schema_metadata(metadata)
                    writer = pq.ParquetWriter(partial, table.schema, compression="zstd")
                writer.write_table(table.cast(writer.schema))
                done += len(frame)
                if progress is not None:
                    progress(done, max(done, total))
        finally:
            if writer is not None:
                writer.close()
    return done

"""Write training features to a Parquet file, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aggregators.engine.training import TrainingRun
from aggregators.errors import QueryError
from aggregators.feature import NamedFeatures
from aggregators.tables.parquet_file import complete_file
from aggregators.typing import Float64Array, Int64Array, Native

__all__ = ["write_parquet"]


def write_parquet(
    features: NamedFeatures,
    data: Any,
    path: str | Path,
    *,
    as_of: Any,
    at: Native,
    chunk_rows: Any,
    threads: int | None,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Compute and write features in chunks; see :meth:`FeatureSet.write_parquet`."""
    if isinstance(chunk_rows, bool) or not isinstance(chunk_rows, int) or chunk_rows < 1:
        raise QueryError(f"chunk_rows is {chunk_rows!r}; expected a whole number of at least 1")
    run = TrainingRun(features.features, data, as_of=as_of, at=at, threads=threads)
    schema = _schema(features)
    with (
        complete_file(path) as partial,
        pq.ParquetWriter(partial, schema, compression="lz4", use_dictionary=False) as writer,
        ThreadPoolExecutor(1) as pool,
    ):
        _write_chunks(run, chunk_rows, schema, writer, pool, progress)
    return len(run)


def _write_chunks(
    run: TrainingRun,
    chunk_rows: int,
    schema: pa.Schema,
    writer: pq.ParquetWriter,
    pool: ThreadPoolExecutor,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write each chunk while the next one is computed."""
    pending = None
    for start in range(0, len(run), chunk_rows):
        stop = min(start + chunk_rows, len(run))
        values = run.compute(start, stop)
        if pending is not None:
            pending.result()
        pending = pool.submit(_write, writer, schema, run.queries.as_of[start:stop], values)
        if progress is not None:
            progress(stop, len(run))
    if pending is not None:
        pending.result()


def _schema(features: NamedFeatures) -> pa.Schema:
    fields = [pa.field("as_of", pa.timestamp("us", tz="UTC"))]
    fields += [pa.field(name, pa.float64()) for name in features.names]
    metadata = {"feature_set": features.name, "fingerprint": features.fingerprint}
    return pa.schema(fields, metadata)


def _write(
    writer: pq.ParquetWriter, schema: pa.Schema, as_of: Int64Array, values: Float64Array
) -> None:
    moments = pa.array(as_of).cast(schema.field("as_of").type)
    columns = [moments, *(pa.array(row) for row in values)]
    # Column by column: a batch would be kept encoded as a whole until its row group is complete.
    table = pa.Table.from_arrays(columns, schema=schema)
    writer.write_table(table, row_group_size=max(len(as_of), 1))

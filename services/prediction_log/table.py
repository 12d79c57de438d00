"""Convert served estimates to a table: a row per estimate, a column per feature.

A part of the log is one Parquet file with the columns of :func:`table_of`. Parts of models with
other features have other columns; :func:`read_predictions` merges them. A service that logs nothing
does not load pyarrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregators.times import aware_to_us
from services.core.errors import ServiceError
from services.prediction_log.arrow_columns import (
    float_lists,
    floats,
    integers,
    moments,
    text_lists,
    texts,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["FEATURE_PREFIX", "PredictionLogError", "Served", "part_files", "read_predictions"]

FEATURE_PREFIX = "feature_"
"""The prefix of a feature's column."""
PART_PATTERN = "predictions-*.parquet"


class PredictionLogError(ServiceError):
    """Raised when the log of predictions cannot be read; the reason says what to do."""

    error = "prediction_log"


@dataclass(frozen=True, slots=True)
class Served:
    """Hold one estimate as it was answered.

    Args:
        time: when it was answered, seconds since 1970.
        request_id: of the request.
        trace_id: of its trace, empty where there is none.
        row: its place in a batch; 0 for a single one.
        service: name of the service.
        model_tag: of the model.
        catalog_version: of its features.
        fingerprint: of its features.
        sample_id: of the order, None where it did not exist.
        as_of: the moment for which it was computed.
        status: how it came about.
        notes: what made its status other than ok.
        order: the facts of the request.
        names: of the features.
        features: their values, shape (len(names),).
        mean_s: expected seconds.
        levels: the quantile levels that were asked for.
        quantiles_s: seconds at these levels.
    """

    time: float
    request_id: str
    trace_id: str
    row: int
    service: str
    model_tag: str
    catalog_version: str
    fingerprint: str
    sample_id: str | int | None
    as_of: datetime
    status: str
    notes: Sequence[str]
    order: dict[str, Any]
    names: tuple[str, ...]
    features: NDArray[np.float64]
    mean_s: float
    levels: Sequence[float]
    quantiles_s: Sequence[float]


_TEXTS = (
    "request_id", "trace_id", "service", "model_tag", "catalog_version", "fingerprint", "status",
)  # fmt: skip


def table_of(rows: Sequence[Served]) -> pa.Table:
    """Return estimates of one model as a table; all have the same features.

    ``order`` is JSON, ids of orders are text, and a feature without a value is null.
    """
    import pyarrow as pa

    names, time = rows[0].names, _time()
    columns: dict[str, pa.Array] = {
        "time": moments([round(one.time * 1e6) for one in rows], time),
        "as_of": moments([aware_to_us(one.as_of) for one in rows], time),
        "row": integers([one.row for one in rows]),
        "sample_id": texts([None if one.sample_id is None else str(one.sample_id) for one in rows]),
    }
    for name in _TEXTS:
        columns[name] = texts([getattr(one, name) for one in rows])
    columns["notes"] = text_lists([one.notes for one in rows])
    columns["order"] = texts([msgspec.json.encode(one.order) for one in rows])
    columns["mean_s"] = floats(np.array([one.mean_s for one in rows]))
    for name in ("levels", "quantiles_s"):
        columns[name] = float_lists([getattr(one, name) for one in rows])
    values = np.stack([one.features for one in rows])
    for j, name in enumerate(names):
        column = np.ascontiguousarray(values[:, j])
        columns[FEATURE_PREFIX + name] = floats(column, ~np.isnan(column))
    # Not `pa.table`, which imports pandas.
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def part_files(folder: Path) -> list[Path]:
    """Return the parts of a log, oldest first."""
    return sorted(folder.glob(PART_PATTERN), key=lambda path: path.name)


def read_predictions(
    folder: str | Path,
    *,
    service: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the estimates of a log, in the order in which they were answered.

    Args:
        folder: ``DOORSTEP_PREDICTION_LOG`` of the services that wrote it.
        service: only those of one service, such as ``etp``.
        start: only those answered at this moment or later, timezone-aware.
        end: only those answered before this moment.
        columns: only these columns; all by default. A feature is ``feature_`` and its name.

    Raises:
        PredictionLogError: there is no such folder, no part of the log has such a column, or a
            part cannot be read.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    if not folder.is_dir():
        raise PredictionLogError(f"there is no folder {str(folder)!r}")
    wanted = None if columns is None else list(dict.fromkeys((*columns, "time", "service")))
    tables: list[pa.Table] = []
    for path in part_files(folder):
        try:
            present = pq.read_schema(path).names
            kept = None if wanted is None else [name for name in wanted if name in present]
            table = pq.read_table(path, columns=kept)
        except FileNotFoundError:  # deleted meanwhile, being the oldest
            continue
        except (OSError, pa.ArrowException) as error:
            raise PredictionLogError(f"{path.name} cannot be read: {error}") from None
        tables.append(_within(table, service, start, end))
    if not tables:
        return pd.DataFrame(columns=list(columns or []))
    whole = pa.concat_tables(tables, promote_options="default").sort_by("time")
    missing = set(columns or ()) - set(whole.column_names)
    if missing:
        raise PredictionLogError(f"no part of the log has {', '.join(sorted(missing))}")
    frame: pd.DataFrame = whole.select(list(columns or whole.column_names)).to_pandas()
    return frame


def _within(
    table: pa.Table, service: str | None, start: datetime | None, end: datetime | None
) -> pa.Table:
    import pyarrow.compute as pc

    if service is not None:
        table = table.filter(pc.equal(table["service"], service))
    if start is not None:
        table = table.filter(pc.greater_equal(table["time"], _moment(start)))
    if end is not None:
        table = table.filter(pc.less(table["time"], _moment(end)))
    return table


def _moment(moment: datetime) -> pa.Scalar:
    if moment.tzinfo is None:
        raise PredictionLogError(f"{moment} has no timezone; expected a timezone-aware datetime")
    import pyarrow as pa

    return pa.scalar(moment.astimezone(UTC), _time())


def _time() -> pa.DataType:
    import pyarrow as pa

    return pa.timestamp("us", tz="UTC")

"""Read and make tables: pandas directly; polars, pyarrow and other kinds by way of narwhals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from aggregators.errors import ColumnError
from aggregators.tables.columns import plain_frame
from aggregators.typing import Float64Array, Native

__all__ = ["is_table", "like_input", "n_rows", "to_pandas"]


def is_table(data: object) -> bool:
    """Return whether this is a table of a known kind."""
    if isinstance(data, pd.DataFrame):
        return True
    from narwhals.dependencies import is_into_dataframe

    return bool(is_into_dataframe(data))


def to_pandas(data: Native, columns: Iterable[str], what: str) -> pd.DataFrame:
    """Return the named columns of a table as pandas, without changing their values.

    Raises :class:`ColumnError` naming the columns that the table lacks.
    """
    wanted = list(dict.fromkeys(columns))
    if not is_table(data):
        raise ColumnError(
            f"{what} is {type(data).__name__}; expected a pandas or polars DataFrame or a pyarrow"
            " Table"
        )
    if isinstance(data, pd.DataFrame):
        _check_columns(wanted, [str(name) for name in data.columns], what)
        return plain_frame(data[wanted])
    import narwhals as nw

    if hasattr(data, "column_names"):  # an Arrow table may have a name twice, others cannot
        _check_columns(wanted, data.column_names, what)
    frame = nw.from_native(data, eager_only=True)
    _check_columns(wanted, frame.columns, what)
    # Arrow's types survive: integers with gaps stay integers.
    arrow = {name: _to_arrow(frame, name, what) for name in wanted}
    return plain_frame(pa.table(arrow).to_pandas(types_mapper=pd.ArrowDtype))


def _to_arrow(frame: Any, name: str, what: str) -> pa.ChunkedArray:
    """Return a column in Arrow, or raise :class:`ColumnError` where Arrow has no such type."""
    try:
        return frame.select(name).to_arrow().column(0)
    except (pa.ArrowException, pa.ArrowInvalid, ValueError, TypeError) as error:
        raise ColumnError(
            f"{what}, column {name!r} is of type {frame.schema[name]}, which Arrow does not know;"
            " expected integers, floats, strings or timestamps"
        ) from error


def _check_columns(wanted: Sequence[str], given: Sequence[str], what: str) -> None:
    lacking = [name for name in wanted if name not in given]
    if lacking:
        raise ColumnError(
            f"{what} lacks the column(s) {', '.join(map(repr, lacking))}; it has"
            f" {', '.join(map(repr, given)) or 'none'}"
        )
    repeated = [name for name in wanted if list(given).count(name) > 1]
    if repeated:
        raise ColumnError(f"{what} has the column {repeated[0]!r} more than once; expected one")


def n_rows(data: Native) -> int:
    """Return how many rows a table has."""
    return int(data.num_rows) if hasattr(data, "num_rows") else len(data)


def like_input(data: Native, values: Float64Array, names: Sequence[str]) -> Any:
    """Return values, shape (n_columns, n_rows), as a table of the kind, and index, of ``data``."""
    if isinstance(data, pd.DataFrame):
        return pd.DataFrame(values.T, index=data.index, columns=list(names), copy=False)
    import narwhals as nw

    frame = nw.from_native(data, eager_only=True)
    columns = {name: values[i] for i, name in enumerate(names)}
    return nw.from_dict(columns, backend=frame.implementation).to_native()

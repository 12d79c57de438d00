"""The columns of a chunk of rows, read as the kinds that expressions ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from commands.console.output import UserError
from commands.data.expressions.kernels import to_text
from commands.data.expressions.kinds import ARROW_TYPES, Kind, kind_of_type
from commands.data.table_values import to_series

__all__ = ["ChunkColumns"]

EXACT_MAX = 2**53
"""Larger integers are not exact as numbers."""

Reader: TypeAlias = Callable[["pd.Series[Any]", str], "pd.Series[Any]"]


class ChunkColumns:
    """Columns of a chunk; see :class:`commands.data.expressions.terms.ReadableColumns`.

    Args:
        path: of the file, for errors.
        arrays: column -> its values, as the file has them.
        rows: the number of each row in the file.
        numbers: reads texts as numbers, or raises an error that names the row.
        moments: reads texts, or times without an offset, as moments, or raises such an error.
    """

    def __init__(
        self,
        path: Path,
        arrays: Mapping[str, pa.Array],
        rows: pd.Index[Any],
        *,
        numbers: Reader,
        moments: Reader,
    ) -> None:
        self._path = path
        self.arrays = dict(arrays)
        self.rows = rows
        self._numbers = numbers
        self._moments = moments
        self._read: dict[tuple[str, Kind], pa.Array] = {}

    def values(self, name: str, kind: Kind) -> pa.Array:
        """Return the values of a column, read as a kind.

        Raises:
            UserError: a value is not of this kind; the message names its row.
        """
        key = name, kind
        if key not in self._read:
            self._read[key] = self._converted(name, kind)
        return self._read[key]

    def add(self, name: str, values: Any, kind: Kind) -> None:
        """Add a derived column; a scalar stands in every row."""
        self.arrays[name] = self._read[name, kind] = self._array(values)

    def keep(self, condition: Any) -> int:
        """Keep the rows for which a condition is true; return for how many it is missing."""
        decided = self._array(condition)
        kept = pc.fill_null(decided, False)
        self.arrays = {name: column.filter(kept) for name, column in self.arrays.items()}
        self.rows = self.rows[kept.to_numpy(zero_copy_only=False)]
        self._read = {}
        undecided: int = decided.null_count
        return undecided

    def output(self, name: str) -> pa.Array:
        """Return a column as the reader of tables takes it: conditions are 1 and 0."""
        column = self.arrays[name]
        return pc.cast(column, pa.int64()) if pa.types.is_boolean(column.type) else column

    def refused(self, name: str, why: str) -> UserError:
        """Return the error about a derived column."""
        first, last = (self.rows[0], self.rows[-1]) if len(self.rows) else (0, 0)
        return UserError(f"{self._path.name}, column {name!r}, rows {first} to {last}: {why}")

    def _array(self, values: Any) -> pa.Array:
        is_scalar = isinstance(values, pa.Scalar)
        return pa.repeat(values, len(self.rows)) if is_scalar else values

    def _converted(self, name: str, kind: Kind) -> pa.Array:
        column = self.arrays[name]
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        held = kind_of_type(column.type)
        if kind is Kind.TIME:
            return self._as_moments(column, name)
        if kind is Kind.NUMBER:
            return self._as_numbers(column, held, name)
        if kind is Kind.TEXT and held is Kind.NUMBER and not pa.types.is_integer(column.type):
            return to_text(self._as_numbers(column, held, name), Kind.NUMBER)
        return pc.cast(column, ARROW_TYPES[kind])

    def _as_numbers(self, column: pa.Array, held: Kind | None, name: str) -> pa.Array:
        if held is Kind.TEXT:
            numbers = self._numbers(self._series(column), name)
            return pa.array(numbers.to_numpy(np.float64, na_value=np.nan), from_pandas=True)
        if pa.types.is_integer(column.type):
            wide = pc.or_(pc.greater(column, EXACT_MAX), pc.less(column, -EXACT_MAX))
            if pc.any(wide).as_py():
                row = self.rows[int(np.argmax(pc.fill_null(wide, False).to_numpy(False)))]
                raise UserError(
                    f"{self._path.name}, column {name!r}, row {row}: the integer is too large for"
                    f" an exact number; text({name}) compares it as a text"
                )
        numbers = pc.cast(column, pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)

    def _as_moments(self, column: pa.Array, name: str) -> pa.Array:
        type_ = column.type
        if pa.types.is_timestamp(type_) and type_.tz is not None:
            return pc.cast(column, ARROW_TYPES[Kind.TIME], safe=False)
        moments = self._moments(self._series(column), name)
        return pa.array(moments.dt.as_unit("us"), type=ARROW_TYPES[Kind.TIME], from_pandas=True)

    def _series(self, column: pa.Array) -> pd.Series[Any]:
        series = to_series(column)
        series.index = self.rows
        return series

"""Columns of rows as dictionaries: each value once, and for each row which of them it has.

Two hundred couriers for ten orders make two thousand rows, whose facts have ten or two hundred
different values. What is checked, encoded or converted is a value of the dictionary, not a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

import numpy as np

from estimators.core.typing import FloatArray, IntArray

__all__ = ["Column", "DictionaryColumn", "rows_of_columns"]


class DictionaryColumn(Sequence[Any]):
    """A column whose rows share values, as Arrow's dictionary arrays do.

    Args:
        values: the dictionary; a value may stand in it more than once.
        indices: of each row, the place of its value, shape (n_rows,).

    >>> city = DictionaryColumn(["BCN", "WAW"], np.array([0, 1, 1]))
    >>> city[2], city.tolist(), city.take(np.array([2, 0])).tolist()
    ('WAW', ['BCN', 'WAW', 'WAW'], ['WAW', 'BCN'])
    """

    __slots__ = ("indices", "values")

    def __init__(self, values: Sequence[Any], indices: IntArray) -> None:
        self.values = values
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, row: int) -> Any: ...

    @overload
    def __getitem__(self, row: slice) -> DictionaryColumn: ...

    def __getitem__(self, row: int | slice) -> Any:
        """Return the value of a row, or a column of some rows."""
        if isinstance(row, slice):
            return DictionaryColumn(self.values, self.indices[row])
        return self.values[self.indices[row]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """Return the value of each row."""
        return list(map(self.values.__getitem__, self.indices.tolist()))

    def take(self, rows: IntArray) -> DictionaryColumn:
        """Return some rows, in any order; their values are not copied."""
        return DictionaryColumn(self.values, self.indices[rows])


Column: TypeAlias = Sequence[Any] | FloatArray
"""One value per row: a list, an array of numbers (NaN is missing), or a dictionary."""


def rows_of_columns(columns: Mapping[str, Column], rows: IntArray) -> dict[str, Column]:
    """Return some rows of columns, in any order, each as often as it is asked for.

    >>> rows_of_columns({"city": ["BCN", "WAW"]}, np.array([1, 1]))["city"]
    ['WAW', 'WAW']
    """
    taken: dict[int, IntArray] = {}  # columns about the same thing share their indices
    found: dict[str, Column] = {}
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            found[name] = column[rows]
        elif isinstance(column, DictionaryColumn):
            key = id(column.indices)
            if key not in taken:
                taken[key] = column.indices[rows]
            found[name] = DictionaryColumn(column.values, taken[key])
        else:  # no dictionary of it: what other rows say must not meet these
            found[name] = [column[row] for row in rows.tolist()]
    return found

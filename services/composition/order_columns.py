"""Columns of requests: of known names, as long as they must be, each value checked on its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.core.errors import InvalidRequest
from services.schemas.vocabulary import Vocabulary

__all__ = ["RowErrors", "check_length", "checked_columns", "object_array", "taken"]

ObjectArray = NDArray[np.object_]
IntArray = NDArray[np.int64]
RowErrors = dict[int, InvalidRequest]
"""Why rows are refused, by their places."""


def check_length(column: Sequence[Any], n: int, path: str, of: str) -> None:
    """Raise :class:`InvalidRequest` unless a column has a value for each of so many rows."""
    if len(column) != n:
        raise InvalidRequest(f"has {len(column)} values; expected {n}, one per {of}", field=path)


def checked_columns(
    columns: Mapping[str, Sequence[Any]],
    n: int,
    vocabulary: Vocabulary,
    *,
    path: str,
    of: str,
    errors: RowErrors,
) -> dict[str, ObjectArray]:
    """Return columns as arrays of objects, shape (n,); a value that cannot be refuses its row.

    Args:
        columns: as they were sent.
        n: rows that there are.
        vocabulary: which columns there can be.
        path: where they stand in the request.
        of: what a row is, in the words of errors.
        errors: takes the refused rows, the first problem of each.

    Raises:
        InvalidRequest: a column of an unknown name, or of another length.
    """
    vocabulary.check_names(columns, path)
    arrays: dict[str, ObjectArray] = {}
    for name, column in columns.items():
        check_length(column, n, f"{path}.{name}", of)
        bad = vocabulary.bad_values(name, column, path)
        for row, error in bad.items():
            errors.setdefault(row, InvalidRequest(error.reason, field=f"{error.field}[{row}]"))
        arrays[name] = object_array(column)
        arrays[name][list(bad)] = None
    return arrays


def object_array(values: Iterable[Any]) -> ObjectArray:
    """Return values as an array that keeps them as they are."""
    given = list(values)
    array: ObjectArray = np.empty(len(given), dtype=object)
    array[:] = given
    return array


def taken(columns: Mapping[str, ObjectArray], rows: IntArray) -> dict[str, list[Any]]:
    """Return the values of some rows, repeated where a row stands more than once."""
    return {name: column[rows].tolist() for name, column in columns.items()}

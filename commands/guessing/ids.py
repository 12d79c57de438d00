"""Find the column that identifies a row, and columns that only number the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from commands.guessing.words import is_count_of_rows, is_id

__all__ = ["differ_within_ids", "id_of", "numbers_rows", "repeated_id_of"]

COUNTER_SPAN = 2
"""A counter skips at most about every second number."""
SAME_SHARE = 0.99
"""So many ids with several rows must have the same events in all of them."""


def numbers_rows(column: str, values: pd.Series[Any]) -> bool:
    """Return whether a column only numbers the rows, as programs that write tables add it."""
    if not (is_count_of_rows(column) and pd.api.types.is_integer_dtype(values.dtype)):
        return False
    return bool(values.is_unique)


def id_of(table: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return the column that has each value once; empty: there is none.

    One that is called an id is taken first. An integer without such a name must be a counter.
    """
    unique = [
        column
        for column in columns
        if table[column].notna().all()
        and table[column].is_unique
        and _are_ids(table[column])
        and (is_id(column)[0] or _are_texts_or_counts(table[column]))
    ]
    return min(unique, key=lambda column: [not one for one in reversed(is_id(column))], default="")


def repeated_id_of(table: pd.DataFrame, columns: Sequence[str], times: Sequence[str]) -> str:
    """Return the id of orders of which several rows tell, such as one for each item.

    Such rows have one id and the same events.

    Args:
        table: the rows.
        columns: that may be it.
        times: columns of times.
    """
    for column in columns:
        if not all(is_id(column)) or table[column].isna().any() or not _are_ids(table[column]):
            continue
        repeated = table[table[column].duplicated(keep=False)]
        if not len(repeated):
            continue
        same = [one for one in times if one not in differ_within_ids(repeated, column, times)]
        if len(same) == len(times):
            return column
    return ""


def differ_within_ids(table: pd.DataFrame, id_column: str, columns: Sequence[str]) -> list[str]:
    """Return the columns whose values differ between rows of one id."""
    groups = table.groupby(id_column, sort=False)
    return [
        column
        for column in columns
        if np.mean(groups[column].nunique(dropna=False).to_numpy() > 1) > 1.0 - SAME_SHARE
    ]


def _are_ids(values: pd.Series[Any]) -> bool:
    """Return whether all values are integers, or all texts."""
    if pd.api.types.is_integer_dtype(values.dtype):
        return True
    return bool(values.map(lambda one: isinstance(one, str)).all())


def _are_texts_or_counts(values: pd.Series[Any]) -> bool:
    if not pd.api.types.is_integer_dtype(values.dtype):
        return True
    return bool(values.max() - values.min() < COUNTER_SPAN * len(values))

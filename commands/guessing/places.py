"""Recognise coordinates by name and values, and what stands at one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from commands.guessing.words import is_coordinate

__all__ = ["ends_of", "is_in_one_city", "stands_at_places"]

LIMITS = {"lat": 90.0, "lon": 180.0}
CITY_DEG = 1.5
"""So much do the coordinates of one city span at most, but for a few wrong ones."""
EXPLAINED = 0.2
"""What stands at places explains at least so much of the spread of their coordinates."""


def ends_of(table: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """Return column -> attribute of the coordinates of the two ends of a way.

    Args:
        table: the rows.
        columns: that may be coordinates.
    """
    pairs: dict[str, dict[str, str]] = {}
    for column in columns:
        found = is_coordinate(column)
        if found is None or not pd.api.types.is_numeric_dtype(table[column].dtype):
            continue
        whose, which = found
        if table[column].abs().max() <= LIMITS[which] and which not in pairs.get(whose, {}):
            pairs.setdefault(whose, {})[which] = column
    whole = {whose: pair for whose, pair in pairs.items() if len(pair) == 2}
    if "" in whole and "customer" not in whole and "store" in whole:
        whole["customer"] = whole.pop("")  # the place of the order itself
    return {
        pair[which]: f"{whose}_{which}"
        for whose, pair in whole.items()
        if whose in ("store", "customer")
        for which in LIMITS
    }


def is_in_one_city(table: pd.DataFrame, ends: Sequence[str]) -> bool:
    """Return whether all coordinates but a few lie within a city."""
    if not ends:
        return False
    spans = [table[column].quantile(0.99) - table[column].quantile(0.01) for column in ends]
    return bool(max(spans) < CITY_DEG)


def stands_at_places(table: pd.DataFrame, column: str, ends: dict[str, str]) -> bool:
    """Return whether the rows of each value begin at about one place; without coordinates True.

    The number of a company whose cars pick up everywhere is no store.
    """
    coordinates = [name for name, attribute in ends.items() if attribute.startswith("store_")]
    if not coordinates:
        return True
    rows = table[[column, *coordinates]].dropna()
    n_groups = rows[column].nunique()
    if len(rows) <= n_groups + 1:
        return True
    within = rows[coordinates] - rows.groupby(column)[coordinates].transform("mean")
    around = rows[coordinates] - rows[coordinates].mean()
    inside = np.square(within.to_numpy(np.float64)).sum() / (len(rows) - n_groups)
    total = np.square(around.to_numpy(np.float64)).sum() / (len(rows) - 1)
    return bool(total == 0.0 or 1.0 - inside / total > EXPLAINED)

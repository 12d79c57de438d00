"""The slices of a test period that are scored separately: by city, hour and age of the store."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from estimators.core.dataset import Dataset
from estimators.core.distribution import Distribution
from estimators.core.typing import BoolArray, IntArray
from estimators.evaluation.report import ReportRow
from estimators.evaluation.scores import score
from estimators.features.facts import LOCAL_HOUR, Facts

__all__ = ["score_slices", "slices_of", "store_age_orders"]

Labels = npt.NDArray[np.object_]

SLICES_MAX = 200
"""The most slices of a group; of more values, those with the most rows are scored."""

STORE_AGES = ((0, "0 orders"), (1, "1-4"), (5, "5-19"), (20, "20-99"), (100, "100 and more"))
"""The fewest orders that a store had accepted before, and the name of the slice."""


def slices_of(dataset: Dataset, rows: BoolArray, facts: Facts) -> dict[str, Labels]:
    """Return for each group ("city", "hour", "store age") the slice of each of the rows.

    A group that the data set has no column for is left out; None: the row is in no slice.
    """
    groups: dict[str, Labels] = {}
    table = dataset.table.loc[rows]
    if "city" in table.columns:
        groups["city"] = table["city"].astype(object).to_numpy()
    if facts.timezone_by:
        encoded = facts.encode(table, dataset.as_of_us[rows])
        hour = encoded[:, facts.names.index(LOCAL_HOUR)]
        groups["hour"] = np.array(
            [None if np.isnan(h) else f"{int(h):02d}" for h in hour], dtype=object
        )
    if "store_id" in table.columns:
        age = store_age_orders(dataset)[rows]
        named = np.array([name for _, name in STORE_AGES], dtype=object)
        starts = [start for start, _ in STORE_AGES]
        groups["store age"] = named[np.searchsorted(starts, age, side="right") - 1]
    return groups


def store_age_orders(dataset: Dataset) -> IntArray:
    """Return how many orders each row's store was asked about before the row, shape (n_rows,).

    For the report only; it is no feature.
    """
    store, _ = pd.factorize(dataset.table["store_id"])
    order = np.lexsort((dataset.as_of_us, store))
    sorted_store, sorted_us = store[order], dataset.as_of_us[order]
    starts = np.searchsorted(sorted_store, sorted_store)  # first position of the row's store
    new = np.r_[True, (np.diff(sorted_store) != 0) | (np.diff(sorted_us) != 0)]
    position = np.arange(len(order))
    earliest = np.maximum.accumulate(np.where(new, position, 0))  # equal moments count as one
    age = np.empty(len(order), dtype=np.int64)
    age[order] = earliest - starts
    return age


def score_slices(
    model: str, dataset: Dataset, rows: BoolArray, facts: Facts, predicted: Distribution
) -> Iterator[ReportRow]:
    """Yield a model's scores on every slice of the rows, large slices of a group first."""
    target_s = dataset.target_s[rows]
    for group, labels in slices_of(dataset, rows, facts).items():
        counts = pd.Series(labels).value_counts().head(SLICES_MAX)
        values = counts.index.tolist()
        if group == "hour":
            values.sort()
        if group == "store age":
            values = [name for _, name in STORE_AGES if name in values]
        for value in values:
            inside = labels == value
            scores = score(predicted[inside], target_s[inside], curve=False)
            yield ReportRow(model=model, group=group, value=str(value), scores=scores)

"""Align columns: a pandas Series is taken by its labels, not by place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aggregators.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["align_columns", "aligned"]


def aligned(
    series: pd.Series[Any], labels: pd.Index[Any], what: str, target: str
) -> pd.Series[Any]:
    """Return a Series in the order of labels.

    Args:
        series: one value per row.
        labels: the rows' labels, in their order.
        what: names the series in the message.
        target: names what the labels are of.

    Raises:
        QueryError: the Series has other labels, or labels repeat in another order.

    >>> import pandas as pd
    >>> aligned(
    ...     pd.Series([1, 2], index=["b", "a"]), pd.Index(["a", "b"]), "as_of", "rows"
    ... ).tolist()
    [2, 1]
    """
    if series.index.equals(labels):
        return series
    remedy = f"expected the labels of {target}, or values by place: Series.to_numpy()"
    for index, owner in ((series.index, what), (labels, target)):
        if not index.is_unique:
            label = index[index.duplicated()][0]
            raise QueryError(
                f"{what} is a Series in another order than {target}, and the label {label!r} of"
                f" {owner} repeats: rows cannot be told apart; {remedy}"
            )
    lacking = labels.difference(series.index, sort=False).tolist()
    more = series.index.difference(labels, sort=False).tolist()
    if lacking or more:
        found = f"has nothing for {lacking[0]!r}" if lacking else f"has {more[0]!r} besides"
        raise QueryError(f"{what} is a Series with other labels: it {found}; {remedy}")
    return series.reindex(labels)


def align_columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns with every pandas Series in the order of the first one's labels.

    Raises:
        QueryError: as of :func:`aligned`.
    """
    pandas: Any = sys.modules.get("pandas")  # without this import there is no Series
    result = dict(given)
    first = ""
    for what, value in given.items():
        if pandas is None or not isinstance(value, pandas.Series):
            continue
        if first:
            result[what] = aligned(value, given[first].index, what, first)
        first = first or what
    return result

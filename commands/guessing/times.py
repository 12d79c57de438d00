"""Recognise columns of times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

__all__ = ["as_seconds", "moments_of"]

TIMES_SHARE = 0.95
"""So many of a column's values must be times before it is an event."""

_OFFSET = re.compile(r":\d{2}(?:\.\d+)?\s*(?:Z|[+-]\d{2}(?::?\d{2})?)$")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def moments_of(column: pd.Series[Any]) -> tuple[pd.Series[Any] | None, bool]:
    """Return a column as moments, and whether they have no offset; None: it has no times."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC"), False
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return column.dt.tz_localize("UTC"), True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return None, False
    text = column.dropna().astype("string")
    if not len(text) or text.str.match(_DATE).mean() < TIMES_SHARE:
        return None, False
    moments = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    if moments.notna().mean() < TIMES_SHARE:
        return None, False
    return moments, not bool(text.str.contains(_OFFSET, regex=True).all())


def as_seconds(times: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """Return seconds since 1970 of each column, the columns in the order of their times."""
    start = pd.Timestamp("1970-01-01", tz="UTC")
    seconds = pd.DataFrame({name: (one - start).dt.total_seconds() for name, one in times.items()})
    order = seconds.sub(seconds.min(axis=1), axis=0).median().sort_values(kind="stable")
    return seconds[[*order.index]]

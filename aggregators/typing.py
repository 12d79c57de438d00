"""Types that the package's signatures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NOT_GIVEN",
    "Duration",
    "FeatureRows",
    "Float64Array",
    "Function",
    "Int32Array",
    "Int64Array",
    "Key",
    "Mode",
    "Moment",
    "Native",
    "SampleId",
]

NOT_GIVEN: Any = type("NotGiven", (), {"__repr__": lambda self: "<not given>"})()
"""Stands for an argument that was not given, where None is a value."""

SampleId: TypeAlias = int | str
"""Identifies a sample within its source; all integers or all strings."""

Key: TypeAlias = int | str | None
"""A dimension's value; ``None`` where it is missing."""

Moment: TypeAlias = datetime | int
"""A timezone-aware datetime, or int microseconds UTC."""

Duration: TypeAlias = timedelta | str
"""A positive timedelta, or its text: ``"15min"``, ``"1h"``, ``"7d"``."""

Mode: TypeAlias = Literal["training", "inference"]
"""Many moments over a table, or one moment over a store."""

Function: TypeAlias = Callable[[NDArray[np.float64]], float]
"""A pure function of the selected values, shape (n_values,), never empty, without NaN."""

Native: TypeAlias = Any
"""A pandas or polars DataFrame, or a pyarrow Table."""


class FeatureRows(NamedTuple):
    """Holds the rows for which features are computed, column by column.

    Attributes:
        keys: for each dimension one value for all rows, or one per row; None where it is missing.
        sample_id: one sample, or one per row, or None; with several sources a mapping from source
            name to one of these.
    """

    keys: Mapping[str, Any]
    sample_id: Any


Float64Array: TypeAlias = NDArray[np.float64]
Int64Array: TypeAlias = NDArray[np.int64]
Int32Array: TypeAlias = NDArray[np.int32]

"""The facts of a request (amount, store, hour of the day) as numbers a model can take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Facts"]


class Facts:
    """Encodes what a request says; one implementation for a training table and one request.

    names: the columns it makes, in order: the numbers as they are, categories as codes learned in
    training (unknown and missing: NaN), `local_hour` and `local_weekday` where the timezone is known.
    """

    names: tuple[str, ...]
    inputs: tuple[str, ...]
    """The columns a request should carry."""

    def encode(self, table: pd.DataFrame, as_of_us: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Facts of a table's rows, float64 of shape (n_rows, len(names))."""
        raise NotImplementedError

    def encode_one(self, facts: Mapping[str, Any], as_of_us: int) -> npt.NDArray[np.float64]:
        """Facts of one request, float64 of shape (len(names),), without a DataFrame."""
        raise NotImplementedError

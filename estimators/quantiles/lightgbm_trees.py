"""Evaluates ensembles with LightGBM itself: those that are no sums of plain trees."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from estimators.core.typing import FloatArray

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["LightGbmTrees"]

ONE_THREAD_ROWS = 512
"""Up to this number of rows one thread is quicker than several."""


class LightGbmTrees:
    """Sums of the trees of several ensembles, as :class:`CompiledTrees`; LightGBM is loaded.

    Args:
        models: the text of each ensemble, as LightGBM saves it.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self._models = tuple(models)

    @property
    def n_trees(self) -> int:
        """Trees of all ensembles together."""
        return sum(one.num_trees() for one in self._boosters)

    def sums(self, X: FloatArray) -> FloatArray:
        """Return each ensemble's prediction for rows, shape (n_rows, n_ensembles).

        Args:
            X: float64 of shape (n_rows, n_features); NaN is missing.
        """
        threads = _threads(X)
        return np.column_stack([one.predict(X, num_threads=threads) for one in self._boosters])

    def contributions(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the exact SHAP values of each ensemble, as ``CompiledTrees.contributions``.

        Args:
            X: as for :meth:`sums`, at least one row.
        """
        threads = _threads(X)
        every = [
            np.asarray(one.predict(X, pred_contrib=True, num_threads=threads))
            for one in self._boosters
        ]
        stacked = np.stack(every, axis=1)
        return stacked[:, :, :-1], stacked[0, :, -1]  # the expected value is the same for all rows

    def shares_of_gain(self) -> dict[str, float]:
        """Return each feature's share of the gain of all trees."""
        gain = np.sum([one.feature_importance("gain") for one in self._boosters], axis=0)
        shares = np.asarray(gain / (gain.sum() or 1.0), dtype=np.float64)
        return dict(zip(self._boosters[0].feature_name(), shares.tolist(), strict=True))

    @cached_property
    def _boosters(self) -> list[lgb.Booster]:
        import lightgbm as lgb

        return [lgb.Booster(model_str=text) for text in self._models]


def _threads(X: FloatArray) -> int:
    return 1 if len(X) <= ONE_THREAD_ROWS else 0

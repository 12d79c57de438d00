"""Reports the progress of boosting, tree by tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["BoostingProgress"]


class BoostingProgress:
    """Counts the trees of all levels and reports the fraction that is done.

    Args:
        total: trees of all levels together.
        progress: called with the fraction that is done, 0 to 1; None: no reports.

    >>> done: list[float] = []
    >>> steps = BoostingProgress(2, done.append)
    >>> steps.count(None)
    >>> done
    [0.5]
    """

    def __init__(self, total: int, progress: Callable[[float], None] | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def count(self, _: lgb.callback.CallbackEnv | None) -> None:
        """Count one tree; LightGBM calls it after each."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done / self._total)

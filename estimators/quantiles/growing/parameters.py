"""The parameters of boosting: how the ensembles of every level are grown."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from estimators.core.errors import InputError
from estimators.quantiles.calibration import Scale

__all__ = ["FEW_ROWS", "MANY_ROWS", "BoostingParameters", "MiddleLoss"]

FEW_ROWS = 25_000
MANY_ROWS = 100_000
"""Up to the first the parameters are as given; between them they grow, see ``scaled_to``."""

MiddleLoss: TypeAlias = Literal["l1", "l2", "log"]
"""What the ensembles of the middle level minimise: see :class:`BoostingParameters`."""

GROWTH = {"learning_rate": 2.0, "leaves": 2.0, "outer_leaves": 4.5}
"""The final growth of each parameter (README.md: how it was chosen)."""

GROWN_STEP_MAX = 0.1
"""The largest learning rate to which growth leads."""


@dataclass(frozen=True, kw_only=True)
class BoostingParameters:
    """How the ensembles are grown. The defaults were chosen on inner time splits (README.md).

    Args:
        median_ensembles: ensembles for the level 0.5, of different seeds, which are averaged.
        median_trees: trees of each of them.
        outer_trees: trees for each of the other levels.
        learning_rate: shrinkage of each tree of the median; the others take larger steps, so that
            they converge as well.
        leaves: most leaves of a tree of the median.
        min_rows_per_leaf: fewest rows of such a leaf.
        outer_leaves: most leaves of a tree of the other levels.
        outer_min_rows_per_leaf: fewest rows of such a leaf: a tenth of them determines its value.
        feature_share: share of the features that each tree may use.
        row_share: share of the rows that each tree sees.
        category_smoothing: how strongly rare categories are shrunk towards the others.
        day_profile: whether boosting starts at the profile of the day, see :class:`DayProfile`.
        scale: on which calibration stretches: "log" for durations, "linear" for seconds that may
            be negative.
        middle_loss: what the ensembles of the level 0.5 minimise. "l1" gives medians; "l2" gives
            means, which calibration moves to the median, but which keep the average differences of
            rows if single rows are mostly noise; "log" gives geometric means, between the two, of
            durations alone (see :mod:`estimators.quantiles.growing.log_loss`).
        grow_with_rows: whether many rows may have more leaves and larger steps, see
            :meth:`scaled_to`.
        seed: of everything random.
        num_threads: the most that LightGBM uses; the result does not depend on it.
    """

    median_ensembles: int = 2
    median_trees: int = 200
    outer_trees: int = 100
    learning_rate: float = 0.05
    leaves: int = 31
    min_rows_per_leaf: int = 40
    outer_leaves: int = 7
    outer_min_rows_per_leaf: int = 200
    feature_share: float = 0.4
    row_share: float = 0.8
    category_smoothing: float = 60.0
    day_profile: bool = True
    scale: Scale = "log"
    middle_loss: MiddleLoss = "l1"
    grow_with_rows: bool = True
    seed: int = 0
    num_threads: int = 1

    def __post_init__(self) -> None:
        if self.middle_loss == "log" and self.scale != "log":
            raise InputError(
                "the middle loss 'log' needs durations; on the linear scale, seconds may be"
                " negative: expected 'l1' or 'l2'"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return asdict(self)

    def scaled_to(self, n_rows: int) -> BoostingParameters:
        """Return the parameters for a number of rows: more rows support larger trees.

        The number of trees stays the same, and so does the cost of an estimate.

        >>> BoostingParameters(leaves=31, outer_leaves=7).scaled_to(1_000_000).leaves
        62
        """
        if not self.grow_with_rows or n_rows <= FEW_ROWS:
            return self
        part = min(1.0, math.log(n_rows / FEW_ROWS) / math.log(MANY_ROWS / FEW_ROWS))
        return replace(
            self,
            learning_rate=max(
                self.learning_rate,
                min(GROWN_STEP_MAX, self.learning_rate * GROWTH["learning_rate"] ** part),
            ),
            leaves=round(self.leaves * GROWTH["leaves"] ** part),
            outer_leaves=round(self.outer_leaves * GROWTH["outer_leaves"] ** part),
            grow_with_rows=False,
        )

    def smaller(self) -> BoostingParameters:
        """Return the parameters for a model of few columns, which needs fewer trees.

        >>> small = BoostingParameters(median_ensembles=2, median_trees=200).smaller()
        >>> small.median_ensembles, small.median_trees
        (1, 100)
        """
        return replace(
            self,
            median_ensembles=1,
            median_trees=max(1, self.median_trees // 2),
            outer_trees=max(1, self.outer_trees // 2),
        )

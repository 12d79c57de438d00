"""eTP: how long the kitchen takes, from the order's acceptance (or dispatch) until it is ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aggregators import Aggregator, Duration, Source
from estimators.core.dataset import Dataset
from estimators.features.etp_features import etp_features
from estimators.features.shrinkage import Level, ShrinkageSpec
from estimators.model.base import Estimator

if TYPE_CHECKING:
    from estimators.training.trained import TrainedEstimator

__all__ = ["Etp", "train_etp"]


def _level(dimension: str, subject: str, n: int) -> Level:
    """Return a group with the median and the number of its last n durations."""
    last = f"{subject}_time_to_ready_last_{n}"
    return Level(dimension=dimension, typical=f"{last}_median", count=f"{last}_count")


class Etp(Estimator):
    """Estimated time of preparation: seconds from dispatch or acceptance until ``ready``.

    Its target and the event at which it is asked come from the data set; its features from
    :func:`estimators.features.etp_features.etp_features`.
    """

    name = "etp"
    shrinks = (
        ShrinkageSpec(
            name="store_time_to_ready_shrunk",
            levels=(
                _level("store_id", "store", 200),
                _level("store_category", "category", 500),
                _level("city", "city", 500),
            ),
        ),
    )
    calibration_groups = (*Estimator.calibration_groups, "store_time_to_ready_last_200_count")

    @classmethod
    def features_for(
        cls, source: Source, target: Duration, others: Sequence[Source] = ()
    ) -> list[Aggregator]:
        """Return every feature that the eTP may use of a source; it uses no other."""
        return etp_features(source, target)


def train_etp(dataset: Dataset, **options: Any) -> TrainedEstimator:
    """Train an eTP: :func:`~estimators.training.train.train` with the same options."""
    # Here, because training loads LightGBM, and services that load this class must not.
    from estimators.training.train import train

    return train(Etp, dataset, **options)

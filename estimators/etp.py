"""eTP: how long the kitchen takes, from the order's acceptance (or dispatch) until it is ready."""

from __future__ import annotations

from aggregators import FeatureSet, Source
from estimators.base import Estimator

__all__ = ["Etp", "etp_features"]


def etp_features(source: Source) -> FeatureSet:
    """The real-time features of the eTP that `source` can support."""
    raise NotImplementedError


class Etp(Estimator):
    """Estimated time of preparation; see `Estimator`."""

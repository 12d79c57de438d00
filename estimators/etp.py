"""eTP: how long the kitchen takes, from the order's acceptance (or dispatch) until it is ready."""

from __future__ import annotations

from aggregators import Aggregator, Duration, Source
from aggregators.catalog import features_for
from estimators.base import Estimator

__all__ = ["Etp"]


class Etp(Estimator):
    """Estimated time of preparation."""

    name = "etp"

    @classmethod
    def features_for(cls, source: Source, target: Duration) -> list[Aggregator]:
        """Return the features."""
        return [f for f in features_for(source) if f.dimension != "courier_id"]

"""A fitted estimator and what must be known about it when it is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimators.evaluation.report import Report
from estimators.fallback.model import Fallback
from estimators.model.base import Estimator
from estimators.monitoring.reference import Reference

__all__ = ["TrainedEstimator"]


@dataclass(frozen=True, kw_only=True)
class TrainedEstimator:
    """A fitted estimator and everything that must be known about it when it is served.

    Args:
        estimator: fitted; ``estimator.features`` are its real-time features, ``estimator.facts``
            the facts of the request, ``estimator.estimate(...)`` answers one request.
        report: scores on the data set's test period, beside the baselines.
        metadata: JSON-able: data set and its fingerprint, periods, counts of rows, versions of
            aggregators, catalog and lightgbm, fingerprint of the features.
        reference: what its inputs, labels and answers looked like, to hold later ones against
            it; None: it was saved before there were such statistics.
        fallback: what is said where it cannot be asked; None: it was saved before there was one.
    """

    estimator: Estimator
    report: Report
    metadata: Mapping[str, Any]
    reference: Reference | None = None
    fallback: Fallback | None = None

    def __str__(self) -> str:
        return str(self.report)

    def _repr_html_(self) -> str:
        """Return its scores as a table, as notebooks show it."""
        return self.report._repr_html_()

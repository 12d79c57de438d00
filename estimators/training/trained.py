"""A fitted estimator and the data that its service needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from estimators.evaluation.report import Report
from estimators.fallback.model import Fallback
from estimators.model.base import Estimator
from estimators.monitoring.reference import Reference
from estimators.training.choice_text import choice_lines

__all__ = ["TrainedEstimator"]


@dataclass(frozen=True, kw_only=True)
class TrainedEstimator:
    """A fitted estimator and all data that its service needs.

    Args:
        estimator: fitted; ``estimator.features`` are its real-time features, ``estimator.facts``
            the facts of the request, ``estimator.estimate(...)`` answers one request.
        report: scores on the data set's test period, beside the baselines.
        metadata: JSON-able: data set and its fingerprint, periods, counts of rows, versions of
            aggregators, catalog and lightgbm, fingerprint of the features.
        reference: statistics of its inputs, labels and answers, to compare later ones with; None:
            it was saved without them.
        fallback: the estimate if it cannot be asked; None: it was saved without one.
    """

    estimator: Estimator
    report: Report
    metadata: Mapping[str, Any]
    reference: Reference | None = None
    fallback: Fallback | None = None

    def __str__(self) -> str:
        return "\n".join([str(self.report), *choice_lines(self.metadata)])

    def _repr_html_(self) -> str:
        """Return its scores and how its parameters were chosen, as notebooks show them."""
        lines = "".join(f"<p>{escape(line)}</p>" for line in choice_lines(self.metadata))
        return self.report._repr_html_() + lines

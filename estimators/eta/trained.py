"""A trained ETA, with everything that is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estimators.eta.model import EtaModel
from estimators.evaluation.report import Report

if TYPE_CHECKING:
    from estimators.training.trained import TrainedEstimator

__all__ = ["TrainedEta"]


@dataclass(frozen=True, kw_only=True)
class TrainedEta:
    """A trained ETA and all data that its service needs.

    Args:
        model: fitted, with all its parts.
        parts: the parts, each with its own report and metadata.
        report: scores of the whole on the test period, per stage, beside the baselines.
        metadata: JSON-able.
    """

    model: EtaModel
    parts: Mapping[str, TrainedEstimator]
    report: Report
    metadata: Mapping[str, Any]

    def __str__(self) -> str:
        return str(self.report)

    def _repr_html_(self) -> str:
        """Return its scores as a table, as notebooks show it."""
        return self.report._repr_html_()

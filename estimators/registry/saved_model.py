"""The description of a saved model in the model store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from estimators.evaluation.report import Report
from estimators.fallback.model import Fallback
from estimators.monitoring.reference import Reference

__all__ = ["LoadedFallback", "SavedModel"]


@dataclass(frozen=True, kw_only=True)
class SavedModel:
    """The content of a model beside its trees.

    Args:
        tag: in the model store.
        created: when it was saved, ISO 8601.
        size_bytes: of its files.
        estimator: its name.
        parameters: of the boosting.
        calibration: what was learned on the calibration period, as it is saved.
        features: definitions of its real-time features.
        shrinkage: the columns that it makes of them for stores of few orders.
        report: scores, by slice, too.
        metadata: data, periods, versions, fingerprints.
        reference: what inputs, labels and answers looked like; None: saved before there was one.
        parts: tags of the models that a composed ETA is made of, by part; else empty.
    """

    tag: str
    created: str
    size_bytes: int
    estimator: str
    parameters: Mapping[str, Any]
    calibration: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]]
    shrinkage: Sequence[Mapping[str, Any]]
    report: Report
    metadata: Mapping[str, Any]
    reference: Reference | None
    parts: Mapping[str, str] = field(default_factory=dict)


class LoadedFallback(NamedTuple):
    """A fallback, and the tag of the model that it was saved with."""

    fallback: Fallback
    tag: str

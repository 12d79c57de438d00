"""The metadata of a model in the model store, by which models are listed without being read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimators.evaluation.report import Report
from estimators.evaluation.scores import ALL

__all__ = ["store_metadata"]


def store_metadata(metadata: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Return what the model store keeps: the metadata and the overall scores of a training.

    Missing values are left out, because BentoML's metadata cannot hold them.

    Args:
        metadata: of the training.
        report: of the test period; the scores of each model stand under its name.
    """
    metrics = {
        row.model: _without_none(row.scores.to_json()) for row in report.rows if row.group == ALL
    }
    return {**_without_none(metadata), "metrics": metrics}


def _without_none(document: Any) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in dict(document).items()
        if value is not None and not (isinstance(value, list) and None in value)
    }

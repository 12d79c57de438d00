"""From a tag in the model store to what answers rows: the model, or what is there instead."""

from __future__ import annotations

import logging
from collections.abc import Collection

from estimators import registry
from estimators.errors import EstimatorError
from services.estimates import RowModel
from services.fallback_model import FallbackModel
from services.metrics import EstimateMetrics
from services.part_model import PartModel

__all__ = ["ModelMissing", "load_fallback", "load_part"]

logger = logging.getLogger("doorstep.services")


class ModelMissing(Exception):
    """There is no model that could answer; the message says why."""


def load_part(
    tag: str, *, estimators: Collection[str], metrics: EstimateMetrics, ends: str = ""
) -> PartModel:
    """Load a model with all that it needs to answer, but the store.

    Args:
        tag: of the model in the model store.
        estimators: names of the estimators that it may be.
        metrics: what is timed.
        ends: the event with which its target must end, where one estimator has several; empty: any.

    Raises:
        ModelMissing: there is no such model, it cannot be read, or it is another estimator.
    """
    try:
        trained = registry.load(tag)
        full_tag = str(registry.describe(tag)["tag"])
    except (EstimatorError, OSError) as error:
        raise ModelMissing(str(error)) from error
    estimator = trained.estimator
    if estimator.name not in estimators or ends not in ("", estimator.target.end):
        expected = " or ".join(estimators) + (f" until {ends!r}" if ends else "")
        raise ModelMissing(
            f"{full_tag} is {estimator.name} until {estimator.target.end!r}; expected {expected}"
        )
    return PartModel(estimator, tag=full_tag, metrics=metrics, fallback=trained.fallback)


def load_fallback(tag: str, *, why: str) -> RowModel | None:
    """Return what answers in place of a model that cannot be had; None: there is nothing.

    Args:
        tag: of the model.
        why: what is the matter with it, as the notes say it.
    """
    try:
        found = registry.load_fallback(tag)
    except (EstimatorError, OSError) as error:
        logger.error("no fallback for %s: %s", tag, error)
        return None
    return FallbackModel(found.fallback, tag=found.tag, why=why)

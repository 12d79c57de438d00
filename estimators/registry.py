"""Save and load trained estimators in the BentoML model store (the only user of bentoml here)."""

from __future__ import annotations

from typing import Any

from estimators.training import TrainedEstimator

__all__ = ["describe", "load", "save"]


def save(trained: TrainedEstimator, *, name: str = "etp") -> str:
    """Save a trained estimator to the model store; gives its tag, `"etp:<version>"`.

    The model carries feature names and definitions with their fingerprint, the versions of
    aggregators and catalog, training period, data fingerprint and metrics.
    """
    raise NotImplementedError


def load(tag: str = "etp:latest") -> TrainedEstimator:
    """Load a saved estimator.

    Raises `RegistryError` when there is no such model, `DefinitionMismatchError` when the
    installed code defines one of its features differently; the message spells the difference out.
    """
    raise NotImplementedError


def describe(tag: str = "etp:latest") -> dict[str, Any]:
    """The metadata of a saved model (with its full tag), without loading the model."""
    raise NotImplementedError

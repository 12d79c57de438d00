"""Train the models of the demo, or load those that the same code trained before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from commands.console.output import console, progress
from commands.live_demo.city import DemoCity
from commands.live_demo.model_cache import ModelCache
from estimators.eta.parts import PART_SPECS
from estimators.eta.training import train_eta
from estimators.quantiles.boosting import BoostingParameters
from estimators.registry import models as registry

__all__ = ["trained_tag"]

MOMENTS_MAX = 20_000
"""Moments of orders to learn from: enough for a demo that takes two minutes."""
NEWEST = "eta:latest"


def trained_tag(demo: DemoCity, cache: ModelCache, models: Path) -> str:
    """Return the tag, in BentoML's model store, of an ETA trained on a city's past.

    Args:
        demo: the city.
        cache: of what was trained before.
        models: the folder of the store, which is empty.
    """
    if cache.fetch(models):
        console.print("The models were trained by an earlier run and kept.", highlight=False)
        return NEWEST
    with progress() as report:
        trained = train_eta(
            demo.dataset(),
            progress=report,
            rows_max=MOMENTS_MAX,
            parameters=_fewer_trees(),
            baselines=False,
        )
    tag = registry.save_eta(trained)
    cache.keep(models)
    return tag


def _fewer_trees() -> dict[str, BoostingParameters]:
    """Return parameters with which parts train in seconds."""
    return {
        name: replace(
            spec.estimator_class.default_parameters,
            median_trees=75,
            outer_trees=30,
            learning_rate=0.12,
            leaves=15,
        )
        for name, spec in PART_SPECS.items()
    }

"""Measure what the real-time features of a training cost, on a sample of its rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from aggregators import Aggregator
from aggregators.features.costs import FeatureCost, measure_costs, why_expensive
from aggregators.times import NEVER, column_to_us
from estimators.core.dataset import Dataset
from estimators.model.base import Estimator
from estimators.training.matrix import spine_of
from estimators.training.train import usable_features

__all__ = ["costs_of_features", "feature_costs"]

QUERIES = 4_096
"""How many rows are asked about."""
SAMPLES = 200_000
"""How many rows the sample has, those that are asked about at its end: so windows are filled."""


def feature_costs(
    estimator_classes: Sequence[type[Estimator]],
    dataset: Dataset,
    *,
    event: str = "",
    clock: Callable[[], float] = time.process_time,
) -> tuple[FeatureCost, ...]:
    """Measure the features of estimators, each feature once; empty: none of them is expensive.

    Args:
        estimator_classes: what is trained together.
        dataset: the data.
        event: when rows are asked about; by default at the data set's own event.
        clock: processor seconds; injected in tests.
    """
    found = {
        feature.name: feature
        for one in estimator_classes
        for feature in usable_features(one, dataset)
    }
    return costs_of_features([*found.values()], dataset, event=event, clock=clock)


def costs_of_features(
    features: Sequence[Aggregator],
    dataset: Dataset,
    *,
    event: str = "",
    clock: Callable[[], float] = time.process_time,
) -> tuple[FeatureCost, ...]:
    """Measure features on the rows before the end of a data set.

    Args:
        features: of the data set's sources.
        dataset: the data.
        event: when rows are asked about; by default at the data set's own event.
        clock: processor seconds; injected in tests.

    Returns:
        As :func:`aggregators.features.costs.measure_costs`; empty if no row can be asked about.
    """
    if not any(map(why_expensive, features)):
        return ()
    name = event or dataset.as_of
    moments_us = column_to_us(dataset.table[name], f"column {name!r}")
    rows = np.flatnonzero(moments_us != NEVER)
    rows = rows[np.argsort(moments_us[rows], kind="stable")][-SAMPLES:]
    if len(rows) < 4:
        return ()
    sample = replace(dataset, table=dataset.table.iloc[rows].reset_index(drop=True))
    asked = np.arange(len(rows)) >= len(rows) - QUERIES
    dimensions = dict.fromkeys(feature.dimension for feature in features)
    spine = spine_of(sample, [*dimensions], asked, np.asarray(moments_us[rows][asked]))
    tables = {one.name: other for one, other in dataset.others.items()}
    tables[dataset.source.name] = sample.table
    used = {one.source.name for one in features}
    return measure_costs(
        features,
        {name: table for name, table in tables.items() if name in used},
        at=spine,
        clock=clock,
    )

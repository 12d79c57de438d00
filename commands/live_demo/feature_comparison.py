"""Compare the features of the service with those of training, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aggregators import SqliteEventStore
from commands.live_demo.callers import Estimate
from commands.live_demo.city import DemoCity
from estimators.eta.model import EtaModel
from services.composition.opening import sources_of

__all__ = ["FeatureComparison", "compare_features"]

MOST_COMPARED = 150
"""Questions whose features are computed once more, spread evenly over the hour."""


@dataclass(frozen=True, kw_only=True)
class FeatureComparison:
    """How many feature values were compared, and how many differ."""

    values: int
    different: int


def compare_features(
    demo: DemoCity,
    model: EtaModel,
    store_path: Path,
    tables: dict[str, pd.DataFrame],
    estimates: Sequence[Estimate],
) -> FeatureComparison:
    """Compare the service's features with those that training computes.

    The first are read from the service's own event store, as of the moment of each question; the
    second are computed for all moments at once from the tables at the end of the hour, with
    everything that happened after those moments in them.

    Args:
        demo: the city.
        model: says which features.
        store_path: the file of the service's event store.
        tables: of all sources.
        estimates: what was asked.
    """
    step = max(1, len(estimates) // MOST_COMPARED)
    asked = estimates[::step]
    values = different = 0
    with SqliteEventStore(store_path, sources=sources_of(model)) as store:
        for part in model.parts.values():
            features = part.features
            keys = pd.DataFrame(
                [{**demo.facts(one.order_id), "courier_id": one.courier_id} for one in asked]
            )[list(features.dimensions)]
            keys = keys.astype(object).where(keys.notna(), None)
            ids = [one.order_id for one in asked]
            served = features.transform_many(
                store,
                as_of=[one.at for one in asked],
                keys={name: keys[name].tolist() for name in features.dimensions},
                sample_id={source.name: ids if source.name == "orders" else None
                           for source in features.sources},
            )  # fmt: skip
            spine = keys.assign(order_id=ids, as_of=[pd.Timestamp(one.at) for one in asked])
            used = {source.name: tables[source.name] for source in features.sources}
            trained = features.transform(used, "training", at=spine).to_numpy(dtype=np.float64)
            same = (served == trained) | (np.isnan(served) & np.isnan(trained))
            values += same.size
            different += int((~same).sum())
    return FeatureComparison(values=values, different=different)

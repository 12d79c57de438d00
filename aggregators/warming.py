"""Compiles the kernels before the first request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from aggregators.after_event import StatsAfterEvent
from aggregators.attributes import Duration
from aggregators.base import Aggregator
from aggregators.between_events import StatsBetweenEvents
from aggregators.events import Source
from aggregators.feature_set import FeatureSet
from aggregators.last_n_samples import StatsLastNSamples
from aggregators.stores.memory import MemoryEventStore
from aggregators.typing import Float64Array

__all__ = ["warm_up"]


def warm_up() -> None:
    """Run training and inference once on a few samples, so that every kernel is compiled.

    Takes some seconds after an installation, and a fraction of one once numba has its cache.

    >>> warm_up()
    """
    features = FeatureSet(_features())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = pd.DataFrame(
        {
            "sample": range(4),
            "group": ["a", "a", "a", "b"],
            "begun": [start + timedelta(minutes=i) for i in range(4)],
            "ended": [start + timedelta(minutes=i + 1) for i in range(4)],
        }
    )
    features.transform(table, "training", as_of="begun")
    store = MemoryEventStore(sources=features.sources)
    store.append_table(features.sources[0], table)
    now = start + timedelta(hours=1)
    features.transform_array(store, as_of=now, keys={"group": "a"}, sample_id=None)
    features.features[0].explain(store, as_of=now, key="a", sample_id=None)


def _features() -> list[Aggregator]:
    source = Source("warm_up", sample_id="sample", events=("begun", "ended"), dimensions=("group",))
    duration = Duration("begun", "ended")
    return [
        StatsLastNSamples(
            source, dimension="group", function="mean", attribute=duration, event="ended", n=2
        ),
        StatsAfterEvent(
            source,
            dimension="group",
            function=_first,
            attribute=duration,
            event="ended",
            window="1h",
        ),
        StatsBetweenEvents(
            source, dimension="group", function="count", first_event="begun", second_event="ended"
        ),
    ]


def _first(values: Float64Array) -> float:
    return float(values[0])

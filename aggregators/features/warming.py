"""Compile the kernels before the first request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aggregators.attributes import Duration
from aggregators.events import Event, Source
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.feature_set import FeatureSet
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.stores.memory import MemoryEventStore
from aggregators.typing import Float64Array

__all__ = ["warm_up"]


_START = datetime(2026, 1, 1, tzinfo=UTC)
_GROUPS = ("a", "a", "a", "b")


def warm_up(*, training: bool = True) -> None:
    """Compile every kernel, and run training and inference once on a few samples.

    The first run after an installation takes some seconds; later ones, from numba's cache, a
    fraction of a second.

    Args:
        training: whether training is run, too, which loads pandas; a service only answers.

    >>> warm_up()
    """
    from aggregators.kernels.compilation import FEATURE_KERNELS, compile_kernels

    # A few samples do not reach the kernels of long windows.
    compile_kernels(FEATURE_KERNELS, training=training)
    features = FeatureSet(_features())
    if training:
        _train(features)
    source = features.sources[0]
    store = MemoryEventStore(sources=[source])
    minute = timedelta(minutes=1)
    for i, group in enumerate(_GROUPS):
        known = {"group": group}
        store.append(
            [
                Event(source.name, i, "begun", _START + i * minute, known),
                Event(source.name, i, "ended", _START + (i + 1) * minute, known),
            ]
        )
    now = _START + timedelta(hours=1)
    features.transform_array(store, as_of=now, keys={"group": "a"}, sample_id=None)
    features.transform_many(store, as_of=now, keys={"group": ["a", "b"]}, sample_id=None)
    features.features[0].explain(store, as_of=now, key="a", sample_id=None)


def _train(features: FeatureSet) -> None:
    import pandas as pd

    rows = range(len(_GROUPS))
    table = pd.DataFrame(
        {
            "sample": rows,
            "group": _GROUPS,
            "begun": [_START + timedelta(minutes=i) for i in rows],
            "ended": [_START + timedelta(minutes=i + 1) for i in rows],
        }
    )
    features.transform(table, "training", as_of="begun")


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

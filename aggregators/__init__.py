"""Compute real-time features from order events, the same in training and inference, bit for bit.

Declare a feature once. Compute it from a table in training, and from an event store in inference.
``docs/rule_of_time.md`` defines its value. The docstring of each name has an example that runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aggregators.attributes import Duration, Elapsed, Ratio
from aggregators.errors import (
    AggregatorError,
    ColumnError,
    DataError,
    DefinitionError,
    FunctionError,
    QueryError,
    SampleIdError,
    StoreError,
    StoreTypesError,
    TimestampError,
    UnknownNameError,
)
from aggregators.events import Event, Source
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.feature_set import FeatureSet
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import quantile, tsfresh
from aggregators.stores import (
    AppendResult,
    CompactionResult,
    EventStore,
    MemoryEventStore,
    SqliteEventStore,
)
from aggregators.stores.reading import SampleRequest
from aggregators.time_span import TimeSpan, set_time_span, time_span
from aggregators.typing import FeatureRows

if TYPE_CHECKING:
    from aggregators.engine.explanation import Explanation, Observed
    from aggregators.engine.prepared import PreparedTable
    from aggregators.features.warming import warm_up
    from aggregators.parity.equivalence import EquivalenceReport, check_equivalence
    from aggregators.stores.redis.store import RedisEventStore

__version__ = "2.0.0"

__all__ = [
    "Aggregator",
    "AggregatorError",
    "AppendResult",
    "ColumnError",
    "CompactionResult",
    "DataError",
    "DefinitionError",
    "Duration",
    "Elapsed",
    "EquivalenceReport",
    "Event",
    "EventStore",
    "Explanation",
    "FeatureRows",
    "FeatureSet",
    "FunctionError",
    "MemoryEventStore",
    "Observed",
    "PreparedTable",
    "QueryError",
    "Ratio",
    "RedisEventStore",
    "SampleIdError",
    "SampleRequest",
    "Source",
    "SqliteEventStore",
    "StatsAfterEvent",
    "StatsBetweenEvents",
    "StatsLastNSamples",
    "StoreError",
    "StoreTypesError",
    "TimeSpan",
    "TimestampError",
    "UnknownNameError",
    "check_equivalence",
    "quantile",
    "set_time_span",
    "time_span",
    "tsfresh",
    "warm_up",
]

# These load pandas, numba or msgspec, which declaring features does not need.
_LAZY = {
    "EquivalenceReport": "aggregators.parity.equivalence",
    "Explanation": "aggregators.engine.explanation",
    "Observed": "aggregators.engine.explanation",
    "PreparedTable": "aggregators.engine.prepared",
    "RedisEventStore": "aggregators.stores.redis.store",
    "check_equivalence": "aggregators.parity.equivalence",
    "warm_up": "aggregators.features.warming",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value

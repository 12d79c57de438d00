"""Real-time features from order events, the same in training and inference, bit for bit.

Declare a feature once; ask it of a table in training, of an event store in inference. The rule of
time (``docs/rule_of_time.md``) says what its value is; each name's docstring has an example that
runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aggregators.after_event import StatsAfterEvent
from aggregators.attributes import Duration, Elapsed, Ratio
from aggregators.base import Aggregator
from aggregators.between_events import StatsBetweenEvents
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
from aggregators.feature_set import FeatureSet
from aggregators.functions import quantile, tsfresh
from aggregators.last_n_samples import StatsLastNSamples
from aggregators.span import TimeSpan, set_time_span, time_span
from aggregators.stores import (
    AppendResult,
    CompactionResult,
    EventStore,
    MemoryEventStore,
    SqliteEventStore,
)

if TYPE_CHECKING:
    from aggregators.equivalence import EquivalenceReport, check_equivalence
    from aggregators.explanation import Explanation, Observed
    from aggregators.stores.redis import RedisEventStore
    from aggregators.warming import warm_up

__version__ = "0.1.0"

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
    "FeatureSet",
    "FunctionError",
    "MemoryEventStore",
    "Observed",
    "QueryError",
    "Ratio",
    "RedisEventStore",
    "SampleIdError",
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
    "EquivalenceReport": "aggregators.equivalence",
    "Explanation": "aggregators.explanation",
    "Observed": "aggregators.explanation",
    "RedisEventStore": "aggregators.stores.redis",
    "check_equivalence": "aggregators.equivalence",
    "warm_up": "aggregators.warming",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value

"""Measure the features whose cost grows with their window, beside all others.

A native function costs about the same whatever its window is. tsfresh's calculators and callables
read the whole window in Python, and the values of a ratio that holds an elapsed time all change
with each moment, so nothing of an earlier window can be used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aggregators.attributes import Ratio, has_elapsed
from aggregators.features.base import Aggregator
from aggregators.features.feature_set import FeatureSet
from aggregators.functions import EXPENSIVE, Tsfresh, function_code
from aggregators.typing import Native

__all__ = ["OTHERS", "FeatureCost", "measure_costs", "why_expensive"]

OTHERS = "all others"
"""The name under which features that are not expensive are measured together."""
_WARM_UP_ROWS = 16


@dataclass(frozen=True, kw_only=True)
class FeatureCost:
    """What a feature costs in training.

    Args:
        name: of the feature, or :data:`OTHERS`.
        reason: why its cost grows with its window; empty for the others.
        ns_per_row: nanoseconds of processor time for a row.
        share: of the time of all features, 0 to 1.
    """

    name: str
    reason: str
    ns_per_row: float
    share: float


def why_expensive(feature: Aggregator) -> str:
    """Return why a feature's cost grows with its window; empty if it does not.

    >>> from aggregators.catalog import CATALOG
    >>> why_expensive(CATALOG["courier_speed_last_10_cid_ce_m_s"])
    'tsfresh reads the whole window in Python'
    >>> why_expensive(CATALOG["store_prep_last_20_median_s"])
    ''
    """
    if function_code(feature.function)[0] == EXPENSIVE:
        what = "tsfresh" if isinstance(feature.function, Tsfresh) else "the function"
        return f"{what} reads the whole window in Python"
    if isinstance(feature.attribute, Ratio) and has_elapsed(feature.attribute):
        return "a ratio of an elapsed time is computed again for the whole window"
    return ""


def measure_costs(
    features: Sequence[Aggregator],
    data: Native | Mapping[str, Native],
    *,
    at: Any,
    clock: Callable[[], float] = time.process_time,
) -> tuple[FeatureCost, ...]:
    """Measure expensive features one by one and all others together, on a sample of rows.

    Nothing is measured if no feature is expensive.

    Args:
        features: what is computed together.
        data: a table of samples, or a mapping from source name to table.
        at: the sample: a pandas table of queries in the order of ``as_of``, at least 4, with the
            columns of ``FeatureSet.transform(at=...)``.
        clock: processor seconds; injected in tests.

    Returns:
        The expensive features, the most expensive first, and then the others.
    """
    slow = [feature for feature in features if why_expensive(feature)]
    if not slow:
        return ()
    others = [feature for feature in features if not why_expensive(feature)]
    n = len(at) // 2
    first_half, few = at.iloc[:n], at.iloc[:_WARM_UP_ROWS]
    ns = {one.name: _ns_of_one(one, data, first_half, few, clock) / n for one in slow}
    if others:
        # What fills a window before its first query is in both, so it is in no difference.
        both = [_ns_of_all(others, data, rows, clock) for rows in (first_half, at)]
        ns[OTHERS] = max(both[1] - both[0], 0.0) / (len(at) - n)
    total = sum(ns.values()) or 1.0
    reasons = {one.name: why_expensive(one) for one in slow}
    costs = [
        FeatureCost(name=name, reason=reasons.get(name, ""), ns_per_row=one, share=one / total)
        for name, one in ns.items()
    ]
    return tuple(sorted(costs, key=lambda one: (one.name == OTHERS, -one.ns_per_row)))


def _ns_of_one(
    feature: Aggregator, data: Any, at: Any, few: Any, clock: Callable[[], float]
) -> float:
    """Return the nanoseconds of a feature, whose values are remembered: so it is asked once."""
    FeatureSet([feature]).transform(data, "training", at=few, threads=1)  # loads libraries
    prepared = FeatureSet([feature]).prepare(data, at=at, threads=1)
    # A count of the same samples sorts the table and reads the attribute.
    count = replace(feature, function="count", name="count")
    FeatureSet([count]).transform(prepared, "training", threads=1)
    return _ns_of_call(FeatureSet([feature]), prepared, clock)


def _ns_of_all(
    features: Sequence[Aggregator], data: Any, at: Any, clock: Callable[[], float]
) -> float:
    """Return the nanoseconds of features that are computed together, after one call before."""
    together = FeatureSet(features)
    prepared = together.prepare(data, at=at, threads=1)
    together.transform(prepared, "training", threads=1)
    return _ns_of_call(together, prepared, clock)


def _ns_of_call(features: FeatureSet, prepared: Any, clock: Callable[[], float]) -> float:
    began_s = clock()
    features.transform(prepared, "training", threads=1)
    return (clock() - began_s) * 1e9

"""What every feature must be: the specification written as obvious, slow loops.

Shares no code with the package. It reads rows (dicts) whose event times are integer microseconds
or None, whose dimension values are None where missing, whose attributes are NaN where missing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from tsfresh.feature_extraction import feature_calculators

from tests.aggregators.exact_numbers import exact_mean, exact_sum, exact_trend, exact_variance
from tests.aggregators.functions_under_test import CALLABLES
from tests.aggregators.specs import (
    AttributeSpec,
    DurationSpec,
    ElapsedSpec,
    FunctionSpec,
    Query,
    RatioSpec,
    Row,
    SourceSpec,
    Spec,
)

EXACT_FUNCTIONS: dict[str, Callable[[Sequence[Fraction]], float]] = {
    "sum": exact_sum,
    "mean": exact_mean,
    "var": exact_variance,
    "std": lambda values: math.sqrt(exact_variance(values)),
    "trend": exact_trend,
}


def has_happened(row: Row, event: str, as_of: int) -> bool:
    """An event has happened iff its time lies strictly before `as_of`."""
    time = row[event]
    return time is not None and time < as_of


def group_of(row: Row, dimension: str, source: SourceSpec, as_of: int) -> Any:
    """The dimension value that is known of the sample at `as_of`, else None."""
    if not has_happened(row, source.event_of(dimension), as_of):
        return None
    return row[dimension]


def attribute_of(
    row: Row, attribute: AttributeSpec, source: SourceSpec, as_of: int
) -> Fraction | float | None:
    """The exact value of the attribute that is known of the sample at `as_of`, else None.

    Times are whole microseconds. A column and a ratio are floats; one that overflows is infinite.
    """
    if isinstance(attribute, DurationSpec):
        both = has_happened(row, attribute.start, as_of) and has_happened(row, attribute.end, as_of)
        return _duration(row, attribute) if both else None
    if isinstance(attribute, ElapsedSpec):
        happened = has_happened(row, attribute.since, as_of)
        return Fraction(as_of - row[attribute.since], 1_000_000) if happened else None
    if isinstance(attribute, RatioSpec):
        over = attribute_of(row, attribute.over, source, as_of)
        under = attribute_of(row, attribute.under, source, as_of)
        if over is None or under is None or under == 0:
            return None
        return _exact(float(over) / float(under))
    if not has_happened(row, source.event_of(attribute), as_of):
        return None
    value = row[attribute]
    return None if value is None or math.isnan(value) else _exact(float(value))


def _duration(row: Row, attribute: DurationSpec) -> Fraction | None:
    lasted_us = row[attribute.end] - row[attribute.start]
    low_us, high_us = attribute.low_us, attribute.high_us
    if low_us is not None and lasted_us < low_us:
        return None if attribute.beyond == "missing" else Fraction(low_us, 1_000_000)
    if high_us is not None and lasted_us > high_us:
        return None if attribute.beyond == "missing" else Fraction(high_us, 1_000_000)
    return Fraction(lasted_us, 1_000_000)


def _exact(value: float) -> Fraction | float:
    return value if math.isinf(value) else Fraction(value)


def selected(rows: Sequence[Row], spec: Spec, source: SourceSpec, query: Query) -> list[Row]:
    """The samples that the feature looks at, in the order of (event time, sample id)."""
    if query.key is None:
        return []
    chosen = []
    for row in rows:
        if spec.exclude_self and row[source.sample_id] == query.sample_id:
            continue
        if group_of(row, spec.dimension, source, query.as_of) != query.key:
            continue
        if has_happened(row, spec.selecting_event, query.as_of) and _kept(row, spec, query.as_of):
            chosen.append(row)
    chosen.sort(key=lambda row: (row[spec.selecting_event], row[source.sample_id]))
    return chosen[-spec.n :] if spec.kind == "last_n" else chosen


def _kept(row: Row, spec: Spec, as_of: int) -> bool:
    """Whether a sample of the group whose selecting event has happened is not left out again."""
    if spec.kind == "after":
        return bool(as_of - spec.window_us <= row[spec.event])
    if spec.kind == "between":
        for second_event in spec.second_events:
            if has_happened(row, second_event, as_of):
                return False
        if spec.max_age_us is not None:
            return bool(as_of - row[spec.first_event] <= spec.max_age_us)
    return True


def value(rows: Sequence[Row], spec: Spec, source: SourceSpec, query: Query) -> float:
    """The value of the feature for one query."""
    chosen = selected(rows, spec, source, query)
    if spec.attribute is None:
        assert spec.function.name == "count"
        return float(len(chosen))
    known = []
    for row in chosen:
        attribute_value = attribute_of(row, spec.attribute, source, query.as_of)
        if attribute_value is not None:
            known.append(attribute_value)
    return function_value(spec.function, known)


def function_value(function: FunctionSpec, known: Sequence[Fraction | float]) -> float:
    """What the function gives for the values that are not missing, in their order."""
    if function.family == "plain" and function.name == "count":
        return float(len(known))
    if not known:
        return 0.0 if function == FunctionSpec("sum") else math.nan
    if function.name in EXACT_FUNCTIONS and function.family == "plain":
        return _exact_value(function.name, known)
    values = [float(each) for each in known]
    array = np.array(values, dtype=np.float64)
    if function.family == "callable":
        return CALLABLES[function.name](array)
    if function.family == "tsfresh":
        return tsfresh_value(function.name, dict(function.parameters), array)
    if function.family == "quantile":
        return float(np.quantile(array, dict(function.parameters)["q"]))
    if function.name == "n_unique":
        return float(len(set(known)))
    return _value_in_order(function.name, values, array)


def _exact_value(name: str, known: Sequence[Fraction | float]) -> float:
    """A function that is exact and rounded once; what is infinite adds up as floats do."""
    infinite = [each for each in known if isinstance(each, float) and math.isinf(each)]
    if infinite:
        total = sum(infinite)
        return {"sum": total, "mean": total / len(known)}.get(name, math.nan)
    return EXACT_FUNCTIONS[name]([Fraction(each) for each in known])


def _value_in_order(name: str, values: Sequence[float], array: np.ndarray[Any, Any]) -> float:
    if name == "first":
        return values[0]
    if name == "last":
        return values[-1]
    numpy_functions: dict[str, Callable[[Any], Any]] = {
        "min": np.min,
        "max": np.max,
        "median": np.median,
    }
    return float(numpy_functions[name](array))


def tsfresh_value(calculator: str, parameters: Row, array: np.ndarray[Any, Any]) -> float:
    """tsfresh's own value: simple calculators are called, combiners asked for one parameter set."""
    function = getattr(feature_calculators, calculator)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if function.fctype == "combiner":
            ((_, result),) = list(function(array, [parameters]))
        else:
            result = function(array, **parameters)
    return float(result)


def row_queries(
    rows: Sequence[Row], spec: Spec, source: SourceSpec, as_of: str | Sequence[int]
) -> list[Query]:
    """What training asks for each row: its own sample, at its own event's time or the time given.

    The row's dimension value is the key iff the event from which the column is known lies at or
    before that time: a request made at an event may carry that event's columns.
    """
    queries = []
    for position, row in enumerate(rows):
        moment = row[as_of] if isinstance(as_of, str) else as_of[position]
        known_from = row[source.event_of(spec.dimension)]
        key_is_known = known_from is not None and known_from <= moment
        key = row[spec.dimension] if key_is_known else None
        queries.append(Query(key, moment, row[source.sample_id]))
    return queries


def values(
    rows: Sequence[Row], spec: Spec, source: SourceSpec, queries: Sequence[Query]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The value of the feature for each query, float64 of shape (queries,)."""
    return np.array([value(rows, spec, source, query) for query in queries], dtype=np.float64)

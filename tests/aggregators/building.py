"""Builds what the package takes from the plain specifications of the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import aggregators
from tests.aggregators.functions_under_test import CALLABLES
from tests.aggregators.random_data import EPOCH
from tests.aggregators.specs import (
    AttributeSpec,
    DurationSpec,
    ElapsedSpec,
    FunctionSpec,
    RatioSpec,
    SourceSpec,
    Spec,
)

Floats = NDArray[np.float64]
Aggregator = (
    aggregators.StatsLastNSamples | aggregators.StatsBetweenEvents | aggregators.StatsAfterEvent
)


def source_from(spec: SourceSpec) -> aggregators.Source:
    """The package's source."""
    return aggregators.Source(
        spec.name,
        sample_id=spec.sample_id,
        events=spec.events,
        dimensions=spec.dimensions,
        attributes=spec.attributes,
        known_from=dict(spec.known_from),
    )


def attribute_from(spec: AttributeSpec | None) -> Any:
    """The package's attribute expression, or the column name."""
    if isinstance(spec, DurationSpec):
        low, high = (
            None if bound is None else timedelta(microseconds=bound)
            for bound in (spec.low_us, spec.high_us)
        )
        return aggregators.Duration(
            spec.start, spec.end, at_least=low, at_most=high, beyond=spec.beyond
        )
    if isinstance(spec, ElapsedSpec):
        return aggregators.Elapsed(spec.since)
    if isinstance(spec, RatioSpec):
        return aggregators.Ratio(attribute_from(spec.over), attribute_from(spec.under))
    return spec


def function_from(spec: FunctionSpec) -> Any:
    """The package's function: a name, `quantile(q)`, `tsfresh(...)` or a callable."""
    if spec.family == "quantile":
        return aggregators.quantile(dict(spec.parameters)["q"])
    if spec.family == "tsfresh":
        return aggregators.tsfresh(spec.name, **dict(spec.parameters))
    if spec.family == "callable":
        return CALLABLES[spec.name]
    return spec.name


def feature_from(spec: Spec, source: aggregators.Source) -> Aggregator:
    """The package's aggregator."""
    common: dict[str, Any] = {
        "dimension": spec.dimension,
        "function": function_from(spec.function),
        "exclude_self": spec.exclude_self,
    }
    if spec.attribute is not None:
        common["attribute"] = attribute_from(spec.attribute)
    if spec.kind == "last_n":
        return aggregators.StatsLastNSamples(source, event=spec.event, n=spec.n, **common)
    if spec.kind == "after":
        window = timedelta(microseconds=spec.window_us)
        return aggregators.StatsAfterEvent(source, event=spec.event, window=window, **common)
    second = spec.second_events
    if spec.max_age_us is not None:
        common["max_age"] = timedelta(microseconds=spec.max_age_us)
    return aggregators.StatsBetweenEvents(
        source,
        first_event=spec.first_event,
        second_event=second[0] if len(second) == 1 else second,
        **common,
    )


def feature_set_from(
    specs: Sequence[Spec], source: SourceSpec
) -> tuple[aggregators.FeatureSet, list[str]]:
    """A feature set of the distinct specs, and the name of each spec's feature in it."""
    package_source = source_from(source)
    features = [feature_from(spec, package_source) for spec in dict.fromkeys(specs)]
    names = dict(zip(dict.fromkeys(specs), [feature.name for feature in features], strict=True))
    return aggregators.FeatureSet(features), [names[spec] for spec in specs]


def moment_from(time_us: int) -> datetime:
    """A time in microseconds as the caller of inference gives it."""
    return EPOCH + timedelta(microseconds=time_us)


def moments_from(times_us: Iterable[int]) -> pd.DatetimeIndex:
    """Times in microseconds as the caller of training gives them."""
    return pd.DatetimeIndex(pd.Series(list(times_us)).astype("datetime64[us, UTC]"))


def assert_values_equal(actual: Any, expected: Floats, story: str) -> None:
    """Fail with the first rows that differ and the `story`, which names the seed and the spec."""
    got = np.asarray(actual, dtype=np.float64)
    assert got.shape == expected.shape, f"{story}: shape {got.shape}, not {expected.shape}"
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    if not same.all():
        rows = np.flatnonzero(~same)
        lines = [f"  row {row}: got {got[row]!r}, expected {expected[row]!r}" for row in rows[:5]]
        raise AssertionError("\n".join([story, f"{len(rows)} of {len(got)} values differ", *lines]))


def bits_of(values: Any) -> NDArray[np.int64]:
    """The 64 bits of every value, so that the sign of zero and the payload of NaN count too."""
    return np.ascontiguousarray(values, dtype=np.float64).view(np.int64)


def assert_same_frames(actual: Any, expected: pd.DataFrame, story: str) -> None:
    """Fail with the first rows in which a column's bits differ, and the `story`."""
    for name in expected.columns:
        wrong = np.flatnonzero(bits_of(actual[name]) != bits_of(expected[name]))
        assert not len(wrong), f"{story}\n{name}\nrows {wrong[:5]}"

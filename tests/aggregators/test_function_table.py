"""What each function gives for no value, one value, only missing values and two values."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tsfresh.feature_extraction import ComprehensiveFCParameters, feature_calculators

import aggregators
from aggregators import AggregatorError, StatsAfterEvent, StatsLastNSamples
from tests.aggregators import oracle
from tests.aggregators.building import bits_of, function_from, source_from
from tests.aggregators.functions_under_test import length_or_fail, spread
from tests.aggregators.random_data import EPOCH, times_of
from tests.aggregators.specs import (
    MINUTE,
    FunctionSpec,
    SourceSpec,
    callable_of,
    quantile_of,
    tsfresh_of,
)

NAN = math.nan
SOURCE = SourceSpec(events=("done",), dimensions=("store_id",), attributes=("amount",))
AS_OF_US = 2_000 * MINUTE

# name: (no sample, one sample of 2.5, two samples without a value, 4.0 and then 1.0)
TABLE: dict[FunctionSpec, tuple[float, float, float, float]] = {
    FunctionSpec("count"): (0.0, 1.0, 0.0, 2.0),
    FunctionSpec("sum"): (0.0, 2.5, 0.0, 5.0),
    FunctionSpec("mean"): (NAN, 2.5, NAN, 2.5),
    FunctionSpec("std"): (NAN, 0.0, NAN, 1.5),
    FunctionSpec("var"): (NAN, 0.0, NAN, 2.25),
    FunctionSpec("min"): (NAN, 2.5, NAN, 1.0),
    FunctionSpec("max"): (NAN, 2.5, NAN, 4.0),
    FunctionSpec("median"): (NAN, 2.5, NAN, 2.5),
    FunctionSpec("first"): (NAN, 2.5, NAN, 4.0),
    FunctionSpec("last"): (NAN, 2.5, NAN, 1.0),
    FunctionSpec("n_unique"): (NAN, 1.0, NAN, 2.0),
    FunctionSpec("trend"): (NAN, NAN, NAN, -3.0),
    quantile_of(0.0): (NAN, 2.5, NAN, 1.0),
    quantile_of(0.25): (NAN, 2.5, NAN, 1.75),
    quantile_of(1.0): (NAN, 2.5, NAN, 4.0),
    callable_of("spread"): (NAN, 0.0, NAN, 3.0),
    callable_of("length_or_fail"): (NAN, 1.0, NAN, 2.0),
    # tsfresh's own maximum, minimum and friends raise on empty input; its sum gives 0 there.
    tsfresh_of("maximum"): (NAN, 2.5, NAN, 4.0),
    tsfresh_of("minimum"): (NAN, 2.5, NAN, 1.0),
    tsfresh_of("sum_values"): (NAN, 2.5, NAN, 5.0),
    tsfresh_of("length"): (NAN, 1.0, NAN, 2.0),
    tsfresh_of("cid_ce", normalize=False): (NAN, 0.0, NAN, 3.0),
    tsfresh_of("mean_change"): (NAN, NAN, NAN, -3.0),
    tsfresh_of("has_duplicate"): (NAN, 0.0, NAN, 0.0),
    tsfresh_of("has_duplicate_max"): (NAN, 0.0, NAN, 0.0),
    tsfresh_of("large_standard_deviation", r=0.05): (NAN, 0.0, NAN, 1.0),
    tsfresh_of("number_peaks", n=1): (NAN, 0.0, NAN, 0.0),
    tsfresh_of("fft_coefficient", coeff=0, attr="real"): (NAN, 2.5, NAN, 5.0),
    tsfresh_of("fft_coefficient", coeff=1, attr="abs"): (NAN, NAN, NAN, 3.0),
    tsfresh_of("linear_trend", attr="slope"): (NAN, NAN, NAN, -3.0),
    tsfresh_of("lempel_ziv_complexity", bins=2): (NAN, 1.0, NAN, 1.0),
}

# At least one calculator of every shape: without and with parameters, simple and combiner; those
# that return bool, int or float, and those that want a pandas Series.
CALCULATORS: tuple[FunctionSpec, ...] = (
    tsfresh_of("abs_energy"),
    tsfresh_of("absolute_sum_of_changes"),
    tsfresh_of("agg_autocorrelation", f_agg="mean", maxlag=5),
    tsfresh_of("agg_linear_trend", attr="slope", chunk_len=5, f_agg="max"),
    tsfresh_of("approximate_entropy", m=2, r=0.1),
    tsfresh_of("ar_coefficient", coeff=1, k=3),
    tsfresh_of("augmented_dickey_fuller", attr="teststat"),
    tsfresh_of("autocorrelation", lag=2),
    tsfresh_of("benford_correlation"),
    tsfresh_of("binned_entropy", max_bins=5),
    tsfresh_of("c3", lag=1),
    tsfresh_of("change_quantiles", ql=0.2, qh=0.8, isabs=False, f_agg="var"),
    tsfresh_of("cid_ce", normalize=True),
    tsfresh_of("count_above_mean"),
    tsfresh_of("cwt_coefficients", widths=(2, 5, 10), coeff=2, w=5),
    tsfresh_of("energy_ratio_by_chunks", num_segments=4, segment_focus=1),
    tsfresh_of("fft_aggregated", aggtype="centroid"),
    tsfresh_of("fft_coefficient", coeff=3, attr="angle"),
    tsfresh_of("first_location_of_maximum"),
    tsfresh_of("friedrich_coefficients", m=1, r=3, coeff=0),
    tsfresh_of("has_duplicate"),
    tsfresh_of("index_mass_quantile", q=0.3),
    tsfresh_of("kurtosis"),
    tsfresh_of("lempel_ziv_complexity", bins=3),
    tsfresh_of("linear_trend", attr="rvalue"),
    tsfresh_of("longest_strike_above_mean"),
    tsfresh_of("mean_abs_change"),
    tsfresh_of("mean_n_absolute_max", number_of_maxima=3),
    tsfresh_of("mean_second_derivative_central"),
    tsfresh_of("number_crossing_m", m=0),
    tsfresh_of("number_peaks", n=2),
    tsfresh_of("partial_autocorrelation", lag=2),
    tsfresh_of("percentage_of_reoccurring_datapoints_to_all_datapoints"),
    tsfresh_of("permutation_entropy", tau=1, dimension=3),
    tsfresh_of("range_count", min=-1, max=1),
    tsfresh_of("ratio_beyond_r_sigma", r=1.5),
    tsfresh_of("sample_entropy"),
    tsfresh_of("skewness"),
    tsfresh_of("spkt_welch_density", coeff=2),
    tsfresh_of("symmetry_looking", r=0.3),
    tsfresh_of("time_reversal_asymmetry_statistic", lag=1),
    tsfresh_of("value_count", value=0),
    tsfresh_of("variation_coefficient"),
)


def samples(values: list[float]) -> pd.DataFrame:
    """One store's samples, a minute apart, in the order of the values."""
    count = len(values)
    return pd.DataFrame(
        {
            "order_id": pd.Series(range(count), dtype="int64"),
            "done": times_of([MINUTE * (number + 1) for number in range(count)]),
            "store_id": pd.Series(["s"] * count, dtype="str"),
            "amount": pd.Series(values, dtype="float64"),
        }
    )


def ask(function: Any, values: list[float], **more: Any) -> tuple[float, float]:
    """What training and inference give for these values."""
    feature = StatsAfterEvent(
        source_from(SOURCE),
        dimension="store_id",
        function=function,
        attribute="amount",
        event="done",
        window="30d",
        **more,
    )
    as_of = times_of([AS_OF_US])
    spine = pd.DataFrame({"as_of": as_of, "store_id": ["s"]})
    trained = feature.transform(samples(values), "training", at=spine)
    inferred = feature.transform(
        samples(values), "inference", as_of=as_of.iloc[0], key="s", sample_id=None
    )
    return float(trained.iloc[0]), inferred


@pytest.mark.parametrize("function", TABLE, ids=str)
def test_what_a_function_gives(function: FunctionSpec) -> None:
    inputs: tuple[list[float], ...] = ([], [2.5], [NAN, NAN], [4.0, 1.0])
    for values, expected in zip(inputs, TABLE[function], strict=True):
        trained, inferred = ask(function_from(function), values)
        np.testing.assert_equal(trained, expected, err_msg=f"training of {values}")
        np.testing.assert_equal(inferred, expected, err_msg=f"inference of {values}")


@pytest.mark.parametrize("function", TABLE, ids=str)
def test_missing_values_are_skipped(function: FunctionSpec) -> None:
    with_gaps = ask(function_from(function), [NAN, 4.0, NAN, NAN, 1.0, NAN])
    np.testing.assert_equal(with_gaps, ask(function_from(function), [4.0, 1.0]))


def test_count_without_an_attribute_counts_samples() -> None:
    feature = StatsLastNSamples(
        source_from(SOURCE), dimension="store_id", function="count", event="done", n=5
    )
    answer = feature.transform(
        samples([1.0, NAN, NAN]),
        "inference",
        as_of=EPOCH + pd.Timedelta(days=1),
        key="s",
        sample_id=None,
    )
    assert answer == 3.0


@pytest.mark.parametrize("function", CALCULATORS, ids=str)
def test_tsfresh_values_are_its_own(function: FunctionSpec) -> None:
    rng = random.Random(f"tsfresh {function}")
    for length in (1, 2, 3, 7, 20, 60):
        values = [rng.choice((0.0, 1.0, rng.gauss(0, 2))) for _ in range(length)]
        expected = oracle.function_value(function, values)
        trained, inferred = ask(function_from(function), values)
        story = f"{function} of {values}"
        np.testing.assert_equal(trained, expected, err_msg=story)
        assert bits_of([trained]) == bits_of([inferred]), story


def every_default() -> list[FunctionSpec]:
    """All of tsfresh's comprehensive set, but for the calculators that need a time index."""
    chosen = []
    for calculator, parameter_sets in ComprehensiveFCParameters().items():
        if getattr(feature_calculators, calculator).__dict__.get("index_type") is None:
            chosen += [tsfresh_of(calculator, **each) for each in parameter_sets or [{}]]
    return chosen


def test_all_that_tsfresh_can_compute_is_its_own() -> None:
    functions = every_default()
    assert len(functions) > 700
    rng = random.Random("comprehensive")
    values = [rng.gauss(600, 240) for _ in range(40)]
    source = source_from(SOURCE)
    features = aggregators.FeatureSet(
        [
            StatsLastNSamples(
                source,
                dimension="store_id",
                function=function_from(function),
                attribute="amount",
                event="done",
                n=100,
            )
            for function in functions
        ]
    )
    answers = features.transform(
        samples(values),
        "inference",
        as_of=times_of([AS_OF_US]).iloc[0],
        keys={"store_id": "s"},
        sample_id=None,
    )
    for (name, answer), function in zip(answers.items(), functions, strict=True):
        expected = oracle.function_value(function, values)
        np.testing.assert_equal(answer, expected, err_msg=f"{name}: {function}")


@pytest.mark.parametrize("values", [[3.0] * 12, [0.0] * 12, [1e9, -1e9] * 6], ids=str)
@pytest.mark.parametrize("function", CALCULATORS, ids=str)
def test_tsfresh_values_of_dull_series_are_its_own(
    function: FunctionSpec, values: list[float]
) -> None:
    expected = oracle.function_value(function, values)
    trained, inferred = ask(function_from(function), values)
    np.testing.assert_equal(trained, expected)
    np.testing.assert_equal(inferred, expected)


def test_a_calculator_may_be_asked_with_its_defaults() -> None:
    assert ask(aggregators.tsfresh("large_standard_deviation", r=0.25), [4.0, 1.0]) == (1.0, 1.0)
    assert ask(aggregators.tsfresh("sum_values"), [4.0, 1.0]) == (5.0, 5.0)


@pytest.mark.parametrize("function", [spread, length_or_fail])
def test_a_callable_sees_float64_values_in_order(
    function: Callable[[np.ndarray[Any, np.dtype[np.float64]]], float],
) -> None:
    seen = []

    def looking(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        seen.append((values.dtype, values.ndim, values.tolist()))
        return function(values)

    ask(looking, [4.0, NAN, 1.0, 2.0], name="looking")
    assert seen
    assert all(call == (np.dtype("float64"), 1, [4.0, 1.0, 2.0]) for call in seen)


def test_a_callable_cannot_change_what_others_see() -> None:
    def vandal(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        values[:] = 0.0
        return 0.0

    source = source_from(SOURCE)
    common: dict[str, Any] = {
        "dimension": "store_id",
        "attribute": "amount",
        "event": "done",
        "n": 3,
    }
    features = aggregators.FeatureSet(
        [
            StatsLastNSamples(source, function=vandal, name="vandal", **common),
            StatsLastNSamples(source, function="sum", name="total", **common),
            StatsLastNSamples(source, function=spread, name="spread", **common),
        ]
    )
    spine = pd.DataFrame({"as_of": times_of([AS_OF_US] * 2), "store_id": ["s"] * 2})
    try:
        result = features.transform(samples([4.0, 1.0, 2.0]), "training", at=spine)
    except (ValueError, AggregatorError):
        return  # Refused, since the values are read-only.
    assert result["total"].tolist() == [7.0, 7.0]
    assert result["spread"].tolist() == [3.0, 3.0]

"""Times outside the sensible span are refused, in every form, with the unit that they look like."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from aggregators import (
    DefinitionError,
    Event,
    FeatureSet,
    MemoryEventStore,
    Source,
    StatsAfterEvent,
    TimeSpan,
    TimestampError,
    set_time_span,
    time_span,
)
from aggregators.time_span import DEFAULT_SPAN, SPAN_VARIABLE
from aggregators.times import NEVER, column_to_us, moment_to_us
from tests.spans import spanning

GOOD_S = 1_772_452_800  # 2026-03-02 12:00
FAR_S = 2**31  # beyond 2038, and seconds that 32 bits do not hold
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.fixture(autouse=True)
def _default_span() -> Iterator[None]:
    with spanning("2000-01-01/2100-01-01"):
        yield


def pandas_column(ticks: int, unit: str) -> Any:
    return pd.Series(np.array([ticks], f"datetime64[{unit}]")).dt.tz_localize("UTC")


def zoned_column(ticks: int, unit: str) -> Any:
    return pandas_column(ticks, unit).dt.tz_convert("Asia/Kathmandu")


def arrow_column(ticks: int, unit: str) -> Any:
    array = pa.array([ticks], pa.timestamp(unit, tz="UTC"))
    return pd.Series(array, dtype=pd.ArrowDtype(array.type))


def objects_column(ticks: int, unit: str) -> Any:
    timestamp = pd.Timestamp(np.datetime64(ticks, unit), tz="UTC")  # type: ignore[call-overload]
    return pd.Series([timestamp], dtype=object)


COLUMNS = {
    "pandas": pandas_column,
    "zone": zoned_column,
    "arrow": arrow_column,
    "objects": objects_column,
}


@pytest.mark.parametrize("unit", TICKS)
@pytest.mark.parametrize("kind", COLUMNS)
def test_good_times_are_taken_in_every_unit(kind: str, unit: str) -> None:
    for seconds in (GOOD_S, FAR_S, 946_684_800, 4_102_444_799):
        found = column_to_us(COLUMNS[kind](seconds * TICKS[unit], unit), "ready")
        assert found.tolist() == [seconds * 10**6]


@pytest.mark.parametrize("unit", TICKS)
@pytest.mark.parametrize("held", TICKS)
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_the_wrong_unit_is_refused_with_the_right_one(
    kind: str, held: str, unit: str
) -> None:
    if held == unit:
        return
    column = COLUMNS[kind](GOOD_S * TICKS[held], unit)
    names = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    expected = rf"column 'ready', row 0 is .*{names[held]} read as {names[unit]}"
    with pytest.raises(TimestampError, match=expected):
        column_to_us(column, "column 'ready'")


EXTREMES = (-(2**63) + 1, -(2**62), -1, 0, 2**53, 2**62, 2**63 - 1)


@pytest.mark.parametrize("unit", TICKS)
@pytest.mark.parametrize("ticks", EXTREMES)
@pytest.mark.parametrize("kind", ["pandas", "zone", "arrow"])
@pytest.mark.parametrize("span", ["2000-01-01/2100-01-01", "0002-01-01/9999-01-01"])
def test_no_tick_wraps_around(kind: str, ticks: int, unit: str, span: str) -> None:
    time_us = ticks * 10**6 // TICKS[unit]
    with spanning(span):
        low, high = (int(moment.timestamp()) for moment in (time_span().earliest,
                                                            time_span().latest))  # fmt: skip
        try:
            column = COLUMNS[kind](ticks, unit)
        except (ValueError, OverflowError):
            return  # the library has no such time
        if low * 10**6 <= time_us < high * 10**6:
            assert column_to_us(column, "ready").tolist() == [time_us]
        else:
            with pytest.raises(TimestampError, match="ready, row 0"):
                column_to_us(column, "ready")


def test_missing_times_are_no_times() -> None:
    for unit in TICKS:
        column = pd.concat([pandas_column(GOOD_S * TICKS[unit], unit), pd.Series([pd.NaT])])
        found = column_to_us(column.astype(f"datetime64[{unit}, UTC]"), "ready")
        assert found.tolist() == [GOOD_S * 10**6, NEVER]


ORDERS = Source("orders", sample_id="order_id", events=("ready",), dimensions=("store_id",))
COUNT = StatsAfterEvent(ORDERS, dimension="store_id", function="count", event="ready", window="7d")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BAD: dict[str, Any] = {
    "nanoseconds": GOOD_S * 10**9,
    "milliseconds": GOOD_S * 10**3,
    "seconds": GOOD_S,
    "huge": 10**30,
    "first year": datetime(1, 1, 1, tzinfo=UTC),
    "last year": datetime(9999, 12, 31, 23, tzinfo=UTC),
    "just before": datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    "just after": datetime(2100, 1, 1, tzinfo=UTC),
    "pandas, year 58136": pd.Timestamp(np.datetime64(GOOD_S * 1000, "s"), tz="UTC"),
}


@pytest.mark.parametrize("moment", BAD.values(), ids=BAD)
def test_such_a_moment_is_taken_nowhere(moment: Any) -> None:
    store = MemoryEventStore(sources=[ORDERS])
    table = pd.DataFrame({"order_id": [1], "store_id": ["a"], "ready": [NOON]})
    query = {"as_of": moment, "keys": {"store_id": "a"}, "sample_id": None}
    spine = pd.DataFrame({"store_id": ["a"], "as_of": pd.Series([moment], dtype=object)})
    asked: list[Callable[[], Any]] = [
        lambda: store.append([Event("orders", 1, "ready", moment, {"store_id": "a"})]),
        lambda: store.append([Event("orders", 1, "ready", NOON, {}, recorded_at=moment)]),
        lambda: FeatureSet([COUNT]).transform(store, "inference", **query),
        lambda: FeatureSet([COUNT]).transform_many(store, **query),
        lambda: FeatureSet([COUNT]).transform_many(store, **{**query, "as_of": [NOON, moment]}),
        lambda: COUNT.transform(table, "training", as_of=[moment]),
        lambda: COUNT.transform(table, "training", at=spine),
        lambda: COUNT.explain(store, as_of=moment, key="a", sample_id=None),
        lambda: store.compact([COUNT], moment),
    ]
    for ask in asked:
        with pytest.raises((TimestampError, OverflowError)) as caught:
            ask()
        assert isinstance(caught.value, TimestampError), ask
    assert store.count(ORDERS) == 0
    assert repr(Event("orders", 1, "ready", moment))


def test_an_array_of_microseconds_is_checked_at_both_ends() -> None:
    store = MemoryEventStore(sources=[ORDERS])
    for wrong in (0, 2**62):
        as_of = np.array([GOOD_S * 10**6, wrong])
        with pytest.raises(TimestampError, match="as_of"):
            FeatureSet([COUNT]).transform_many(
                store, as_of=as_of, keys={"store_id": "a"}, sample_id=None
            )


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
def test_other_tables_are_checked_too(kind: str) -> None:
    times = pa.array([GOOD_S * 10**3] * 2, pa.timestamp("s", tz="UTC"))
    table: Any = pa.table({"order_id": [1, 2], "store_id": ["a", "a"], "ready": times})
    if kind == "polars":  # which has no seconds
        us = pa.array([GOOD_S * 10**9] * 2, pa.timestamp("us", tz="UTC"))
        table = pl.from_arrow(table.set_column(2, "ready", us))
    with pytest.raises(TimestampError, match=r"column 'ready', row 0 is 58.* looks like milli"):
        COUNT.transform(table, "training", as_of="ready")


def test_the_span_is_set_for_the_process_and_by_the_environment() -> None:
    assert time_span() == TimeSpan.parse(DEFAULT_SPAN)
    with spanning("1960-01-01/1980-01-01T00:00+02:00"):
        assert moment_to_us(0, "time") == 0
        with pytest.raises(TimestampError):
            moment_to_us(NOON, "time")
    assert moment_to_us(NOON, "time") == GOOD_S * 10**6
    code = "from aggregators.times import moment_to_us; print(moment_to_us(-1, 'time'))"
    for text, expected in (
        ("1960-01-01/1980-01-01", "-1"),
        ("", "outside the span"),
        ("1960-01-01", "DOORSTEP_TIME_SPAN: time span '1960-01-01'"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, SPAN_VARIABLE: text},
        )
        assert expected in done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-01-01",
        "2026-01-01/2025-01-01",
        "0001-01-01/2100-01-01",
        "2000-01-01/9999-12-31",
        "2000/2100/2200",
    ],
)
def test_no_span(text: str) -> None:
    with pytest.raises(DefinitionError, match="time span"):
        TimeSpan.parse(text)


def test_naive_bounds_are_refused() -> None:
    with pytest.raises(DefinitionError, match="no timezone-aware"):
        set_time_span(TimeSpan(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001

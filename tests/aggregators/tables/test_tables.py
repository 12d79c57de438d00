"""The kind of table, of text, of integers, of timestamps and of their zones changes no value.

Tests `aggregators.engine.parquet`, `aggregators.engine.transform` and
`aggregators.tables.sample_table`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from aggregators import Event, MemoryEventStore, Source, StatsAfterEvent
from tests.aggregators.building import (
    assert_same_frames,
    bits_of,
    feature_set_from,
    moment_from,
    moments_from,
)
from tests.aggregators.random_data import (
    ID_KINDS,
    IdKind,
    RandomTable,
    frame_of,
    random_as_of,
    random_queries,
    random_table,
    seeds,
    spine_of,
    times_of,
)
from tests.aggregators.random_specs import FUNCTION_SPECS, some_specs
from tests.aggregators.specs import HOUR, SECOND, Spec

SEEDS = seeds(6)


TABLE_KINDS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": lambda frame: pl.from_pandas(frame.reset_index(drop=True)),
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "pandas on Arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "pandas nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "more columns": lambda frame: frame.assign(note="unused", when=pd.Timestamp("2026-01-01")),
}


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("kind", TABLE_KINDS)
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_the_kind_of_table_changes_no_value(seed: int, kind: str, ids: IdKind) -> None:
    rng = random.Random(seed)
    table = random_table(seed, ids)
    convert = TABLE_KINDS[kind]
    features, _ = feature_set_from(some_specs(seed), table.source)
    frame = table.frame()
    story = f"{table} as {kind}"
    expected = features.transform(frame, "training", as_of="activated")
    actual = features.transform(convert(frame), "training", as_of="activated")
    assert_same_frames(actual, expected, story)
    spine = spine_of(random_queries(rng, table), table)
    expected = features.transform(frame, "training", at=spine)
    actual = features.transform(convert(frame), "training", at=convert(spine))
    assert_same_frames(actual, expected, story)


@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_the_kind_of_table_changes_no_answer_of_inference(kind: str, ids: IdKind) -> None:
    table = random_table(17, ids)
    features, _ = feature_set_from(some_specs(17), table.source)
    for query in random_queries(random.Random(17), table, count=5):
        asked = {
            "as_of": moment_from(query["as_of"]),
            "keys": {dimension: query[dimension] for dimension in features.dimensions},
            "sample_id": query["order_id"],
        }
        expected = features.transform_array(table.frame(), **asked)
        actual = features.transform_array(TABLE_KINDS[kind](table.frame()), **asked)
        assert (bits_of(actual) == bits_of(expected)).all(), f"{table} as {kind}, {query}"


def test_the_result_is_a_table_of_the_callers_kind() -> None:
    table = random_table(15, "str")
    features, names = feature_set_from(some_specs(15), table.source)
    feature = features[names[0]]
    for kind, many, one in (
        ("polars", pl.DataFrame, pl.Series),
        ("pyarrow", pa.Table, pa.ChunkedArray),
        ("pandas on Arrow", pd.DataFrame, pd.Series),
    ):
        given = TABLE_KINDS[kind](table.frame())
        assert isinstance(features.transform(given, "training", as_of="activated"), many)
        assert isinstance(feature.transform(given, "training", as_of="activated"), one)


MOMENTS: dict[str, Callable[[pd.DatetimeIndex], Any]] = {
    "list": list,
    "datetimes": lambda moments: [each.to_pydatetime() for each in moments],
    "objects": lambda moments: np.array(moments, dtype=object),
    "polars": lambda moments: pl.Series(moments),
    "pyarrow": lambda moments: pa.array(moments),
    "zone": lambda moments: moments.tz_convert("Asia/Kathmandu"),
    "zones": lambda moments: [
        each.tz_convert(zone)
        for each, zone in zip(moments, ["UTC", "Europe/Madrid"] * len(moments), strict=False)
    ],
    "microseconds": lambda moments: moments.as_unit("us").asi8,
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_the_form_of_moments_changes_no_value(kind: str) -> None:
    table = random_table(16, "str")
    features, _ = feature_set_from(some_specs(16), table.source)
    as_of = moments_from(random_as_of(random.Random(16), table))
    expected = features.transform(table.frame(), "training", as_of=as_of)
    actual = features.transform(table.frame(), "training", as_of=MOMENTS[kind](as_of))
    assert_same_frames(actual, expected, kind)


def test_a_series_of_moments_in_another_order_changes_no_value() -> None:
    table = random_table(16, "str")
    features, _ = feature_set_from(some_specs(16), table.source)
    frame = table.frame()
    as_of = moments_from(random_as_of(random.Random(16), table))
    expected = features.transform(frame, "training", as_of=as_of)
    turned = pd.Series(as_of, index=frame.index).iloc[::-1]
    assert_same_frames(features.transform(frame, "training", as_of=turned), expected, "Series")


@pytest.mark.parametrize("dtype", ["str", "object", "string[python]", "category"])
def test_the_kind_of_text_column_changes_no_value(dtype: str) -> None:
    table = random_table(3, "str")
    features, _ = feature_set_from(some_specs(3), table.source)
    frame = table.frame()
    texts = [table.source.sample_id, *table.source.dimensions]
    converted = frame.astype(dict.fromkeys(texts, dtype))
    for column in texts:
        assert str(converted[column].dtype).startswith(dtype.split("[")[0])
    expected = features.transform(frame, "training", as_of="activated")
    actual = features.transform(converted, "training", as_of="activated")
    assert_same_frames(actual, expected, dtype)


def test_the_order_of_categories_changes_no_value() -> None:
    table = random_table(4, "str")
    features, _ = feature_set_from(some_specs(4), table.source)
    frame = table.frame()
    ids = frame[table.source.sample_id]
    backwards = pd.Categorical(ids, categories=sorted(ids, reverse=True), ordered=True)
    expected = features.transform(frame, "training", as_of="activated")
    actual = features.transform(
        frame.assign(**{table.source.sample_id: backwards}), "training", as_of="activated"
    )
    assert_same_frames(actual, expected, str(table))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint16", "uint32"])
def test_the_width_of_integers_changes_no_value(dtype: str) -> None:
    table = random_table(5, "int", rows=40)
    source = table.source
    for number, row in enumerate(table.rows):
        row[source.sample_id] = (37 * number) % 101
        row["store_id"], row["courier_id"], row["city"] = number % 3, number % 5, 1
        row["products"] = float(number % 4)
    features, _ = feature_set_from(some_specs(5), source)
    frame = table.frame()
    narrow = frame.astype(dict.fromkeys([source.sample_id, *source.dimensions, "products"], dtype))
    expected = features.transform(frame, "training", as_of="activated")
    actual = features.transform(narrow, "training", as_of="activated")
    assert_same_frames(actual, expected, dtype)


def whole_seconds(table: RandomTable) -> RandomTable:
    """The table with every time rounded down to a second, which every unit can say."""
    for row in table.rows:
        for event in table.source.events:
            if row[event] is not None:
                row[event] = row[event] // SECOND * SECOND
    return table


@pytest.mark.parametrize("zone", ["UTC", "Europe/Madrid", "America/New_York", "Asia/Kathmandu"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_unit_and_zone_of_timestamps_change_no_value(unit: str, zone: str) -> None:
    table = whole_seconds(random_table(6, "str"))
    features, _ = feature_set_from(some_specs(6), table.source)
    frame = table.frame()
    as_of = moments_from(
        [time // SECOND * SECOND for time in random_as_of(random.Random(6), table)]
    )
    expected = features.transform(frame, "training", as_of=as_of)
    dtype = f"datetime64[{unit}, {zone}]"
    events = list(table.source.events)
    converted = frame.astype(dict.fromkeys(events, dtype))
    for moments in (as_of.astype(dtype), as_of):
        actual = features.transform(converted, "training", as_of=moments)
        assert_same_frames(actual, expected, dtype)


def test_nanoseconds_are_cut_off_towards_the_past() -> None:
    source = Source("orders", sample_id="order_id", events=("done",), dimensions=("city",))
    count = StatsAfterEvent(source, dimension="city", function="count", event="done", window="1s")
    for microseconds, event_ns, expected in (
        (5, 5_000, 0.0),
        (5, 4_999, 1.0),
        (5, 5_999, 0.0),
        (-5, -5_001, 1.0),
        (-5, -4_001, 0.0),
    ):
        frame = pd.DataFrame(
            {"order_id": [1], "done": pd.to_datetime([event_ns], unit="ns", utc=True), "city": "x"}
        )
        spine = pd.DataFrame({"as_of": times_of([microseconds]), "city": ["x"]})
        assert count.transform(frame, "training", at=spine).tolist() == [expected], event_ns
        store = MemoryEventStore(sources=[source])
        moment = pd.Timestamp(event_ns, unit="ns", tz="UTC")
        store.append([Event("orders", 1, "done", moment, {"city": "x"})])
        asked: dict[str, Any] = {"as_of": moment_from(microseconds), "key": "x", "sample_id": None}
        assert count.transform(store, "inference", **asked) == expected, event_ns


@pytest.mark.parametrize("zone", ["UTC", "Europe/Madrid"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_unit_and_zone_of_arrow_timestamps_change_no_value(unit: str, zone: str) -> None:
    table = whole_seconds(random_table(14, "str"))
    features, _ = feature_set_from(some_specs(14), table.source)
    frame = table.frame()
    expected = features.transform(frame, "training", as_of="activated")
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    for event in table.source.events:
        place = arrow.schema.get_field_index(event)
        arrow = arrow.set_column(place, event, arrow[event].cast(pa.timestamp(unit, tz=zone)))
    tables = {"pyarrow": arrow, "pandas": arrow.to_pandas(types_mapper=pd.ArrowDtype)}
    if unit != "s":
        tables["polars"] = pl.from_arrow(arrow)
    for kind, converted in tables.items():
        actual = features.transform(converted, "training", as_of="activated")
        assert_same_frames(actual, expected, f"{kind} {unit} {zone}")


@pytest.mark.parametrize(
    "zones", [("Europe/Madrid", "Asia/Tokyo"), ("UTC", "America/St_Johns")], ids=str
)
def test_every_column_may_have_its_own_zone(zones: tuple[str, str]) -> None:
    table = random_table(7, "int")
    features, _ = feature_set_from(some_specs(7), table.source)
    frame = table.frame()
    other = frame.copy()
    for number, event in enumerate(table.source.events):
        other[event] = frame[event].dt.tz_convert(zones[number % 2])
    expected = features.transform(frame, "training", as_of="activated")
    actual = features.transform(other, "training", as_of="activated")
    assert_same_frames(actual, expected, str(zones))


def test_a_repeated_hour_of_python_datetimes_is_two_hours() -> None:
    # 02:30 in Madrid on 2025-10-26, before and after the clocks went back: 00:30 and 01:30 UTC.
    madrid = ZoneInfo("Europe/Madrid")
    before, after = (datetime(2025, 10, 26, 2, 30, fold=fold, tzinfo=madrid) for fold in (0, 1))
    source = Source("orders", sample_id="order_id", events=("done",), dimensions=("city",))
    count = StatsAfterEvent(
        source, dimension="city", function="count", event="done", window=timedelta(hours=1)
    )
    frame = pd.DataFrame(
        {"order_id": [1], "done": pd.Series([before], dtype=object), "city": ["MAD"]}
    )
    store = MemoryEventStore(sources=[source])
    store.append([Event("orders", 1, "done", before, {"city": "MAD"})])
    # Adding to a datetime forgets the fold; replacing keeps it.
    for moment, expected in (
        (before, 0.0),
        (before.replace(microsecond=1), 1.0),
        (after, 1.0),
        (after.replace(microsecond=1), 0.0),
    ):
        for data in (frame, store):
            answer = count.transform(data, "inference", as_of=moment, key="MAD", sample_id=None)
            assert answer == expected, f"{moment} fold {moment.fold}"


def test_the_hour_that_a_clock_repeats_is_two_hours() -> None:
    # Madrid's clocks showed 02:30 twice on 2025-10-26; local arithmetic would see no hour pass.
    local = pd.DatetimeIndex(
        ["2025-10-26 02:30", "2025-10-26 02:30", "2025-10-26 03:30"]
    ).tz_localize("Europe/Madrid", ambiguous=np.array([True, False, False]))
    source, window = random_table(8, "str").source, HOUR
    rows = [
        dict.fromkeys((*source.events, *source.dimensions))
        | dict.fromkeys(source.attributes, 1.0)
        | {"order_id": f"o-{number}", "city": "MAD"}
        for number in range(3)
    ]
    frame = frame_of(rows, source, "str")
    frame["activated"] = pd.Series(local, index=frame.index)
    frame["dispatched"] = frame["cancelled"] = frame["activated"]
    spec = Spec(
        kind="after",
        dimension="city",
        function=FUNCTION_SPECS[0],
        attribute=None,
        event="activated",
        window_us=window,
    )
    features, (name,) = feature_set_from([spec], type(source)(**{**vars(source), "known_from": {}}))
    result = features.transform(frame, "training", as_of="activated")
    assert list(result[name]) == [0.0, 1.0, 1.0]

"""The rule of time at its edges, one microsecond before, on and after each of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import (
    Duration,
    Elapsed,
    Ratio,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
)
from tests.aggregators.random_data import START_US, times_of
from tests.aggregators.specs import MINUTE

SOURCE = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "accepted", "cancelled", "courier_assigned"),
    dimensions=("store_id", "courier_id"),
    attributes=("amount", "distance_m"),
    known_from={"courier_id": "courier_assigned", "distance_m": "courier_assigned"},
)
AS_OF = START_US
WINDOW = 15 * MINUTE


def orders(**columns: Any) -> pd.DataFrame:
    """Orders 0, 1, 2 ... of one store; event times in microseconds after `AS_OF`."""
    count = max(len(values) for values in columns.values())
    made: dict[str, Any] = {"order_id": range(count), "store_id": "s", "courier_id": "c"}
    made |= {"amount": 1.0, "distance_m": 10.0}
    made |= {name: values for name, values in columns.items() if name not in SOURCE.events}
    frame = pd.DataFrame(made)
    for event in SOURCE.events:
        offsets = columns.get(event, [None] * count)
        frame[event] = times_of([None if each is None else AS_OF + each for each in offsets])
    return frame


def answer(feature: Any, table: pd.DataFrame, key: Any = "s", sample_id: Any = None) -> float:
    """The value at `AS_OF`, which training and inference must agree on."""
    as_of = times_of([AS_OF])
    spine = pd.DataFrame(
        {
            "as_of": as_of,
            feature.dimension: [key],
            "order_id": pd.Series([sample_id], dtype="Int64"),
        }
    )
    trained = float(feature.transform(table, "training", at=spine).iloc[0])
    inferred = feature.transform(
        table, "inference", as_of=as_of.iloc[0], key=key, sample_id=sample_id
    )
    np.testing.assert_equal(trained, inferred)
    return trained


def last_n(function: Any = "count", n: int = 10, **more: Any) -> StatsLastNSamples:
    given = {"dimension": "store_id", "event": "activated"} | more
    return StatsLastNSamples(SOURCE, function=function, n=n, **given)


def between(function: Any = "count", **more: Any) -> StatsBetweenEvents:
    given = {"dimension": "store_id", "first_event": "activated", "second_event": "accepted"} | more
    return StatsBetweenEvents(SOURCE, function=function, **given)


def after(function: Any = "count", **more: Any) -> StatsAfterEvent:
    given = {"dimension": "store_id", "event": "activated", "window": "15min"} | more
    return StatsAfterEvent(SOURCE, function=function, **given)


@pytest.mark.parametrize(("offset", "expected"), [(-1, 1.0), (0, 0.0), (1, 0.0)])
@pytest.mark.parametrize("feature", [last_n(), between(), after()], ids=["n", "open", "window"])
def test_an_event_has_happened_strictly_before(feature: Any, offset: int, expected: float) -> None:
    assert answer(feature, orders(activated=[offset])) == expected


@pytest.mark.parametrize(
    ("offset", "expected"), [(-WINDOW - 1, 0.0), (-WINDOW, 1.0), (-WINDOW + 1, 1.0)]
)
@pytest.mark.parametrize("feature", [after(), between(max_age="15min")], ids=["window", "max_age"])
def test_a_window_holds_its_oldest_moment(feature: Any, offset: int, expected: float) -> None:
    assert answer(feature, orders(activated=[offset])) == expected


@pytest.mark.parametrize("own_offset", [-WINDOW - 1, -WINDOW, -1, 0, None])
@pytest.mark.parametrize(
    "feature", [last_n(), after(), between(max_age="15min")], ids=["n", "window", "max_age"]
)
def test_the_sample_itself_is_left_out_at_every_edge(feature: Any, own_offset: int | None) -> None:
    table = orders(activated=[-2, -3, own_offset])
    assert answer(feature, table, sample_id=2) == 2.0


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [(None, 1.0), (1, 1.0), (0, 1.0), (-1, 0.0), (-MINUTE, 0.0), (-2 * MINUTE, 0.0)],
    ids=["never", "later", "now", "just before", "with the first", "before the first"],
)
def test_an_interval_is_open_until_the_second_event_has_happened(
    accepted: int | None, expected: float
) -> None:
    table = orders(activated=[-MINUTE], accepted=[accepted])
    assert answer(between(), table) == expected


@pytest.mark.parametrize(
    ("accepted", "cancelled", "expected"),
    [(None, None, 1.0), (-1, None, 0.0), (None, -1, 0.0), (-5, -1, 0.0), (0, 0, 1.0), (-1, 5, 0.0)],
)
def test_any_of_several_second_events_closes(
    accepted: int | None, cancelled: int | None, expected: float
) -> None:
    table = orders(activated=[-MINUTE], accepted=[accepted], cancelled=[cancelled])
    assert answer(between(second_event=("accepted", "cancelled")), table) == expected
    assert answer(between(second_event=("cancelled", "accepted")), table) == expected


def test_the_last_n_are_the_latest_and_ties_go_to_the_larger_id() -> None:
    table = orders(order_id=[7, 10, 9, 8], activated=[-5, -5, -5, -9], amount=[7.0, 10.0, 9.0, 8.0])
    for n, first in ((1, 10.0), (2, 9.0), (3, 7.0), (4, 8.0), (5, 8.0)):
        assert answer(last_n("first", n=n, attribute="amount"), table) == first
        assert answer(last_n("last", n=n, attribute="amount"), table) == 10.0


def test_text_ids_tie_by_code_point() -> None:
    ids = ["o-9", "o-10", "o-é", "o-Z", "o-a", "o-\uffff", "o-😀"]
    in_order = ["o-10", "o-9", "o-Z", "o-a", "o-é", "o-\uffff", "o-😀"]
    table = orders(order_id=ids, activated=[-5] * 7, amount=[float(x) for x in range(7)])
    spine = pd.DataFrame({"as_of": times_of([AS_OF]), "store_id": ["s"]})
    for n in range(1, 8):
        feature = last_n("first", n=n, attribute="amount")
        expected = ids.index(in_order[-n])
        assert feature.transform(table, "training", at=spine).tolist() == [expected]


def test_a_missing_value_uses_up_one_of_the_n() -> None:
    table = orders(activated=[-3, -2, -1], amount=[5.0, 7.0, np.nan])
    assert np.isnan(answer(last_n("mean", n=1, attribute="amount"), table))
    assert answer(last_n("mean", n=2, attribute="amount"), table) == 7.0
    assert answer(last_n("count", n=2, attribute="amount"), table) == 1.0
    assert answer(last_n("count", n=2), table) == 2.0


def test_the_sample_itself_leaves_its_place_to_another() -> None:
    table = orders(activated=[-3, -2, -1], amount=[5.0, 7.0, 11.0])
    assert answer(last_n("sum", n=2, attribute="amount"), table, sample_id=2) == 12.0
    including = last_n("sum", n=2, attribute="amount", exclude_self=False)
    assert answer(including, table, sample_id=2) == 18.0


@pytest.mark.parametrize(("assigned", "known"), [(-1, True), (0, False), (1, False), (None, False)])
def test_a_column_is_known_once_its_event_has_happened(assigned: int | None, known: bool) -> None:
    table = orders(activated=[-MINUTE], courier_assigned=[assigned])
    of_courier = last_n(dimension="courier_id")
    assert answer(of_courier, table, key="c") == float(known)
    assert answer(last_n("sum", attribute="distance_m"), table) == (10.0 if known else 0.0)
    assert answer(last_n("sum", attribute="amount"), table) == 1.0
    of_both = last_n("count", attribute=Ratio("distance_m", "amount"))
    assert answer(of_both, table) == float(known)


def test_a_column_without_a_first_event_is_never_known() -> None:
    table = orders(accepted=[-5], courier_assigned=[-5], activated=[None])
    assert answer(last_n(event="accepted"), table) == 0.0
    assert answer(last_n(event="accepted", dimension="courier_id"), table, key="c") == 1.0
    amount = last_n("count", event="accepted", dimension="courier_id", attribute="amount")
    assert answer(amount, table, key="c") == 0.0


@pytest.mark.parametrize(
    ("accepted", "expected"), [(-1, 59.999999), (-MINUTE, 0.0), (-2 * MINUTE, -60.0), (0, None)]
)
def test_a_duration_is_known_once_both_events_have_happened(
    accepted: int, expected: float | None
) -> None:
    table = orders(activated=[-MINUTE], accepted=[accepted])
    value = answer(last_n("last", attribute=Duration("activated", "accepted")), table)
    np.testing.assert_equal(value, np.nan if expected is None else expected)


def test_elapsed_ends_at_the_query() -> None:
    table = orders(activated=[-MINUTE, -1, 0], accepted=[5, None, None])
    assert answer(between("max", attribute=Elapsed("activated")), table) == 60.0
    assert answer(between("min", attribute=Elapsed("activated")), table) == 0.000001
    assert answer(between("count", attribute=Elapsed("accepted")), table) == 0.0


def test_a_ratio_by_zero_is_missing() -> None:
    table = orders(
        activated=[-4, -3, -2, -1], amount=[3.0, 3.0, 0.0, 3.0], distance_m=[0.0, -0.0, 2.0, 2.0],
        courier_assigned=[-1] * 4,
    )  # fmt: skip
    ratio = Ratio("amount", "distance_m")
    assert answer(last_n("count", attribute=ratio), table) == 2.0
    assert answer(last_n("sum", attribute=ratio), table) == 1.5


@pytest.mark.parametrize("as_of", ["activated", "courier_assigned"])
def test_training_reads_the_key_from_the_event_at_which_it_asks(as_of: str) -> None:
    # Order 1 learns its courier at the very event at which it asks, or only after it.
    table = orders(activated=[-9, -2], courier_assigned=[-8, -1])
    result = last_n(dimension="courier_id").transform(table, "training", as_of=as_of)
    assert result.tolist() == ([0.0, 0.0] if as_of == "activated" else [0.0, 1.0])


def test_missing_keys_belong_to_nobody() -> None:
    table = orders(activated=[-3, -2, -1], store_id=["s", None, None])
    assert answer(last_n(), table) == 1.0
    assert answer(last_n(), table, key=None) == 0.0
    assert np.isnan(answer(last_n("mean", attribute="amount"), table, key=None))
    assert answer(last_n(), table, key="stranger") == 0.0
    by_row = last_n().transform(table, "training", as_of="activated")
    assert by_row.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("bounds", "seconds"),
    [
        ({}, [0.0, 60.0, 60.000001, 120.0, 120.000001]),
        ({"at_most": "2min"}, [0.0, 60.0, 60.000001, 120.0, 120.0]),
        ({"at_least": "1min"}, [60.0, 60.0, 60.000001, 120.0, 120.000001]),
        ({"at_least": "1min", "beyond": "missing"}, [60.0, 60.000001, 120.0, 120.000001]),
        (
            {"at_least": "1min", "at_most": "2min", "beyond": "missing"},
            [60.0, 60.000001, 120.0],
        ),
        ({"at_least": "0s", "at_most": "0s"}, [0.0] * 5),
    ],
)
def test_a_duration_beyond_its_bounds_is_the_bound_or_missing(
    bounds: dict[str, Any], seconds: list[float]
) -> None:
    lasted = [0, MINUTE, MINUTE + 1, 2 * MINUTE, 2 * MINUTE + 1]
    starts = [-3 * MINUTE] * len(lasted)
    ends = [start + one for start, one in zip(starts, lasted, strict=True)]
    table = orders(activated=starts, accepted=ends)
    attribute = Duration("activated", "accepted", **bounds)
    for function, expected in (
        ("count", float(len(seconds))),
        ("sum", math.fsum(seconds)),
        ("max", max(seconds)),
        ("median", float(np.median(seconds))),
    ):
        feature = StatsAfterEvent(
            SOURCE,
            dimension="store_id",
            function=function,
            attribute=attribute,
            event="activated",
            window="15min",
        )
        assert answer(feature, table) == expected


def test_a_ratio_of_a_missing_duration_is_missing() -> None:
    table = orders(activated=[-3 * MINUTE] * 2, accepted=[-2 * MINUTE, 0 - MINUTE])
    duration = Duration("activated", "accepted", at_most="1min", beyond="missing")
    feature = StatsAfterEvent(
        SOURCE,
        dimension="store_id",
        function="sum",
        attribute=Ratio("amount", duration),
        event="activated",
        window="15min",
    )
    assert answer(feature, table) == 1.0 / 60.0

"""Bad input is refused with an error that names the column, the row or value, and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import aggregators
from aggregators import (
    AggregatorError,
    Duration,
    Elapsed,
    Event,
    FeatureSet,
    MemoryEventStore,
    Ratio,
    StatsLastNSamples,
    quantile,
    tsfresh,
)
from tests.aggregators.one_wrong_thing import (
    NOON,
    ORDERS,
    TOMORROW,
    Case,
    after,
    between,
    check,
    event,
    infer,
    last_n,
    orders,
    source,
    spine,
    train,
)

POSITIONAL: Any = StatsLastNSamples
NOT_A_FEATURE: Any = ORDERS


class Unhashable:
    """A callable that cannot be remembered by."""

    __hash__: Any = None

    def __call__(self, values: Any) -> float:
        return 1.0


def nested(depth: int) -> Any:
    """A ratio of a ratio of a ratio ..."""
    return Ratio("amount", nested(depth - 1)) if depth else "amount"


DEFINITIONS = [
    Case("event", lambda: last_n(event="acepted"), ("acepted", "accepted")),
    Case("first event", lambda: between(first_event="begun"), ("begun", "activated")),
    Case("second event", lambda: between(second_event="ended"), ("ended", "accepted")),
    Case("one of several", lambda: between(second_event=("accepted", "ended")), ("ended",)),
    Case("window event", lambda: after(event="begun"), ("begun", "activated")),
    Case("dimension", lambda: last_n(dimension="shop"), ("shop", "store_id")),
    Case("attribute", lambda: last_n(attribute="price"), ("price", "amount")),
    Case("start", lambda: last_n(attribute=Duration("begun", "accepted")), ("begun",)),
    Case("end", lambda: last_n(attribute=Duration("activated", "ended")), ("ended",)),
    Case("since", lambda: last_n(attribute=Elapsed("begun")), ("begun",)),
    Case("at_most", lambda: Duration("activated", "ready", at_most="2 hours"), ("2 hours", "'1h'")),
    Case("at_least", lambda: Duration("activated", "ready", at_least="-1s"), ("-1s",)),
    Case(
        "at_least",
        lambda: Duration("activated", "ready", at_least="2h", at_most="1h"),
        ("at_least", "'2h'", "at_most", "'1h'"),
    ),
    Case("beyond", lambda: Duration("activated", "ready", beyond="drop"), ("drop", "'bound'")),  # type: ignore[arg-type]
    Case("ratio", lambda: last_n(attribute=Ratio("amount", "weight")), ("weight",)),
    Case("deep", lambda: last_n(attribute=Ratio(Ratio("a", "amount"), "amount")), ("'a'",)),
    Case("function", lambda: last_n(function="avg"), ("avg", "mean")),
    Case("bare quantile", lambda: last_n(function="quantile"), ("quantile",)),
    Case("not a function", lambda: last_n(function=3), ("function", "3")),
    Case("no attribute", lambda: last_n(attribute=None), ("mean", "attribute")),
    Case("calculator", lambda: last_n(function=tsfresh("fft_coeficient")), ("fft_coeficient",)),
    Case(
        "parameter",
        lambda: last_n(function=tsfresh("autocorrelation", lags=1)),
        ("autocorrelation", "lag"),
    ),
    Case("missing parameter", lambda: last_n(function=tsfresh("autocorrelation")), ("lag",)),
    Case("needs times", lambda: tsfresh("linear_trend_timewise", attr="slope"), ("timewise",)),
    Case("q above 1", lambda: last_n(function=quantile(1.5)), ("1.5", "1")),
    Case("q below 0", lambda: last_n(function=quantile(-0.1)), ("-0.1", "0")),
    Case("q of nothing", lambda: last_n(function=quantile(float("nan"))), ("nan",)),
    Case("no n", lambda: last_n(n=0), ("n", "0", "1")),
    Case("negative n", lambda: last_n(n=-3), ("n", "-3")),
    Case("half n", lambda: last_n(n=2.5), ("n", "2.5")),
    Case("no window", lambda: after(window="0s"), ("window",)),
    Case("negative window", lambda: after(window=timedelta(minutes=-5)), ("window",)),
    Case("not a window", lambda: after(window="a while"), ("window", "a while")),
    Case("no age", lambda: between(max_age="0s"), ("max_age",)),
    Case("negative age", lambda: between(max_age=pd.Timedelta("-1h")), ("max_age",)),
    Case("lambda", lambda: last_n(function=lambda values: 1.0), ("lambda", "name")),
    Case("no hash", lambda: last_n(function=Unhashable()), ("hash", "Unhashable")),
    Case("deep ratios", lambda: last_n(attribute=nested(20)), ("nest",)),
    Case("no second event", lambda: between(second_event=()), ("second_event",)),
    Case("itself", lambda: between(second_event="activated"), ("second_event", "activated")),
    Case("no features", lambda: FeatureSet([]), ("0 features",)),
    Case("no feature", lambda: FeatureSet([NOT_A_FEATURE]), ("orders", "aggregator")),
    Case("same names", lambda: FeatureSet([last_n(name="a"), after(name="a")]), (" a", "name")),
    Case("known from", lambda: source(known_from={"city": "begun"}), ("begun",)),
    Case("known column", lambda: source(known_from={"town": "accepted"}), ("town",)),
    Case("no events", lambda: source(events=()), ("event",)),
    Case("same column", lambda: source(attributes=("amount", "city")), ("city",)),
    Case("same event", lambda: source(events=("accepted", "accepted")), ("accepted",)),
]

TABLES = [
    Case(
        "duplicate id",
        lambda: train(orders(order_id=["o-1", "o-2", "o-2", "o-4"])),
        ("order_id", "o-2"),
    ),
    Case(
        "duplicate id under odd labels",
        lambda: train(
            orders(order_id=["o-2", "o-1", "o-2", "o-4"]).set_axis([1, "a", None, 2.5], axis=0)
        ),
        ("o-2", "rows 1 and None"),
    ),
    Case(
        "column twice",
        lambda: train(pd.concat([orders(), orders()[["amount"]]], axis=1)),
        ("amount", "more than once"),
    ),
    Case(
        "missing id", lambda: train(orders(order_id=["o-1", "o-2", None, "o-4"])), ("order_id", "2")
    ),
    Case("float ids", lambda: train(orders(order_id=[1.0, 2.5, 3.0, 4.0])), ("order_id", "2.5")),
    Case(
        "ids that floats blur",
        lambda: train(orders(order_id=[2.0**53, 2.0**60, 1.0, 2.0])),
        ("order_id", "row 0"),
    ),
    Case(
        "mixed ids", lambda: train(orders(order_id=["o-1", 2, "o-3", "o-4"])), ("order_id", "int")
    ),
    Case("missing column", lambda: train(orders().drop(columns="amount")), ("amount",)),
    Case("missing event", lambda: train(orders().drop(columns="accepted")), ("accepted",)),
    Case("missing key", lambda: train(orders().drop(columns="store_id")), ("store_id",)),
    Case("missing ids", lambda: train(orders().drop(columns="order_id")), ("order_id",)),
    Case(
        "naive times",
        lambda: train(orders(accepted=pd.Timestamp("2026-11-02 12:00"))),
        ("accepted", "tz_localize"),
    ),
    Case("times as numbers", lambda: train(orders(accepted=[1, 2, 3, 4])), ("accepted", "int")),
    Case("times as text", lambda: train(orders(accepted="2026-11-02T12:00Z")), ("accepted",)),
    Case("text values", lambda: train(orders(amount=["1", "2", "3", "4"])), ("amount",)),
    Case("times as values", lambda: train(orders(amount=NOON)), ("amount", "datetime")),
    Case(
        "infinite value",
        lambda: train(orders(amount=[1.0, 2.0, np.inf, 4.0])),
        ("amount", "row 2", "inf"),
    ),
    Case(
        "minus infinity",
        lambda: train(orders(amount=[-np.inf, 2.0, 3.0, 4.0])),
        ("amount", "row 0"),
    ),
    Case("float keys", lambda: train(orders(store_id=[1.5, 2.5, 3.5, 4.5])), ("store_id", "1.5")),
    Case("mixed keys", lambda: train(orders(store_id=["s", 1, "t", "t"])), ("store_id",)),
    Case("not a table", lambda: train([1, 2, 3]), ("list",)),
]


@pytest.mark.parametrize("case", DEFINITIONS, ids=lambda case: case.name)
def test_a_definition_is_refused_when_it_is_made(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case.name)
def test_a_bad_table_is_refused(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "act",
    [
        lambda: last_n(agregate="mean"),
        lambda: after(n=3),
        lambda: between(window="15min"),
        lambda: POSITIONAL(ORDERS, "store_id", "mean"),
        lambda: train(as_off="activated"),
    ],
    ids=["unknown", "n of a window", "window of an interval", "positional", "transform"],
)
def test_an_unknown_keyword_is_a_type_error_as_in_python(act: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        act()


@pytest.mark.parametrize(
    "answer", ["12", None, np.array([1.0, 2.0]), 1j, [1.0]], ids=lambda answer: repr(answer)
)
def test_a_callable_that_returns_no_float_is_refused(answer: Any) -> None:
    def odd_one(values: Any) -> Any:
        return answer

    feature = last_n(function=odd_one)
    with pytest.raises(AggregatorError, match=r"odd_one.*expected"):
        train(feature=feature, at=spine(as_of=TOMORROW, store_id="s", order_id=[None, None]))
    with pytest.raises(AggregatorError, match=r"odd_one.*expected"):
        infer(feature, as_of=TOMORROW)


def test_a_callable_that_raises_is_refused_with_its_own_words() -> None:
    def fragile(values: Any) -> float:
        raise KeyError("the missing spoon")

    with pytest.raises(AggregatorError, match=r"fragile.*the missing spoon") as caught:
        infer(last_n(function=fragile), as_of=TOMORROW)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(3, 3.0), (True, 1.0), (np.float32(0.5), 0.5), (np.int64(4), 4.0), (np.bool_(False), 0.0)],
)
def test_a_callable_may_return_any_real_number(answer: Any, expected: float) -> None:
    def fine(values: Any) -> Any:
        return answer

    assert infer(last_n(function=fine), as_of=TOMORROW) == expected


def test_a_refused_batch_of_events_leaves_the_store_as_it_was() -> None:
    store = MemoryEventStore(sources=[ORDERS])
    with pytest.raises(AggregatorError):
        store.append([event(), event(event="acepted")])
    assert len(store.table(ORDERS)) == 0


def test_what_a_feature_does_not_read_is_not_asked_for() -> None:
    at = spine(as_of=TOMORROW, store_id="s", order_id=["o-1", "o-2"])
    expected = train(at=at).tolist()
    np.testing.assert_equal(expected, [np.nan, 1.0])
    unread = orders(city=["BCN", 3, 2.5, None], products=["a", "b", "c", "d"])
    np.testing.assert_equal(train(unread, at=at).tolist(), expected)
    fewer = orders().drop(columns=["city", "products", "delivered"])
    np.testing.assert_equal(train(fewer, at=at).tolist(), expected)


def test_whole_floats_are_integers_since_gaps_turn_integers_into_floats() -> None:
    whole = {"order_id": [1, 2, 3, 4], "store_id": [7, 7, 8, 8]}
    floats = {"order_id": [1.0, 2.0, 3.0, 4.0], "store_id": [7.0, 7.0, 8.0, 8.0]}
    at = spine(as_of=[TOMORROW, TOMORROW], store_id=[7.0, np.nan], order_id=[2.0, np.nan])
    expected = train(orders(**whole), feature=after(window="2d"), at=at).tolist()
    assert expected == [1.0, 0.0]
    assert train(orders(**floats), feature=after(window="2d"), at=at).tolist() == expected


@pytest.mark.parametrize("feature", [last_n(), between(), after()], ids=["n", "open", "window"])
def test_an_empty_table_is_a_table(feature: Any) -> None:
    empty = orders().iloc[:0]
    trained = feature.transform(empty, "training", as_of="activated")
    assert trained.shape == (0,)
    assert trained.dtype == np.float64
    nothing = np.nan if feature.function == "mean" else 0.0
    np.testing.assert_equal(
        feature.transform(empty, "training", at=spine()).tolist(), [nothing] * 2
    )
    np.testing.assert_equal(
        feature.transform(empty, "inference", as_of=NOON, key="s", sample_id=None), nothing
    )
    np.testing.assert_equal(train(feature=feature, at=spine().iloc[:0]).shape, (0,))


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT], ids=repr)
def test_any_missing_key_is_missing(missing: Any) -> None:
    store = MemoryEventStore(sources=[ORDERS])
    store.append_table(ORDERS, orders())
    assert infer(after(), key=missing, as_of=TOMORROW) == 0.0
    moment: dict[str, Any] = {"as_of": TOMORROW, "sample_id": None}
    assert after().transform(store, "inference", key=missing, **moment) == 0.0
    store.append([Event("orders", "o-9", "activated", NOON, {"store_id": missing})])
    assert store.table(ORDERS)["store_id"].isna().tolist() == [False, False, False, True, True]


def test_names_tell_features_apart() -> None:
    alike = [
        last_n(function=quantile(1 / 3)),
        last_n(function=quantile(0.333333)),
        last_n(function=quantile(1)),
        last_n(function="max"),
        last_n(exclude_self=False),
        last_n(n=4),
        last_n(attribute=Ratio("amount", Ratio("products", "amount"))),
        last_n(attribute=Ratio(Ratio("amount", "products"), "amount")),
        after(window="15min"),
        after(window="900001ms"),
        between(),
        between(max_age="15min"),
        between(second_event=("accepted", "delivered")),
    ]
    assert len(FeatureSet(alike).names) == len(alike)
    assert len({feature.fingerprint for feature in alike}) == len(alike)


def test_an_empty_store_answers() -> None:
    store = MemoryEventStore(sources=[ORDERS])
    assert np.isnan(last_n().transform(store, "inference", as_of=NOON, key="s", sample_id=None))
    assert after().transform(store, "inference", as_of=NOON, key="s", sample_id=None) == 0.0


def test_the_public_errors_are_one_tree() -> None:
    kinds = [
        kind
        for kind in vars(aggregators.errors).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert AggregatorError in kinds
    assert all(issubclass(kind, AggregatorError) for kind in kinds)

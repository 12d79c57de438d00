"""Expensive features are measured one by one, by an injected clock, and all others together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import (
    Aggregator,
    Duration,
    Elapsed,
    Ratio,
    Source,
    StatsAfterEvent,
    StatsBetweenEvents,
    quantile,
    tsfresh,
)
from aggregators.features.costs import OTHERS, FeatureCost, measure_costs, why_expensive
from aggregators.functions import NAMED_FUNCTIONS

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("accepted", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
)
START = pd.Timestamp("2026-03-02", tz="UTC")
ROWS = 40
QUERIES = 20


def recent(name: str, function: object, attribute: object = "amount") -> Aggregator:
    return StatsAfterEvent(
        ORDERS, name=name, dimension="store_id", function=function, attribute=attribute,  # type: ignore[arg-type]
        event="accepted", window="1h",
    )  # fmt: skip


def spread(values: np.ndarray) -> float:
    return float(values.max() - values.min())


WAIT = StatsBetweenEvents(
    ORDERS, name="wait", dimension="store_id", function="mean", first_event="accepted",
    second_event="ready", attribute=Ratio(Elapsed("accepted"), "amount"),
)  # fmt: skip
NATIVE = [recent(name, name) for name in NAMED_FUNCTIONS]


def orders() -> pd.DataFrame:
    accepted = START + pd.to_timedelta(np.arange(ROWS) * 60.0, unit="s")
    return pd.DataFrame(
        {
            "order_id": np.arange(ROWS),
            "accepted": accepted,
            "ready": accepted + pd.Timedelta(minutes=7),
            "store_id": "s",
            "amount": np.arange(ROWS) + 0.5,
        }
    )


def queries() -> pd.DataFrame:
    table = orders().iloc[-QUERIES:]
    return table[["order_id", "store_id"]].assign(as_of=table["accepted"])


def ticking(*seconds: float) -> Callable[[], float]:
    """A clock by which timed calls take so many seconds, one after the other."""
    times = [time for taken in seconds for time in (0.0, taken)]
    return iter(times).__next__


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (recent("a", tsfresh("autocorrelation", lag=1)), "tsfresh reads the whole window"),
        (recent("b", spread), "the function reads the whole window"),
        (WAIT, "a ratio of an elapsed time"),
        (recent("c", tsfresh("mean_abs_change")), ""),  # a kernel computes it
        (recent("d", quantile(0.9), Duration("accepted", "ready")), ""),
        (recent("e", "mean", Ratio("amount", Duration("accepted", "ready"))), ""),
        (recent("f", "max", Elapsed("accepted")), ""),
        *((feature, "") for feature in NATIVE),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_what_is_expensive_is_known_from_the_definition(feature: Aggregator, words: str) -> None:
    why = why_expensive(feature)
    assert why.startswith(words)
    assert bool(why) == bool(words)


def named(costs: Iterable[FeatureCost]) -> dict[str, Any]:
    return {one.name: (one.ns_per_row, one.share) for one in costs}


def test_costs_are_per_row_and_shares_of_all() -> None:
    half = QUERIES // 2
    features = [recent("cheap", spread), *NATIVE, WAIT]
    # `cheap`, `wait`, and the others: half of the rows (most of it fills windows), all of them.
    clock = ticking(1e-6 * half, 3e-6 * half, 5.0, 5.0 + 4e-6 * half)
    costs = measure_costs(features, orders(), at=queries(), clock=clock)
    assert [one.name for one in costs] == ["wait", "cheap", OTHERS]
    assert named(costs) == {
        "wait": (pytest.approx(3_000.0), pytest.approx(3 / 8)),
        "cheap": (pytest.approx(1_000.0), pytest.approx(1 / 8)),
        OTHERS: (pytest.approx(4_000.0, rel=1e-6), pytest.approx(4 / 8)),
    }
    assert [bool(one.reason) for one in costs] == [True, True, False]


def test_noise_costs_nothing_rather_than_less() -> None:
    clock = ticking(1.0, 2.0, 1.5)
    costs = measure_costs([recent("slow", spread), *NATIVE], orders(), at=queries(), clock=clock)
    assert named(costs) == {"slow": (pytest.approx(1e8), 1.0), OTHERS: (0.0, 0.0)}


def test_without_others_there_is_no_row_of_them() -> None:
    costs = measure_costs([recent("slow", spread)], orders(), at=queries(), clock=ticking(1.0))
    assert [(one.name, one.share) for one in costs] == [("slow", 1.0)]


def test_nothing_is_measured_where_nothing_is_expensive() -> None:
    assert measure_costs(NATIVE, orders(), at=queries(), clock=ticking()) == ()


def test_a_feature_is_timed_when_its_windows_are_not_remembered() -> None:
    asked: list[int] = []

    def counted(values: np.ndarray) -> float:
        asked.append(len(values))
        return float(values[0])

    before_timed: list[int] = []
    times = iter([0.0, 1.0])

    def clock() -> float:
        before_timed.append(len(asked))
        return next(times)

    rows = queries()
    many = pd.concat([rows] * 3, ignore_index=True).sort_values("as_of", kind="stable")
    many["as_of"] += pd.to_timedelta(np.arange(len(many)), unit="us")
    measure_costs([recent("counted", counted)], orders(), at=many, clock=clock)
    assert before_timed[1] > before_timed[0], "the timed call computes something"

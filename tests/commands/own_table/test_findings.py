"""What is found in a table before it is trained on.

Tests `commands.own_table.findings` and `commands.data.plausible_numbers`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aggregators import AggregatorError, Duration, Source
from commands.own_table.findings import findings
from estimators import Dataset
from estimators.core.errors import EstimatorError
from estimators.etp import train_etp

N = 1_000
RNG = np.random.default_rng(3)
ON = pd.Series(pd.date_range("2026-03-02", periods=N, freq="5min", tz="UTC"))
LASTED_S = RNG.uniform(300.0, 1_500.0, N)


def dataset(
    *, dimensions: tuple[str, ...] = ("store_id",), lasted_s: Any = LASTED_S, **columns: Any
) -> Dataset:
    events = ("accepted", "ready")
    table = pd.DataFrame(
        {
            "order_id": range(N),
            "accepted": ON,
            "ready": ON + pd.to_timedelta(lasted_s, unit="s"),
            "store_id": [f"s{k % 4}" for k in range(N)],
            "wall": "red",
            "amount": RNG.uniform(5.0, 40.0, N),
            **columns,
        }
    )
    return Dataset(
        name="kitchens",
        source=Source(
            "orders",
            sample_id="order_id",
            events=events,
            dimensions=dimensions,
            attributes=("amount",),
        ),
        table=table,
        target=Duration(*events),
        as_of="accepted",
        numbers=("amount",),
        categories=(),
        test_from=ON.iloc[800],
    )


def refused(of: Dataset) -> str:
    with pytest.raises(EstimatorError) as raised:
        train_etp(of)
    return str(raised.value)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert findings(dataset(), {}) == []


def test_what_training_refuses_is_found_before() -> None:
    bare = dataset(dimensions=())
    (found,) = findings(bare, {})
    assert found.startswith("the table has no dimension")
    assert "its dimensions are none" in refused(bare)
    (found,) = findings(dataset(dimensions=("wall",)), {})
    assert "etp (accepted to ready) has no real-time feature for the dimensions wall" in found
    assert "no real-time feature" in refused(dataset(dimensions=("wall",)))
    few = replace(dataset(), test_from=ON.iloc[300])
    (found,) = findings(few, {})
    count = found.partition(" has ")[2].partition(" rows")[0]
    assert found.endswith("training refuses fewer than 400")
    assert refused(few).startswith(f"{count} labelled rows")
    (found,) = findings(replace(dataset(), test_from=ON.iloc[-1] + pd.Timedelta(days=1)), {})
    assert "has no row to test with" in found


def test_durations_that_cannot_be_true_are_counted() -> None:
    wrong_s = LASTED_S.copy()
    wrong_s[[3, 50, 70]] = -60.0
    wrong_s[[4, 5]] = 0.0
    wrong_s[9] = 90_000.0
    (found,) = findings(dataset(lasted_s=wrong_s), {})
    assert "of 1,000 durations 3 are negative, 2 are 0 s, 1 is longer than 6,000 s" in found
    assert "(the longest 90,000 s)" in found
    (found,) = findings(replace(dataset(lasted_s=wrong_s), label_bounds_s=(1.0, 6_000.0)), {})
    assert "0 s" not in found
    assert "of 1,000 durations 3 are negative." in found


def test_long_orders_that_are_many_are_of_another_kind() -> None:
    is_long = np.arange(N) % 50 == 0
    long_s = np.where(is_long, 90_000.0, LASTED_S)
    (found,) = findings(dataset(lasted_s=long_s), {})
    assert "20 of 1,000 durations (2.0%) are longer than" in found
    assert "have" not in found
    booked = np.where(is_long | (np.arange(N) % 33 == 0), "booked", "now")
    slots = dataset(dimensions=("store_id", "slot"), lasted_s=long_s, slot=booked)
    (found,) = findings(slots, {})
    assert "; 20 of them have slot = booked. " in found
    bound_s = float(found.partition("label_bounds_s: [0, ")[2].partition("]")[0])
    assert 1_500.0 < bound_s < 90_000.0
    assert findings(replace(slots, label_bounds_s=(0.0, bound_s)), {}) == []


def test_a_number_that_follows_the_answer_is_found() -> None:
    (found,) = findings(dataset(amount=LASTED_S**2), {})
    assert found.startswith("amount follows accepted to ready almost exactly")
    noisy = LASTED_S + RNG.normal(0.0, 300.0, N)
    assert findings(dataset(amount=noisy), {}) == []


def test_a_column_that_is_filled_with_a_later_event_is_found() -> None:
    is_ready = RNG.uniform(size=N) < 0.9
    ready = (ON + pd.to_timedelta(LASTED_S, unit="s")).where(is_ready)
    amount = pd.Series(RNG.uniform(5.0, 40.0, N)).where(is_ready)
    (found,) = findings(dataset(ready=ready, amount=amount), {})
    assert found.startswith("amount is filled only where ready has happened")
    assert "known_from: {amount: ready}" in found
    told = dataset(ready=ready, amount=amount)
    late = replace(told.source, known_from={"amount": "ready"})
    assert findings(replace(told, source=late, numbers=()), {}) == []


def test_a_question_for_which_no_feature_can_be_declared_is_found() -> None:
    told = dataset()
    events = ("picked_up", "weighed")
    odd = replace(
        told,
        source=replace(told.source, events=events),
        table=told.table.rename(columns={"accepted": "picked_up", "ready": "weighed"}),
        target=Duration(*events),
        as_of="picked_up",
    )
    (found,) = findings(odd, {})
    assert found.startswith("etp (picked_up to weighed) has no features for these events: ")
    with pytest.raises(AggregatorError):
        train_etp(odd)


def test_rows_without_any_event_are_counted() -> None:
    town = dataset()
    assert not any("have no event" in one for one in findings(town, {}))
    table = town.table.copy()
    table.loc[[3, 999], ["accepted", "ready"]] = pd.NaT
    found = findings(replace(town, table=table), {})
    assert any("2 of 1,000 rows have no event" in one for one in found)

"""The example this project began with: how many orders are in the store's queue?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from aggregators import Event, MemoryEventStore, Source, StatsBetweenEvents

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "dispatched", "accepted", "cancelled"),
    dimensions=("store_id",),
    attributes=(),
)
ORDERS_IN_STORE_QUEUE = StatsBetweenEvents(
    ORDERS,
    dimension="store_id",
    function="count",
    first_event="dispatched",
    second_event=("accepted", "cancelled"),
)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def orders_up_to(count: int) -> list[dict[str, object]]:
    """Orders 0 .. count-1 of one store: activated each minute, dispatched 30 s later, not accepted.

    Beside them one order that was accepted before and one that is activated but not yet dispatched.
    """
    accepted: dict[str, object] = {
        "order_id": 1000,
        "store_id": "s",
        "activated": minute(-10),
        "dispatched": minute(-9),
        "accepted": minute(-8),
        "cancelled": None,
    }
    not_dispatched = accepted | {"order_id": 1001, "dispatched": None, "accepted": None}
    queued = [
        accepted
        | {
            "order_id": number,
            "activated": minute(number),
            "dispatched": minute(number + 0.5),
            "accepted": None,
        }
        for number in range(count)
    ]
    return [accepted, not_dispatched, *queued]


def as_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for event in ORDERS.events:
        frame[event] = pd.to_datetime(frame[event], utc=True)
    return frame


def test_order_i_finds_i_orders_in_the_queue() -> None:
    count = 12
    table = as_table(orders_up_to(count))
    result = ORDERS_IN_STORE_QUEUE.transform(table, "training", as_of="activated")
    by_order = pd.Series(result.to_numpy(), index=table["order_id"])
    assert by_order.loc[list(range(count))].tolist() == [float(number) for number in range(count)]


@pytest.mark.parametrize("number", [0, 1, 5, 11])
def test_the_same_from_a_store_of_events(number: int) -> None:
    store = MemoryEventStore(sources=[ORDERS])
    for row in orders_up_to(12):
        for event in ORDERS.events:
            time, sample_id = row[event], row["order_id"]
            if isinstance(time, datetime) and isinstance(sample_id, int):
                store.append([Event("orders", sample_id, event, time, {"store_id": "s"})])
    answer = ORDERS_IN_STORE_QUEUE.transform(
        store, "inference", as_of=minute(number), key="s", sample_id=number
    )
    assert answer == float(number)


def test_acceptance_and_cancellation_leave_the_queue_just_after_they_happen() -> None:
    rows = orders_up_to(3)
    rows[2] |= {"accepted": minute(5)}
    rows[3] |= {"cancelled": minute(6)}
    table = as_table(rows)
    moments = [
        minute(5),
        minute(5) + timedelta(microseconds=1),
        minute(6),
        minute(6) + timedelta(microseconds=1),
    ]
    spine = pd.DataFrame({"as_of": pd.DatetimeIndex(moments), "store_id": "s"})
    result = ORDERS_IN_STORE_QUEUE.transform(table, "training", at=spine)
    assert result.tolist() == [3.0, 2.0, 2.0, 1.0]


def test_other_stores_have_queues_of_their_own() -> None:
    table = as_table(orders_up_to(4))
    spine = pd.DataFrame(
        {"as_of": pd.DatetimeIndex([minute(60)] * 3), "store_id": ["s", "another", None]}
    )
    result = ORDERS_IN_STORE_QUEUE.transform(table, "training", at=spine)
    assert result.tolist() == [4.0, 0.0, 0.0]

"""The events of a city say what its table says, in the order of time."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pandas as pd
import pytest

from simulator import ORDERS, CityPlan, events_of, simulate

PLAN = CityPlan(stores=4, days=1, seed=3)


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return simulate(PLAN)


def test_every_timestamp_is_one_event_and_time_never_runs_back(orders: pd.DataFrame) -> None:
    events = list(events_of(orders))
    counts = Counter(event.event for event in events)
    assert counts == {name: int(orders[name].notna().sum()) for name in ORDERS.events}
    times = [event.time_us for event in events]
    assert times == sorted(times)


def test_events_rebuild_the_table(orders: pd.DataFrame) -> None:
    rows: dict[object, dict[str, object]] = {}
    for event in events_of(orders):
        row = rows.setdefault(event.sample_id, {ORDERS.sample_id: event.sample_id})
        row[event.event] = pd.Timestamp(event.time_us, unit="us", tz="UTC")
        row.update(event.data)
    rebuilt = pd.DataFrame(list(rows.values()))[list(orders.columns)]
    rebuilt = rebuilt.sort_values("order_id", ignore_index=True)
    for name in ORDERS.events:
        rebuilt[name] = rebuilt[name].astype("datetime64[us, UTC]")
    expected = orders.sort_values("order_id", ignore_index=True)
    pd.testing.assert_frame_equal(rebuilt, expected, check_dtype=False)


def test_a_column_is_carried_by_the_event_from_which_it_is_known(orders: pd.DataFrame) -> None:
    for event in events_of(orders):
        known = {c for c in ORDERS.columns if ORDERS.known_from_event(c) == event.event}
        assert set(event.data) == known
        event.checked_data(ORDERS)


def test_a_span_is_closed_at_its_start_and_open_at_its_end(orders: pd.DataFrame) -> None:
    middle = PLAN.start + timedelta(hours=19)
    before = list(events_of(orders, before=middle))
    after = list(events_of(orders, after=middle))
    assert len(before) + len(after) == len(list(events_of(orders)))
    edge = after[0].time_us
    moment = pd.Timestamp(edge, unit="us", tz="UTC").to_pydatetime()
    assert next(events_of(orders, after=moment)).time_us == edge
    assert all(event.time_us < edge for event in events_of(orders, before=moment))

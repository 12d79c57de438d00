"""Matches, markets and closures change what happens in their zone, while they last."""

from __future__ import annotations

import numpy as np

from simulator import Scenario
from simulator.world.clock import BIN_S, local_time
from simulator.world.local_events import KINDS, MATCH_DAYS, LocalEvents, make_local_events
from simulator.world.streets import ZONES
from tests.simulator.world.drawn import profile, rng

MONTH = Scenario(cities=1, days=28, orders=100)


def one(kind: int, zone: int, started_s: float, ended_s: float) -> LocalEvents:
    return LocalEvents(
        kind=np.array([kind]), zone=np.array([zone]), started_s=np.array([started_s]),
        ended_s=np.array([ended_s]), visitors=np.array([0.0]),
    )  # fmt: skip


def test_an_event_acts_in_its_zone_and_in_each_bin_that_it_touches() -> None:
    event = one(2, 4, 2.5 * BIN_S, 4.1 * BIN_S)
    effect = event.effect((1.0, 1.0, 1.6), 0, 8)
    assert effect.shape == (len(ZONES), 8)
    assert effect[4].tolist() == [1.0, 1.0, 1.6, 1.6, 1.6, 1.0, 1.0, 1.0]
    assert (np.delete(effect, 4, axis=0) == 1.0).all()


def test_a_span_that_begins_later_sees_what_is_left_of_an_event() -> None:
    event = one(0, 0, 2.0 * BIN_S, 5.0 * BIN_S)
    factors = (1.5, 1.0, 1.0)
    np.testing.assert_array_equal(event.effect(factors, 3, 4)[0], [1.5, 1.5, 1.0, 1.0])
    assert (event.effect(factors, 5, 4) == 1.0).all()


def test_two_events_at_once_multiply() -> None:
    both = LocalEvents(
        kind=np.array([0, 1]), zone=np.array([3, 3]), started_s=np.zeros(2),
        ended_s=np.full(2, float(BIN_S)), visitors=np.zeros(2),
    )  # fmt: skip
    assert both.effect((1.5, 2.0, 1.0), 0, 1)[3, 0] == 3.0


def test_a_calendar_has_matches_in_one_stadium_on_their_days_and_markets_on_weekends() -> None:
    local = local_time(MONTH, profile().timezone)
    events = make_local_events(MONTH, profile(), local, rng())
    assert set(events.kind) == set(range(len(KINDS)))
    assert (np.diff(events.started_s) >= 0.0).all()
    assert (events.ended_s > events.started_s).all()
    weekday = local.weekday[(events.started_s // BIN_S).astype(np.int64)]
    matches, markets = events.kind == 0, events.kind == 1
    assert set(weekday[matches]) <= set(MATCH_DAYS)
    assert set(weekday[markets]) == {5, 6}
    assert len(set(events.zone[matches])) == 1
    assert len(set(events.zone[markets])) == 1
    assert (events.visitors[events.kind == 2] == 0.0).all()

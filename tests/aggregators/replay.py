"""Random tables as streams of events: out of order, delivered twice, corrected and retracted."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from aggregators import Event
from tests.aggregators.building import moment_from
from tests.aggregators.random_data import (
    START_US,
    RandomTable,
    random_key,
    random_moment,
    random_value,
)
from tests.aggregators.specs import Row, is_missing

RECORDED_FIRST = moment_from(START_US) + timedelta(days=1)
RECORDED_LATER = RECORDED_FIRST + timedelta(seconds=1)


def events_of(table: RandomTable, rng: random.Random) -> list[Event]:
    """The table as events in the order of its rows, each exactly once, each column in its event.

    A column travels with the event from which it is known, and with some other events too. Where
    that event is missing, others carry it, and it must stay unknown.
    """
    events = []
    for row in table.rows:
        carried = _columns_by_event(table, row, rng)
        for event in table.source.events:
            if row[event] is not None:
                moment = _any_form(row[event], rng)
                sample_id = row[table.source.sample_id]
                events.append(Event("orders", sample_id, event, moment, carried[event]))
    return events


def troubled(events: list[Event], table: RandomTable, rng: random.Random) -> list[Event]:
    """The same state by a harder way: shuffled, with duplicates, corrections and retractions."""
    stream: list[Event] = []
    for event in events:
        draw = rng.random()
        if draw < 0.3:
            stream += _corrected(event, table, rng)
        else:
            stream.append(event)
        if draw > 0.6:
            stream += [stream[-1]] * rng.randint(1, 2)
    stream += _retracted(table, rng)
    rng.shuffle(stream)
    return stream


def _columns_by_event(table: RandomTable, row: Row, rng: random.Random) -> dict[str, Row]:
    source = table.source
    happened = [event for event in source.events if row[event] is not None]
    carried: dict[str, Row] = {event: {} for event in source.events}
    for column in (*source.dimensions, *source.attributes):
        if is_missing(row[column]) or not happened:
            continue
        known_from = source.event_of(column)
        carriers = {known_from if known_from in happened else rng.choice(happened)}
        if rng.random() < 0.3:
            carriers.add(rng.choice(happened))
        for event in carriers:
            carried[event][column] = row[column]
    return carried


def _any_form(time_us: int, rng: random.Random) -> datetime | int:
    moment = moment_from(time_us)
    return rng.choice((moment, pd.Timestamp(moment), time_us))


def _corrected(event: Event, table: RandomTable, rng: random.Random) -> list[Event]:
    """A wrong time and wrong values, and the right ones which were recorded later."""
    wrong = _any_form(random_moment(rng, 45), rng)
    wrong_data = {column: _other_value(column, table, rng) for column in event.data}
    identity = (event.source, event.sample_id, event.event)
    return [
        Event(*identity, wrong, wrong_data, recorded_at=RECORDED_FIRST),
        Event(*identity, event.time, dict(event.data), recorded_at=RECORDED_LATER),
    ]


def _retracted(table: RandomTable, rng: random.Random) -> list[Event]:
    """Events that never happened, with values which nobody else tells, and their retractions."""
    stream = []
    for row in table.rows:
        absent = [event for event in table.source.events if row[event] is None]
        if not absent or rng.random() < 0.5:
            continue
        missing = [
            column
            for column in (*table.source.dimensions, *table.source.attributes)
            if is_missing(row[column])
        ]
        data = {column: _other_value(column, table, rng) for column in missing}
        identity = ("orders", row[table.source.sample_id], rng.choice(absent))
        moment = _any_form(random_moment(rng, 45), rng)
        stream.append(Event(*identity, moment, data, recorded_at=RECORDED_FIRST))
        stream.append(Event(*identity, moment, recorded_at=RECORDED_LATER, retracted=True))
    return stream


def _other_value(column: str, table: RandomTable, rng: random.Random) -> Any:
    if column in table.source.attributes:
        value = random_value(rng, column)
        return -99.5 if is_missing(value) else value
    key = random_key(rng, column, table.ids)
    return key if key is not None else (404 if table.ids == "int" else "nowhere")

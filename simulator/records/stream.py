"""Simulated cities as a stream of events, in the order in which they arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from aggregators.events import Event, Source
from aggregators.standard_sources import LOCAL_EVENTS, ORDERS, WEATHER
from simulator.engine.city import City
from simulator.engine.state import NEVER
from simulator.records.imperfections import Records
from simulator.records.sources import ROUTE_ID, orders_source
from simulator.records.tables import (
    courier_ids,
    local_event_table,
    order_table,
    route_ids,
    vehicles_of,
    weather_table,
)
from simulator.world.arrays import IntArray

__all__ = ["arrivals_of_records", "carried_by", "count_events", "events_of_records", "plain_values",
           "surroundings_of"]  # fmt: skip

_ASSIGNED = ORDERS.events.index("courier_assigned")


@dataclass(frozen=True)
class _EventBatch:
    """Events of one kind: who they are about, when they happened, were recorded and arrive.

    ``recorded_us`` is -1 where it is the time of the event. ``data`` holds, for each sample, what
    the event carries; ``retracted`` events carry nothing.
    """

    source: Source
    event: str
    ids: list[Any]
    row: IntArray
    time_us: IntArray
    recorded_us: IntArray
    arrives_us: IntArray
    data: dict[str, list[Any]] = field(default_factory=dict)
    retracted: bool = False

    def event_of(self, i: int) -> Event:
        row = self.row[i]
        data = {column: values[row] for column, values in self.data.items()}
        recorded = int(self.recorded_us[i])
        return Event(
            self.source.name, self.ids[row], self.event, int(self.time_us[i]), data,
            None if recorded < 0 else recorded, self.retracted,
        )  # fmt: skip


def events_of_records(
    cities: Sequence[City],
    records: Sequence[Records],
    *,
    after: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[Event]:
    """Yield all events that arrive in a span of time; see ``Simulation.events``."""
    for _, event in arrivals_of_records(cities, records, after=after, before=before):
        yield event


def arrivals_of_records(
    cities: Sequence[City],
    records: Sequence[Records],
    *,
    after: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[tuple[int, Event]]:
    """Yield all events with the moments, in microseconds UTC, at which they arrive."""
    batches: list[_EventBatch] = []
    for city, recorded in zip(cities, records, strict=True):
        batches += _order_batches(city, recorded)
        batches += _table_batches(weather_table(city), WEATHER)
        batches += _table_batches(local_event_table(city), LOCAL_EVENTS)
    low = -1 if after is None else pd.Timestamp(after).value // 1_000
    high = 2**63 - 1 if before is None else pd.Timestamp(before).value // 1_000
    kept = [
        np.flatnonzero((batch.arrives_us >= low) & (batch.arrives_us < high)) for batch in batches
    ]
    which = np.repeat(np.arange(len(batches)), [len(rows) for rows in kept])
    index = np.concatenate(kept)
    arrives = np.concatenate([b.arrives_us[rows] for b, rows in zip(batches, kept, strict=True)])
    for i in np.argsort(arrives, kind="stable"):
        yield int(arrives[i]), batches[which[i]].event_of(index[i])


def count_events(records: Sequence[Records]) -> int:
    """Estimate how many events the orders of some cities make, repetitions included."""
    return sum(
        int((part != NEVER).sum())
        for one in records
        for part in (one.arrives, one.corrected, one.again)
    )


def _order_batches(city: City, records: Records) -> Iterator[_EventBatch]:
    table = order_table(city, records)
    ids = table[ORDERS.sample_id].to_list()
    source = orders_source(city.scenario.numbers)
    columns = {name: plain_values(table[name]) for name in source.data_columns}
    start_us = round(city.scenario.start.timestamp() * 1e6)

    def us(moments_ms: IntArray) -> IntArray:
        return start_us + moments_ms * 1_000

    yield from _retracted_assignments(city, ids, start_us)
    for k, event in enumerate(ORDERS.events):
        data = {name: columns[name] for name in carried_by(source, event)}
        arrives, corrected, again = records.arrives[k], records.corrected[k], records.again[k]
        first, put_right, twice = (
            np.flatnonzero(moments != NEVER) for moments in (arrives, corrected, again)
        )
        unknown = np.full(len(first), -1)
        first_us = us(records.first_time[k])
        yield _EventBatch(
            ORDERS, event, ids, first, first_us[first], unknown, us(arrives[first]), data
        )
        yield _EventBatch(
            ORDERS, event, ids, put_right, us(records.time[k][put_right]),
            us(corrected[put_right]), us(corrected[put_right]), data,
        )  # fmt: skip
        yield _EventBatch(
            ORDERS, event, ids, twice, first_us[twice], unknown[: len(twice)], us(again[twice]),
            data,
        )  # fmt: skip


def _retracted_assignments(city: City, ids: list[Any], start_us: int) -> Iterator[_EventBatch]:
    """The assignments that did not last, and their retractions."""
    row, assigned, dropped, courier, away_m, route = city.dropped.T
    names = courier_ids(city)
    assigned_us, dropped_us = start_us + assigned * 1_000, start_us + dropped * 1_000
    place = np.arange(len(row))
    assigned_ids = [ids[i] for i in row]
    data = {
        "courier_id": [names[i] for i in courier],
        "distance_to_store_m": away_m.astype(np.float64).tolist(),
        "vehicle": vehicles_of(city, courier),
    }
    if city.scenario.numbers.stacks:
        data[ROUTE_ID] = route_ids(city, route)
    unknown = np.full(len(row), -1)
    event = ORDERS.events[_ASSIGNED]
    yield _EventBatch(
        ORDERS, event, assigned_ids, place, assigned_us, unknown, assigned_us + 400_000, data
    )
    yield _EventBatch(
        ORDERS,
        event,
        assigned_ids,
        place,
        assigned_us,
        dropped_us,
        dropped_us + 400_000,
        retracted=True,
    )


def _table_batches(table: pd.DataFrame, source: Source) -> Iterator[_EventBatch]:
    """The events of a table that is recorded as it happens."""
    ids = table[source.sample_id].to_list()
    for event in source.events:
        rows = np.flatnonzero(table[event].notna())
        times = table[event].to_numpy("datetime64[us]").astype(np.int64)[rows]
        data = {name: table[name].to_list() for name in carried_by(source, event)}
        unknown = np.full(len(times), -1)
        yield _EventBatch(source, event, ids, rows, times, unknown, times + 1_000_000, data)


def surroundings_of(city: City) -> list[tuple[int, Event]]:
    """Return a city's weather and local events, with the microseconds UTC at which they arrive."""
    batches = [
        *_table_batches(weather_table(city), WEATHER),
        *_table_batches(local_event_table(city), LOCAL_EVENTS),
    ]
    arriving = [
        (int(batch.arrives_us[i]), batch.event_of(i))
        for batch in batches
        for i in range(len(batch.row))
    ]
    return sorted(arriving, key=lambda one: one[0])


def carried_by(source: Source, event: str) -> list[str]:
    """Return the columns whose values an event brings."""
    return [name for name in source.data_columns if source.known_from_event(name) == event]


def plain_values(column: pd.Series[Any]) -> list[Any]:
    """Return a column as events carry it: None where a text is missing, moments as texts."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        texts = column.dt.strftime("%Y-%m-%dT%H:%M:%SZ").to_list()
        return [text if isinstance(text, str) else None for text in texts]
    values = column.to_list()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [value if isinstance(value, str) else None for value in values]
    return values

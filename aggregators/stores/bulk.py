"""Move tables into stores and out of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import compress
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from aggregators.errors import ColumnError, DataError, SampleIdError
from aggregators.events import Event, Source
from aggregators.kernels.layout import Layout
from aggregators.stores.facts import fact_column, facts_of_table
from aggregators.stores.samples import UNRECORDED, SampleState
from aggregators.tables.sample_table import SampleTable
from aggregators.times import NEVER
from aggregators.typing import Int64Array, Native
from aggregators.value_checks import MAX_TEXT_CHARACTERS, too_long

__all__ = ["events_of_table", "fill_from_table", "read_samples", "table_of"]


def fill_from_table(state: SampleState, table: Native) -> int:
    """Fill an empty source with a table's samples; return how many events they have."""
    samples = read_samples(state.source, table)
    given = facts_of_table(state.source, table, samples.row_of)  # before anything is kept
    met = (samples.times != NEVER).any(axis=0)
    ids = samples.ids[met].tolist()
    if not ids:
        return 0
    state.reserve(len(ids))
    times, columns = samples.times[:, met], samples.columns[:, met]
    state.times[:, : len(ids)] = times
    state.recorded[:, : len(ids)] = np.where(times == NEVER, UNRECORDED, times)
    state.columns[:, : len(ids)] = columns
    state.ids = ids
    state.rows = {sample_id: row for row, sample_id in enumerate(ids)}
    for dimension, groups in samples.groups.items():
        values = np.append(groups.values.to_numpy(dtype=object), [None])
        state.keys[dimension] = values[groups.codes[met]].tolist()
        if len(groups.values):
            state.key_kinds[dimension] = type(groups.values.tolist()[0])
    for fact in state.facts:
        known_values = given.get(fact, [None] * len(samples))
        state.facts[fact] = list(compress(known_values, met.tolist()))
    state.carried[:, : len(ids)] = _carried(state, times)
    state.id_kind = type(ids[0])
    state.forget_groups()
    return int((samples.times != NEVER).sum())


def _carried(state: SampleState, times: Int64Array) -> Int64Array:
    """Return which columns each event carries, one bit per column, shape (n_events, n_samples).

    A value counts as carried by the event from which it is known, or else by the sample's first
    event.
    """
    source, n = state.source, times.shape[1]
    carried = np.zeros(times.shape, np.int64)
    first = np.argmax(times != NEVER, axis=0)
    known_values = {**state.keys, **state.facts}
    for bit, column in enumerate(source.data_columns):
        if column in known_values:
            present = np.array([value is not None for value in known_values[column]], np.bool_)
        else:
            present = ~np.isnan(state.columns[source.attributes.index(column), :n])
        known_from = source.events.index(source.known_from_event(column))
        carrier = np.where(times[known_from] != NEVER, known_from, first)
        carried[carrier[present], np.flatnonzero(present)] |= 1 << bit
    return carried


def read_samples(source: Source, table: Native) -> SampleTable:
    """Return the samples of a table as stores take them.

    Raises:
        DataError: a column is missing, or its values cannot be taken: a training table may have
            texts of any length, a store may not.
    """
    samples = SampleTable.read(source, table, Layout.of_source(source), list(source.dimensions))
    _check_lengths(samples.ids, f"column {source.sample_id!r}: sample id", SampleIdError)
    for dimension, groups in samples.groups.items():
        _check_lengths(groups.values, f"column {dimension!r}: value", ColumnError)
    return samples


def _check_lengths(texts: pd.Index[Any], what: str, error: type[DataError]) -> None:
    if pd.api.types.is_numeric_dtype(texts.dtype):
        return
    for text in texts:
        if len(text) > MAX_TEXT_CHARACTERS:
            raise error(too_long(text, what))


def events_of_table(source: Source, table: Native, batch: int) -> Iterator[list[Event]]:
    """Yield all events of a table of samples, in batches, one sample after the other."""
    samples = read_samples(source, table)
    ids = samples.ids.tolist()
    keys = {
        dimension: np.append(groups.values.to_numpy(dtype=object), [None])[groups.codes].tolist()
        for dimension, groups in samples.groups.items()
    }
    keys |= facts_of_table(source, table, samples.row_of)
    collected: list[Event] = []
    for row, sample_id in enumerate(ids):
        collected += _events_of_row(source, samples, row, sample_id, keys)
        if len(collected) + len(source.events) > batch:
            yield collected
            collected = []
    if collected:
        yield collected


def _events_of_row(
    source: Source, samples: SampleTable, row: int, sample_id: Any, keys: dict[str, list[Any]]
) -> list[Event]:
    times = samples.times[:, row].tolist()
    data: dict[str, dict[str, Any]] = {
        event: {} for event, time in zip(source.events, times, strict=True) if time != NEVER
    }
    for column in source.data_columns:
        value: Any = None
        if column in keys:
            value = keys[column][row]
        elif column in source.attributes:
            value = float(samples.columns[source.attributes.index(column), row])
        if value is None or value != value or not data:
            continue
        carrier = source.known_from_event(column)
        data[carrier if carrier in data else next(iter(data))][column] = value
    return [
        Event(source.name, sample_id, event, times[source.events.index(event)], values)
        for event, values in data.items()
    ]


def table_of(
    state: SampleState, fact_kinds: Mapping[str, Collection[str]] = MappingProxyType({})
) -> pd.DataFrame:
    """Return the samples that have an event, in the order of arrival, as a table."""
    source, n = state.source, len(state)
    times = state.times[:, :n]
    met = (times != NEVER).any(axis=0)
    columns: dict[str, Any] = {source.sample_id: pd.Series(state.ids, dtype=_dtype(state.id_kind))}
    for dimension in source.dimensions:
        kind = state.key_kinds.get(dimension)
        columns[dimension] = pd.Series(state.keys[dimension], dtype=_dtype(kind))
    for i, attribute in enumerate(source.attributes):
        columns[attribute] = pd.Series(state.columns[i, :n].copy())
    for fact in source.facts:
        columns[fact] = fact_column(state.facts[fact], fact_kinds.get(fact, ()))
    for i, event in enumerate(source.events):
        columns[event] = _as_datetimes(times[i])
    table: pd.DataFrame = pd.DataFrame(columns).loc[met]
    return table.reset_index(drop=True)


def _dtype(kind: type | None) -> str:
    return "Int64" if kind is int else "str"


def _as_datetimes(times_us: Int64Array) -> pd.Series[Any]:
    missing = np.datetime64("NaT", "us")
    moments = times_us.view("datetime64[us]").copy()
    moments[times_us == NEVER] = missing
    return pd.Series(moments).dt.tz_localize("UTC")

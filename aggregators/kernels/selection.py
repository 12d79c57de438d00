"""Select the samples that count at ``as_of``: only here are event times compared with it.

A group is the samples of one value of the dimension, as table rows in the order of (event time,
sample id). A query is (group, ``as_of``, own row). The kernels walk the queries in the order of
(group, ``as_of``). Training is many queries, inference is one, and nothing else differs.

The rule: an event has happened iff its time < ``as_of``. Never is later than every ``as_of``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aggregators.kernels.argument_types import BOOLS, INT, INTS, INTS32, INTS_2D
from aggregators.kernels.numba_cache import compiled, inlined
from aggregators.times import format_duration
from aggregators.typing import Int32Array, Int64Array

__all__ = [
    "bounds_of",
    "carried_by_request",
    "exclusion_reason",
    "happened",
    "mark_needed",
    "may_be_open",
    "picked_rows",
    "select",
]

# The fields of a selection's `spec`, one int64 each.
KIND, EVENT, GATE, N, WINDOW_US, MAX_AGE_US, N_CLOSING, CLOSING = range(8)
LAST_N, AFTER_EVENT, BETWEEN_EVENTS = range(3)
NO_LIMIT = -1
BEFORE_ALL = -(2**62)
KNOWN = -1  # in place of an event: known whenever the sample is selected

# The fields of the walk's state.
GROUP, HIGH, LOW, N_OPEN = range(4)


@inlined
def happened(time_us: int, as_of: int) -> bool:
    """Return whether an event of this time has happened at ``as_of``."""
    return time_us < as_of


@inlined
def first_at_or_after(
    rows: Int32Array, low: int, stop: int, times: Int64Array, event: int, moment: int
) -> int:
    """Return the first position in ``low..stop`` whose time is not before ``moment``.

    ``times[event]`` would be a new array with a reference to count; the kernels index both at once.
    Gallops from ``low``: neighbouring queries find their place in a step or two.
    """
    step = 1
    high = low
    while high < stop and times[event, rows[high]] < moment:
        low = high + 1
        high += step
        step *= 2
    high = min(high, stop)
    while low < high:
        middle = (low + high) // 2
        if times[event, rows[middle]] < moment:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def within(spec: Int64Array, row: int, since: int, as_of: int, times: Int64Array) -> bool:
    """Return whether a row's event happened from ``since`` on; never for row -1."""
    if row < 0:
        return False
    time = times[spec[EVENT], row]
    return time >= since and happened(time, as_of)


@inlined
def select_last_n(
    spec: Int64Array,
    rows: Int32Array,
    bounds: tuple[int, int],
    as_of: int,
    own_row: int,
    times: Int64Array,
    state: Int64Array,
    picked: Int32Array,
) -> int:
    """Pick the n samples with the latest event that has happened; return how many."""
    start, stop = bounds
    gate = spec[GATE]
    state[HIGH] = first_at_or_after(rows, state[HIGH], stop, times, spec[EVENT], as_of)
    # Backwards from ``as_of``: the cost follows from n and not from the length of the group.
    n, j = 0, state[HIGH] - 1
    while j >= start and n < spec[N]:
        row = rows[j]
        if row != own_row and (gate == KNOWN or happened(times[gate, row], as_of)):
            picked[n] = row
            n += 1
        j -= 1
    for i in range(n // 2):  # functions such as `last` need the order of time
        picked[i], picked[n - 1 - i] = picked[n - 1 - i], picked[i]
    return n


@inlined
def select_after_event(
    spec: Int64Array,
    rows: Int32Array,
    bounds: tuple[int, int],
    as_of: int,
    own_row: int,
    times: Int64Array,
    state: Int64Array,
    picked: Int32Array,
    counting: bool,
) -> int:
    """Pick the samples with ``as_of - window <= event time < as_of``; return how many."""
    _, stop = bounds
    gate = spec[GATE]
    event = spec[EVENT]
    since = as_of - spec[WINDOW_US]
    state[LOW] = first_at_or_after(rows, state[LOW], stop, times, event, since)
    high = first_at_or_after(rows, max(state[LOW], state[HIGH]), stop, times, event, as_of)
    state[HIGH] = high
    if counting and gate == KNOWN and not within(spec, own_row, since, as_of, times):
        return high - state[LOW]  # a count needs no row to be looked at
    # No branch depends on a row: what does not count is overwritten by the next one.
    n = 0
    if gate == KNOWN:
        for j in range(state[LOW], high):
            picked[n] = rows[j]
            n += rows[j] != own_row
        return n
    for j in range(state[LOW], high):
        row = rows[j]
        picked[n] = row
        n += (row != own_row) & happened(times[gate, row], as_of)
    return n


@inlined
def closing_time(spec: Int64Array, row: int, times: Int64Array) -> int:
    """Return when the first of the closing events happened to this sample."""
    result = times[spec[CLOSING], row]
    for c in range(1, spec[N_CLOSING]):
        result = min(result, times[spec[CLOSING + c], row])
    return result


@inlined
def select_between_events(
    spec: Int64Array,
    rows: Int32Array,
    bounds: tuple[int, int],
    as_of: int,
    own_row: int,
    times: Int64Array,
    state: Int64Array,
    opened: Int32Array,
    picked: Int32Array,
    counting: bool,
) -> int:
    """Pick the samples that are open: first event happened, no closing one has; return how many.

    ``opened`` keeps, from query to query of a group, the samples that may still be open. A sample
    that has closed, or has become too old, by one ``as_of`` is closed at every later one.
    """
    _, stop = bounds
    event = spec[EVENT]
    oldest = BEFORE_ALL
    if spec[MAX_AGE_US] != NO_LIMIT:
        oldest = as_of - spec[MAX_AGE_US]
    n_open = 0
    for i in range(state[N_OPEN]):
        row = opened[i]
        if not happened(closing_time(spec, row, times), as_of) and times[event, row] >= oldest:
            opened[n_open] = row
            n_open += 1
    low = state[HIGH]
    if spec[MAX_AGE_US] != NO_LIMIT:  # skip what was too old before the walk came to it
        low = first_at_or_after(rows, low, stop, times, event, oldest)
    while low < stop and happened(times[event, rows[low]], as_of):
        row = rows[low]
        if not happened(closing_time(spec, row, times), as_of):
            opened[n_open] = row
            n_open += 1
        low += 1
    state[HIGH] = low
    state[N_OPEN] = n_open
    gate = spec[GATE]
    if counting and gate == KNOWN and not within(spec, own_row, oldest, as_of, times):
        return n_open
    n = 0
    for i in range(n_open):
        row = opened[i]
        if row != own_row and (gate == KNOWN or happened(times[gate, row], as_of)):
            picked[n] = row
            n += 1
    return n


@inlined
def bounds_of(offsets: Int64Array, group: int, state: Int64Array) -> tuple[int, int]:
    """Return where a group starts and ends; the walk begins there if it was in another one."""
    start = offsets[group]
    if state[GROUP] != group:
        state[GROUP] = group
        state[HIGH] = start
        state[LOW] = start
        state[N_OPEN] = 0
    return start, offsets[group + 1]


@inlined
def select(
    spec: Int64Array,
    rows: Int32Array,
    offsets: Int64Array,
    group: int,
    as_of: int,
    own_row: int,
    times: Int64Array,
    state: Int64Array,
    opened: Int32Array,
    picked: Int32Array,
    counting: bool,
) -> int:
    """Pick the rows that the selection takes for one query, in their order; return how many.

    With ``counting``, ``picked`` may be left as it is.
    """
    if group < 0:
        return 0
    bounds = bounds_of(offsets, group, state)
    kind = spec[KIND]
    if kind == LAST_N:
        return select_last_n(spec, rows, bounds, as_of, own_row, times, state, picked)
    if kind == AFTER_EVENT:
        return select_after_event(
            spec, rows, bounds, as_of, own_row, times, state, picked, counting
        )
    return select_between_events(
        spec, rows, bounds, as_of, own_row, times, state, opened, picked, counting
    )


@compiled(INTS, INTS32, INTS, INT, INT, INTS_2D)
def picked_rows(
    spec: Int64Array,
    rows: Int32Array,
    offsets: Int64Array,
    as_of: int,
    own_row: int,
    times: Int64Array,
) -> Int32Array:
    """Return the rows that the selection takes from group 0, in their order."""
    picked = np.empty(len(rows) + 1, np.int32)
    opened = np.empty(len(rows) + 1, np.int32)
    state = np.full(4, -1, np.int64)
    n = select(spec, rows, offsets, 0, as_of, own_row, times, state, opened, picked, False)
    return picked[:n]


@compiled(INTS, INTS32, INTS, INT, INTS_2D, BOOLS)
def mark_needed(
    spec: Int64Array,
    rows: Int32Array,
    offsets: Int64Array,
    as_of: int,
    times: Int64Array,
    needed: NDArray[np.bool_],
) -> None:
    """Mark the rows that the selection may take at ``as_of`` or at any later moment.

    Of the last n, only samples that are known already count: others may never become known. One
    more is needed, because a sample is left out of its own feature.

    Args:
        spec: the selection.
        rows: rows by (group, event time, sample id).
        offsets: where each group starts and ends in ``rows``.
        as_of: no earlier moment will be asked for.
        times: event times, shape (n_events, n_samples).
        needed: shape (n_samples,); written in place, never unmarked.
    """
    kind, event, gate = spec[KIND], spec[EVENT], spec[GATE]
    for group in range(len(offsets) - 1):
        n_known = 0
        for j in range(offsets[group + 1] - 1, offsets[group] - 1, -1):
            row = rows[j]
            time = times[event, row]
            if kind == LAST_N:
                if not happened(time, as_of):
                    needed[row] = True
                    continue
                if n_known > spec[N]:
                    break
                needed[row] = True
                if gate == KNOWN or happened(times[gate, row], as_of):
                    n_known += 1
            elif kind == AFTER_EVENT:
                if time < as_of - spec[WINDOW_US]:
                    break
                needed[row] = True
            else:
                if spec[MAX_AGE_US] != NO_LIMIT and time < as_of - spec[MAX_AGE_US]:
                    break
                if not happened(closing_time(spec, row, times), as_of):
                    needed[row] = True


# In Python: to explain one sample must not take the seconds of a compiler.
_happened: Callable[[int, int], bool] = getattr(happened, "py_func", happened)


def exclusion_reason(
    spec: Int64Array, row: int, as_of: int, own_row: int, times: Int64Array, names: list[str]
) -> str:
    """Return in words why a sample of the group is not selected (it must not be selected).

    Args:
        spec: the selection.
        row: the sample's table row.
        as_of: the moment of the query.
        own_row: the row of the sample for which the feature is computed, or -1.
        times: event times in microseconds, shape (n_events, n_samples).
        names: the names of the events.
    """
    event, gate = int(spec[EVENT]), int(spec[GATE])
    event_time = int(times[event, row])
    if row == own_row:
        return "it is the sample for which the feature is computed (exclude_self)"
    if not _happened(event_time, as_of):
        return f"{names[event]!r} has not happened at as_of"
    if gate != KNOWN and not _happened(times[gate, row], as_of):
        return f"its dimension is known from {names[gate]!r} on, which has not happened at as_of"
    if spec[KIND] == LAST_N:
        return f"{int(spec[N])} samples with a later {names[event]!r} come before it"
    if spec[KIND] == AFTER_EVENT:
        return f"{names[event]!r} happened before the window of {_ago(spec[WINDOW_US])} began"
    for closing in spec[CLOSING : CLOSING + int(spec[N_CLOSING])]:
        if _happened(times[closing, row], as_of):
            return f"{names[closing]!r} has happened"
    return f"{names[event]!r} happened longer ago than max_age={_ago(spec[MAX_AGE_US])}"


def _ago(duration_us: int) -> str:
    return format_duration(int(duration_us))


def may_be_open(
    closing: tuple[int, ...], rows: Int32Array, times: Int64Array, since_us: int
) -> NDArray[np.bool_]:
    """Return whether no closing event of a row had happened at ``since_us``, shape (n_rows,).

    What had happened then has happened at every later moment.
    """
    result = np.ones(len(rows), np.bool_)
    for event in closing:
        result &= times[event, rows] >= since_us
    return result


def carried_by_request(known_times: Int64Array, as_of: Int64Array) -> NDArray[np.bool_]:
    """Return whether a request at ``as_of`` can name the value of a column of its own sample.

    A request that is made *at* an event carries what this event makes known, although for all other
    samples the event has not happened yet.
    """
    result: NDArray[np.bool_] = known_times <= as_of
    return result

"""Answer requests from kept windows: take over what has changed, advance, compute the functions."""

from __future__ import annotations

import numpy as np

from aggregators.kernels.argument_types import (
    FLOATS_2D,
    INT,
    INTS,
    INTS32,
    INTS_2D,
    struct,
    tuple_type,
)
from aggregators.kernels.attribute_kernels import STACK_SIZE
from aggregators.kernels.exact.wide import WIDE_WIDTH
from aggregators.kernels.kept.changes import find_bounds, take_changes
from aggregators.kernels.kept.going_back import go_back
from aggregators.kernels.kept.layout import (
    BOUNDS,
    CHANGED_FROM,
    CHANGED_TO,
    CHANGES_TYPE,
    FUNCTIONS,
    IS_BROKEN,
    KEPT_PLANS_TYPE,
    SINCE,
    STEPS,
    TRACK_ROWS,
    Changes,
    KeptPlans,
)
from aggregators.kernels.numba_cache import compiled, inlined, inner
from aggregators.kernels.plan_kernels import INDEXES_AT_A_TIME, PackedQueries
from aggregators.kernels.selection import BEFORE_ALL, EVENT, WINDOW_US, happened
from aggregators.kernels.sliding.advance import accumulator_of, advance, restart
from aggregators.kernels.sliding.journal import JOURNAL_SIZE, clear_journal
from aggregators.kernels.sliding.places import position_at
from aggregators.kernels.sliding.pool import free_rows
from aggregators.kernels.sliding.query import answer_query
from aggregators.kernels.sliding.tracks import FIRST, LAST, TRACK_SIZE
from aggregators.kernels.sliding.window import (
    AS_OF,
    GROUP,
    HIGH,
    LOW,
    START,
    STATE_TYPE,
    TRACKS,
    IndexedSamples,
    Selected,
    WindowState,
)
from aggregators.typing import Float64Array, Int32Array, Int64Array

__all__ = ["DIRECT", "LOST", "SLACK_US", "answer_kept", "long_windows", "release_windows"]

DIRECT = -1
"""In place of a slot: this query is answered from the samples themselves."""
LOST = -2
"""In place of a slot: its window must be built anew."""

SLACK_US = 10_000_000
"""A new window begins so much earlier than its first request, so that others may go back."""


@inlined
def _move_start(state: WindowState, slot: int, n_tracks: int, group: int, start: int) -> None:
    """Let a slot know where its group stands in this call's rows."""
    slots = state.slots
    moved = start - slots[slot, START]
    slots[slot, GROUP] = group
    if moved != 0:
        slots[slot, START] = start
        slots[slot, LOW] += moved
        slots[slot, HIGH] += moved
        for track in range(n_tracks):
            at = TRACKS + track * TRACK_SIZE
            for end in (FIRST, LAST):
                if slots[slot, at + end] >= 0:
                    slots[slot, at + end] += moved


@inlined
def _begin(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    marks: Int64Array,
    slot: int,
    as_of: int,
) -> None:
    """Let a new slot begin just before all that its first request needs."""
    slots = state.slots
    group = slots[slot, GROUP]
    start = samples.offsets[group]
    restart(state, slot, len(selected.tracks), group, start)
    for track in range(len(selected.tracks)):
        clear_journal(state.journals, accumulator_of(slots, slot, track), BEFORE_ALL)
    since = as_of - selected.spec[WINDOW_US] - SLACK_US
    marks[slot, SINCE] = since
    marks[slot, IS_BROKEN] = 0
    slots[slot, AS_OF] = since
    find_bounds(selected, samples, state, marks, slot)


@inlined
def _next_moment(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    as_of: int,
    n_samples: int,
) -> int:
    """Return ``as_of``, or an earlier moment up to which not more than so many samples come."""
    slots, times, event = state.slots, samples.times, selected.spec[EVENT]
    last = slots[slot, HIGH] + n_samples
    if len(selected.tracks) == 0 or last >= samples.offsets[slots[slot, GROUP] + 1]:
        return as_of
    moment: int = times[event, samples.rows[last]]
    if not happened(moment, as_of) or not happened(slots[slot, AS_OF], moment):
        return as_of
    return moment


@inner
def _take_over(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    marks: Int64Array,
    slot: int,
    group: int,
    as_of: int,
    changes: Changes,
    pairs: Int64Array,
) -> int:
    """Bring a window to what the samples are now, at its moment or at an earlier one.

    Returns:
        The position up to which it has looked at the samples, ``DIRECT`` or ``LOST``.
    """
    slots = state.slots
    _move_start(state, slot, len(selected.tracks), group, samples.offsets[group])
    if slots[slot, AS_OF] == BEFORE_ALL:
        _begin(selected, samples, state, marks, slot, as_of)
    elif marks[slot, CHANGED_TO] > marks[slot, CHANGED_FROM]:
        take_changes(
            selected, samples, state, marks, slot, changes,
            marks[slot, CHANGED_FROM], marks[slot, CHANGED_TO], pairs,
        )  # fmt: skip
    marks[slot, CHANGED_TO] = marks[slot, CHANGED_FROM]
    if marks[slot, IS_BROKEN]:
        return LOST
    if as_of - selected.spec[WINDOW_US] < marks[slot, SINCE]:
        return DIRECT  # it began later, and may still be built
    is_back = as_of < slots[slot, AS_OF]
    if is_back and not go_back(selected, samples, state, marks, slot, as_of, pairs):
        return DIRECT
    high: int = slots[slot, HIGH]
    return high


@compiled(
    KEPT_PLANS_TYPE,
    STATE_TYPE,
    INTS_2D,
    INTS_2D,
    tuple_type(INTS32, INDEXES_AT_A_TIME),
    tuple_type(INTS, INDEXES_AT_A_TIME),
    struct(PackedQueries, INTS, INTS, INTS, INTS, INTS_2D),
    CHANGES_TYPE,
    INTS_2D,
    FLOATS_2D,
    INT,
    INT,
    INT,
    INT,
    INTS,
    FLOATS_2D,
    is_large=True,
)
def answer_kept(
    plans: KeptPlans,
    state: WindowState,
    marks: Int64Array,
    slots: Int64Array,
    rows: tuple[Int32Array, ...],
    offsets: tuple[Int64Array, ...],
    queries: PackedQueries,
    changes: Changes,
    times: Int64Array,
    columns: Float64Array,
    n_samples: int,
    least: int,
    spare_nodes: int,
    spare_entries: int,
    keys: Int64Array,
    result: Float64Array,
) -> bool:
    """Compute the functions of all selections for the queries that have a slot.

    Args:
        plans: the selections.
        state: the kept windows.
        marks: of their slots.
        slots: of each selection and query the slot, or ``DIRECT``, shape (n_plans, n_queries);
            a slot becomes ``DIRECT`` where it cannot answer this query, ``LOST`` where it cannot
            answer any more.
        rows: of each of ``INDEXES_AT_A_TIME`` indexes, rows by (group, event time, sample id).
        offsets: of each index, where each group starts and ends in its rows.
        queries: what is asked.
        changes: the samples that have changed since the last call.
        times: event times in microseconds, shape (n_events, n_samples).
        columns: attribute columns, shape (n_columns, n_samples).
        n_samples: how many samples may come into windows in this call.
        least: so many may come into each, whatever has come into others.
        spare_nodes: so many nodes must be free beforehand; enough for one sample in each track.
        spare_entries: and so many entries of heaps.
        keys: room for the keys of a group and one more.
        result: shape (n_rows, n_features); written in place.

    Returns:
        Whether there was room. If not, the arrays must grow before it is called again.
    """
    if free_rows(state.nodes) < spare_nodes or free_rows(state.entries) < spare_entries:
        return False
    left, most = n_samples, 1
    for kind in range(len(queries.ends) - 1):
        most = max(most, queries.ends[kind + 1] - queries.ends[kind])
    words, stack = np.empty((1, WIDE_WIDTH), np.int64), np.empty(STACK_SIZE)
    found = np.empty((result.shape[1], most))
    pairs = np.empty((max(JOURNAL_SIZE, len(changes.rows)), 2), np.int64)
    for p in range(len(plans.indexes)):
        kind, index = plans.kinds[p], plans.indexes[p]
        first = queries.ends[kind]
        begin, end = plans.ends[p], plans.ends[p + 1]
        # Made here: slices that a function without reference counts returns would be freed.
        selected = Selected(
            plans.specs[p],
            plans.programs[begin[STEPS] : end[STEPS]],
            plans.program_bounds[begin[BOUNDS] : end[BOUNDS]],
            plans.tracks[begin[TRACK_ROWS] : end[TRACK_ROWS]],
        )
        functions = plans.functions[begin[FUNCTIONS] : end[FUNCTIONS]]
        arguments = plans.arguments[begin[FUNCTIONS] : end[FUNCTIONS]]
        samples = IndexedSamples(rows[index], offsets[index], times, columns, stack)
        for q in range(queries.ends[kind + 1] - first):
            slot, as_of = slots[p, q], queries.as_of[first + q]
            if slot < 0:
                continue
            high = _take_over(
                selected, samples, state, marks, slot, queries.groups[first + q], as_of, changes,
                pairs,
            )  # fmt: skip
            if high < 0:
                slots[p, q] = high
                continue
            moment = _next_moment(selected, samples, state, slot, as_of, max(left, least))
            if not advance(selected, samples, state, slot, moment):
                return False
            left -= state.slots[slot, HIGH] - high
            if moment != as_of:
                slots[p, q] = DIRECT
                continue
            answer_query(
                selected, functions, arguments, samples, state, slot, as_of,
                queries.own_rows[first + q], q, found, keys, words,
            )  # fmt: skip
        for f in range(len(functions)):
            for row in range(len(result)):
                q = queries.inverse[kind, row]
                if slots[p, q] >= 0:
                    result[row, functions[f, 2]] = found[functions[f, 2], q]
    return True


@compiled(
    KEPT_PLANS_TYPE,
    tuple_type(INTS32, INDEXES_AT_A_TIME),
    tuple_type(INTS, INDEXES_AT_A_TIME),
    struct(PackedQueries, INTS, INTS, INTS, INTS, INTS_2D),
    INTS_2D,
    INTS_2D,
)
def long_windows(
    plans: KeptPlans,
    rows: tuple[Int32Array, ...],
    offsets: tuple[Int64Array, ...],
    queries: PackedQueries,
    times: Int64Array,
    lengths: Int64Array,
) -> None:
    """Write how many samples stand in the window of each selection and query.

    Args:
        plans: as of :func:`answer_kept`, like the arguments below.
        rows: of the indexes.
        offsets: of the indexes.
        queries: what is asked.
        times: event times in microseconds, shape (n_events, n_samples).
        lengths: shape (n_plans, n_queries); written in place.
    """
    for p in range(len(plans.indexes)):
        kind, index = plans.kinds[p], plans.indexes[p]
        first = queries.ends[kind]
        event, window_us = plans.specs[p, EVENT], plans.specs[p, WINDOW_US]
        for q in range(queries.ends[kind + 1] - first):
            group, as_of = queries.groups[first + q], queries.as_of[first + q]
            lengths[p, q] = 0
            if group >= 0:
                start, stop = offsets[index][group], offsets[index][group + 1]
                low = position_at(rows[index], start, stop, stop, times, event, as_of - window_us)
                high = position_at(rows[index], start, stop, stop, times, event, as_of)
                lengths[p, q] = high - low


@compiled(STATE_TYPE, INTS, INT)
def release_windows(state: WindowState, slots: Int64Array, n_tracks: int) -> None:
    """Give back what windows hold.

    Args:
        state: the windows.
        slots: of these.
        n_tracks: how many tracks a slot has room for.
    """
    for slot in slots:
        restart(state, slot, n_tracks, 0, 0)

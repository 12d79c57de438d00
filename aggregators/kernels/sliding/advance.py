"""Advance a window to a moment: values leave it and enter it.

A value is in the window iff its sample stands between ``LOW`` and ``HIGH``, what it is made of had
happened at ``AS_OF``, no closing event had, and it is not missing. Samples that ``HIGH`` passes
before their value is known wait in a heap. Samples that will close wait in a second heap for that.
"""

from __future__ import annotations

from aggregators.kernels.exact.accumulators import add_weighted, drop_first
from aggregators.kernels.exact.keys import MISSING
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.selection import (
    BEFORE_ALL,
    BETWEEN_EVENTS,
    EVENT,
    LAST_N,
    MAX_AGE_US,
    NO_LIMIT,
    WINDOW_US,
    N,
    first_at_or_after,
    happened,
)
from aggregators.kernels.selection import KIND as SELECTION_KIND
from aggregators.kernels.sliding.heaps import MOMENT, ROW, clear_heap, pop, push
from aggregators.kernels.sliding.journal import note
from aggregators.kernels.sliding.pool import free_rows
from aggregators.kernels.sliding.samples import (
    closes_at,
    is_known,
    key_of,
    known_moment,
    place_of,
)
from aggregators.kernels.sliding.sorted_keys import MOST_NEW_NODES
from aggregators.kernels.sliding.tracks import (
    COUNT,
    ENTERING,
    FIRST,
    LAST,
    PLACES,
    RANKS,
    TRACK_SIZE,
    clear_values,
    enter_value,
    leave_value,
)
from aggregators.kernels.sliding.window import (
    AS_OF,
    AT_ONCE,
    CLOSING,
    GROUP,
    HIGH,
    KIND,
    LOW,
    START,
    TRACKS,
    WANTED,
    IndexedSamples,
    Selected,
    WindowState,
)
from aggregators.times import NEVER
from aggregators.typing import Int64Array

__all__ = ["accumulator_of", "advance", "enter", "restart", "since_of"]


@inlined
def accumulator_of(slots: Int64Array, slot: int, track: int) -> int:
    """Return the row of ``sums`` of a track; slots have room for the same number of tracks."""
    most_tracks: int = (slots.shape[1] - TRACKS) // TRACK_SIZE
    return 1 + slot * most_tracks + track


@inlined
def since_of(spec: Int64Array, as_of: int) -> int:
    """Return from when on an event may have happened, for a window of time."""
    if spec[SELECTION_KIND] == BETWEEN_EVENTS:
        return BEFORE_ALL if spec[MAX_AGE_US] == NO_LIMIT else as_of - spec[MAX_AGE_US]
    return BEFORE_ALL if spec[SELECTION_KIND] == LAST_N else as_of - spec[WINDOW_US]


@inner
def restart(state: WindowState, slot: int, n_tracks: int, group: int, start: int) -> None:
    """Let a slot begin with a group: nothing is in its window."""
    slots = state.slots
    for track in range(n_tracks):
        at = TRACKS + track * TRACK_SIZE
        clear_values(slots, state.nodes, state.sums, slot, at, accumulator_of(slots, slot, track))
        clear_heap(state.entries, slots[slot, at + ENTERING])
        slots[slot, at + ENTERING] = 0
    clear_heap(state.entries, slots[slot, CLOSING])
    slots[slot, CLOSING] = 0
    slots[slot, GROUP] = group
    slots[slot, START] = start
    slots[slot, LOW] = start
    slots[slot, HIGH] = start
    slots[slot, AS_OF] = BEFORE_ALL


@inner
def enter(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    row: int,
    key: int,
    known: int,
    position: int,
    limit_us: int,
    limit_row: int,
) -> None:
    """Add a value.

    Args:
        selected: the selection.
        samples: the samples.
        state: the windows.
        slot: of this window.
        track: of the attribute.
        row: of the sample.
        key: its value.
        known: from when it is known.
        position: of the row.
        limit_us: values behind it are in the window that became known before this moment,
        limit_row: or at this moment in a row before this one.
    """
    slots = state.slots
    at = TRACKS + track * TRACK_SIZE
    accumulator = accumulator_of(slots, slot, track)
    kind, wanted = selected.tracks[track, KIND], selected.tracks[track, WANTED]
    if wanted & PLACES:
        n = slots[slot, at + COUNT]
        last = slots[slot, at + LAST]
        if wanted & RANKS:
            rank = n
            for place in range(last, position, -1):
                behind = samples.rows[place]
                if _came_before(selected, samples, track, behind, limit_us, limit_row):
                    behind_key = key_of(selected, track, behind, samples)
                    if behind_key != MISSING:
                        add_weighted(state.sums, accumulator, kind, behind_key, 1)
                        rank -= 1
            add_weighted(state.sums, accumulator, kind, key, rank)
        slots[slot, at + LAST] = max(last, position)
        first = slots[slot, at + FIRST]
        slots[slot, at + FIRST] = position if n == 0 else min(first, position)
    enter_value(slots, state.nodes, state.sums, slot, at, accumulator, kind, wanted, key)
    if len(state.journals) > 0:
        note(state.journals, accumulator, known, row)


@inlined
def _came_before(
    selected: Selected, samples: IndexedSamples, track: int, row: int, limit_us: int, limit_row: int
) -> bool:
    """Return whether a sample's value became known before a moment, or at it in an earlier row."""
    if selected.tracks[track, AT_ONCE]:
        return True
    known = known_moment(selected, track, row, samples)
    return known < limit_us or (known == limit_us and row < limit_row)


@inner
def _leave(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    key: int,
) -> None:
    """Take a value away; where ranks or places are kept it is the first one."""
    slots = state.slots
    at = TRACKS + track * TRACK_SIZE
    accumulator = accumulator_of(slots, slot, track)
    kind, wanted = selected.tracks[track, KIND], selected.tracks[track, WANTED]
    leave_value(slots, state.nodes, state.sums, slot, at, accumulator, kind, wanted, key)
    if wanted & PLACES:
        if wanted & RANKS:
            drop_first(state.sums, accumulator)
        if slots[slot, at + COUNT] == 0:
            slots[slot, at + FIRST] = -1
            slots[slot, at + LAST] = -1
        else:
            place = slots[slot, at + FIRST] + 1
            as_of = slots[slot, AS_OF]
            while not is_known(selected, track, samples.rows[place], samples, as_of):
                place += 1
            slots[slot, at + FIRST] = place


@inner
def _drop_old(
    selected: Selected, samples: IndexedSamples, state: WindowState, slot: int, new_low: int
) -> None:
    """Take away what stands before the new ``LOW``."""
    slots, spec = state.slots, selected.spec
    n_tracks = len(selected.tracks)
    as_of = slots[slot, AS_OF]
    if new_low >= slots[slot, HIGH]:
        group, start = slots[slot, GROUP], slots[slot, START]
        restart(state, slot, n_tracks, group, start)
        slots[slot, AS_OF] = as_of
        slots[slot, LOW] = new_low
        slots[slot, HIGH] = new_low
        return
    for position in range(slots[slot, LOW], new_low):
        row = samples.rows[position]
        is_open = not happened(closes_at(spec, row, samples.times), as_of)
        for track in range(n_tracks):
            if is_open and is_known(selected, track, row, samples, as_of):
                _leave(selected, samples, state, slot, track, key_of(selected, track, row, samples))
    slots[slot, LOW] = new_low


@inlined
def _drop_closed(
    selected: Selected, samples: IndexedSamples, state: WindowState, slot: int, as_of: int
) -> None:
    """Take away the values of samples that have closed."""
    slots = state.slots
    since = since_of(selected.spec, as_of)
    before = slots[slot, AS_OF]
    heap = slots[slot, CLOSING]
    while heap != 0 and happened(state.entries[heap, MOMENT], as_of):
        row = state.entries[heap, ROW]
        heap = pop(state.entries, heap)
        slots[slot, CLOSING] = heap
        if samples.times[selected.spec[EVENT], row] < since:
            continue  # it has left by its age
        for track in range(len(selected.tracks)):
            if is_known(selected, track, row, samples, before):
                _leave(selected, samples, state, slot, track, key_of(selected, track, row, samples))


@inlined
def _has_room(state: WindowState, n_tracks: int) -> bool:
    """Return whether one sample more may enter every track."""
    nodes = free_rows(state.nodes) >= MOST_NEW_NODES * n_tracks
    return nodes and free_rows(state.entries) >= 2 * n_tracks


@inner
def _enter_known(
    selected: Selected, samples: IndexedSamples, state: WindowState, slot: int, as_of: int
) -> bool:
    """Add the values that have become known; return whether there was room.

    In serving a sample may have been corrected since it was put into the heap: then its entry is
    outdated, or it has several.
    """
    slots, spec = state.slots, selected.spec
    n_tracks = len(selected.tracks)
    for track in range(n_tracks):
        at = TRACKS + track * TRACK_SIZE
        heap = slots[slot, at + ENTERING]
        last_known, last_row = BEFORE_ALL, -1
        while heap != 0 and happened(state.entries[heap, MOMENT], as_of):
            if not _has_room(state, n_tracks):
                return False
            known, row = state.entries[heap, MOMENT], state.entries[heap, ROW]
            heap = pop(state.entries, heap)
            slots[slot, at + ENTERING] = heap
            is_double = known == last_known and row == last_row
            last_known, last_row = known, row
            if is_double or known != known_moment(selected, track, row, samples):
                continue
            if happened(closes_at(spec, row, samples.times), as_of):
                continue
            place = place_of(spec, row, slots[slot, LOW], slots[slot, HIGH], samples)
            key = key_of(selected, track, row, samples)
            if place >= 0 and key != MISSING:  # else it has left before it was known
                enter(selected, samples, state, slot, track, row, key, known, place, known, row)
    return True


@inner
def _enter_new(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    as_of: int,
    stop: int,
) -> bool:
    """Add the samples up to ``as_of``; return whether there was room."""
    slots, spec = state.slots, selected.spec
    n_tracks = len(selected.tracks)
    position = slots[slot, HIGH]
    while position < stop and happened(samples.times[spec[EVENT], samples.rows[position]], as_of):
        if not _has_room(state, n_tracks):
            return False
        row = samples.rows[position]
        position += 1
        slots[slot, HIGH] = position
        closes = closes_at(spec, row, samples.times)
        if happened(closes, as_of):
            continue
        if closes != NEVER:
            slots[slot, CLOSING] = push(state.entries, slots[slot, CLOSING], closes, row)
        for track in range(n_tracks):
            key = key_of(selected, track, row, samples)
            if key == MISSING:
                continue
            moment = known_moment(selected, track, row, samples)
            if moment == NEVER:
                continue
            if not happened(moment, as_of):
                at = TRACKS + track * TRACK_SIZE
                heap = push(state.entries, slots[slot, at + ENTERING], moment, row)
                slots[slot, at + ENTERING] = heap
                continue
            place = position - 1
            enter(selected, samples, state, slot, track, row, key, moment, place, as_of, row)
    return True


@inner
def advance(
    selected: Selected, samples: IndexedSamples, state: WindowState, slot: int, as_of: int
) -> bool:
    """Advance a window to a moment that is not before its own.

    Returns:
        Whether there was room. If not, the arrays must grow before it is called again, with the
        same moment.
    """
    slots, spec = state.slots, selected.spec
    stop = samples.offsets[slots[slot, GROUP] + 1]
    event, kind = spec[EVENT], spec[SELECTION_KIND]
    low, high = slots[slot, LOW], slots[slot, HIGH]
    if kind == LAST_N:
        last = first_at_or_after(samples.rows, high, stop, samples.times, event, as_of)
        new_low = max(low, last - spec[N])
    else:
        since = since_of(spec, as_of)
        new_low = first_at_or_after(samples.rows, low, stop, samples.times, event, since)
        last = stop
    if len(selected.tracks) == 0:
        slots[slot, LOW] = new_low
        if kind != LAST_N:
            last = first_at_or_after(
                samples.rows, max(new_low, high), stop, samples.times, event, as_of
            )
        slots[slot, HIGH] = last
        slots[slot, AS_OF] = as_of
        return True
    if new_low > low:
        _drop_old(selected, samples, state, slot, new_low)
    if kind == BETWEEN_EVENTS:
        _drop_closed(selected, samples, state, slot, as_of)
    slots[slot, AS_OF] = as_of
    if not _enter_known(selected, samples, state, slot, as_of):
        return False
    return _enter_new(selected, samples, state, slot, as_of, last)

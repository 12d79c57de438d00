"""Let a kept window go back by a little: the moments of requests do not always ascend.

Values that became known since are taken out, the latest first, and those that had left are put
before the others again.
"""

from __future__ import annotations

from aggregators.kernels.exact.accumulators import add_weighted
from aggregators.kernels.exact.keys import MISSING
from aggregators.kernels.kept.layout import SINCE
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.selection import EVENT, WINDOW_US, happened
from aggregators.kernels.sliding.advance import accumulator_of
from aggregators.kernels.sliding.heaps import push
from aggregators.kernels.sliding.journal import FLOOR, JOURNAL_SIZE, note, recent
from aggregators.kernels.sliding.places import position_at, position_of
from aggregators.kernels.sliding.pool import free_rows
from aggregators.kernels.sliding.samples import key_of, known_moment
from aggregators.kernels.sliding.sorted_keys import MOST_NEW_NODES
from aggregators.kernels.sliding.tracks import (
    COUNT,
    ENTERING,
    FIRST,
    LAST,
    PLACES,
    RANKS,
    TRACK_SIZE,
    enter_value,
    leave_value,
    raise_ranks,
)
from aggregators.kernels.sliding.window import (
    AS_OF,
    GROUP,
    HIGH,
    KIND,
    LOW,
    TRACKS,
    WANTED,
    IndexedSamples,
    Selected,
    WindowState,
)
from aggregators.times import NEVER
from aggregators.typing import Int64Array

__all__ = ["go_back"]

MOST_SAMPLES_BACK = 1_024
"""So many samples may come into the window again; to go back further costs more than it saves."""


@inner
def go_back(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    marks: Int64Array,
    slot: int,
    as_of: int,
    found: Int64Array,
) -> bool:
    """Bring a window to an earlier moment; return whether it could be done, else it is unchanged.

    Args:
        selected: the selection.
        samples: the samples.
        state: the windows.
        marks: of the slots.
        slot: of this window.
        as_of: before the window's moment.
        found: room for ``JOURNAL_SIZE`` pairs.
    """
    slots, event = state.slots, selected.spec[EVENT]
    start, stop = samples.offsets[slots[slot, GROUP]], samples.offsets[slots[slot, GROUP] + 1]
    since = as_of - selected.spec[WINDOW_US]
    low = position_at(samples.rows, start, stop, slots[slot, LOW], samples.times, event, since)
    high = position_at(samples.rows, start, stop, slots[slot, HIGH], samples.times, event, as_of)
    if since < marks[slot, SINCE] or not _can_go_back(selected, state, slot, as_of, low):
        return False
    for track in range(len(selected.tracks)):
        journal = accumulator_of(slots, slot, track)
        for i in range(recent(state.journals, journal, as_of, found)):
            known, row = found[i, 0], found[i, 1]
            _take_out(selected, samples, state, slot, track, known, row, as_of)
    for place in range(slots[slot, LOW] - 1, low - 1, -1):
        for track in range(len(selected.tracks)):
            _put_before(selected, samples, state, slot, track, place, as_of)
    slots[slot, LOW] = low
    slots[slot, HIGH] = max(low, high)
    slots[slot, AS_OF] = as_of
    return True


@inlined
def _can_go_back(selected: Selected, state: WindowState, slot: int, as_of: int, low: int) -> bool:
    """Return whether all that has come since is written down, and there is room."""
    n_tracks, n_back = len(selected.tracks), state.slots[slot, LOW] - low
    for track in range(n_tracks):
        if as_of < state.journals[accumulator_of(state.slots, slot, track), FLOOR]:
            return False
    has_nodes: bool = free_rows(state.nodes) >= n_tracks * (n_back + MOST_NEW_NODES)
    has_entries: bool = free_rows(state.entries) >= n_tracks * (n_back + JOURNAL_SIZE)
    return n_back <= MOST_SAMPLES_BACK and has_nodes and has_entries


@inner
def _take_out(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    known: int,
    row: int,
    as_of: int,
) -> None:
    """Take out the value that became known last, if it still is in the window."""
    slots, spec = state.slots, selected.spec
    if known_moment(selected, track, row, samples) != known:
        return  # it has been corrected since, and stands in the journal again if it is in
    key = key_of(selected, track, row, samples)
    place = position_of(
        samples.rows, slots[slot, LOW], slots[slot, HIGH], slots[slot, HIGH],
        samples.times, spec[EVENT], row,
    )  # fmt: skip
    if key == MISSING or place < 0:
        return
    at, accumulator = TRACKS + track * TRACK_SIZE, accumulator_of(slots, slot, track)
    wanted, kind = selected.tracks[track, WANTED], selected.tracks[track, KIND]
    leave_value(slots, state.nodes, state.sums, slot, at, accumulator, kind, wanted, key)
    if wanted & RANKS:
        rank = slots[slot, at + COUNT]
        for behind in range(place + 1, slots[slot, at + LAST] + 1):
            other = samples.rows[behind]
            if _is_before(selected, samples, track, other, known, row):
                add_weighted(
                    state.sums, accumulator, kind, key_of(selected, track, other, samples), -1
                )
                rank -= 1
        add_weighted(state.sums, accumulator, kind, key, -rank)
    if wanted & PLACES:
        _move_ends(selected, samples, state, slot, track, place, known, row)
    if happened(samples.times[spec[EVENT], row], as_of):
        slots[slot, at + ENTERING] = push(state.entries, slots[slot, at + ENTERING], known, row)


@inlined
def _is_before(
    selected: Selected, samples: IndexedSamples, track: int, other: int, known: int, row: int
) -> bool:
    """Return whether another sample's value became known before (known, row)."""
    moment = known_moment(selected, track, other, samples)
    if moment > known or (moment == known and other >= row):
        return False
    is_missing: bool = key_of(selected, track, other, samples) == MISSING
    return not is_missing


@inner
def _move_ends(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    place: int,
    known: int,
    row: int,
) -> None:
    """Find the first and the last value again, if it is the one that has left."""
    slots = state.slots
    at = TRACKS + track * TRACK_SIZE
    if slots[slot, at + COUNT] == 0:
        slots[slot, at + FIRST] = -1
        slots[slot, at + LAST] = -1
        return
    for end, step in ((FIRST, 1), (LAST, -1)):
        if slots[slot, at + end] == place:
            other = place + step
            while not _is_before(selected, samples, track, samples.rows[other], known, row):
                other += step
            slots[slot, at + end] = other


@inner
def _put_before(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    place: int,
    as_of: int,
) -> None:
    """Let the value of the sample before ``LOW`` enter again, or wait."""
    slots, row = state.slots, samples.rows[place]
    key = key_of(selected, track, row, samples)
    known = known_moment(selected, track, row, samples)
    if key == MISSING or known == NEVER:
        return
    at, accumulator = TRACKS + track * TRACK_SIZE, accumulator_of(slots, slot, track)
    if not happened(known, as_of):
        slots[slot, at + ENTERING] = push(state.entries, slots[slot, at + ENTERING], known, row)
        return
    wanted, kind = selected.tracks[track, WANTED], selected.tracks[track, KIND]
    if wanted & RANKS:
        raise_ranks(state.sums, accumulator)
    if wanted & PLACES:
        slots[slot, at + FIRST] = place
        if slots[slot, at + COUNT] == 0:
            slots[slot, at + LAST] = place
    enter_value(slots, state.nodes, state.sums, slot, at, accumulator, kind, wanted, key)
    note(state.journals, accumulator, known, row)

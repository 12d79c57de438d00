"""Take over into a kept window what has happened to samples of its group since its last request.

A sample is compared as it was with as it is. Whatever has happened, it has entered the window, has
left it, holds another value, or waits for another moment.
"""

from __future__ import annotations

from aggregators.kernels.exact.keys import MISSING
from aggregators.kernels.kept.layout import IS_BROKEN, SINCE, Changes
from aggregators.kernels.numba_cache import inner
from aggregators.kernels.selection import EVENT, WINDOW_US, happened
from aggregators.kernels.sliding.advance import accumulator_of, enter
from aggregators.kernels.sliding.heaps import push
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
    TRACK_SIZE,
    leave_value,
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

__all__ = ["find_bounds", "take_changes"]

NOBODY = -1  # with a moment: all that became known before it, whatever the row
NOWHERE = -1


@inner
def take_changes(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    marks: Int64Array,
    slot: int,
    changes: Changes,
    first: int,
    last: int,
    places: Int64Array,
) -> None:
    """Bring a window to what the samples are now, at its moment.

    A window that cannot be brought there is marked as broken. A sample that was in the window and
    now has another rank makes it so: that needs a correction, and where ranks count alone.

    Args:
        selected: the selection.
        samples: the samples as they are.
        state: the windows.
        marks: of the slots.
        slot: of this window.
        changes: the samples that have changed, as they were.
        first: which of them are of this group, from here on.
        last: and up to here.
        places: room for a pair of each of them.
    """
    _find_places(selected, samples, state, slot, changes, first, last, places)
    n_tracks = len(selected.tracks)
    if not _shift_places(selected, samples, state, slot, changes, places, last - first):
        marks[slot, IS_BROKEN] = 1
        return
    find_bounds(selected, samples, state, marks, slot)
    before = IndexedSamples(
        samples.rows, samples.offsets, changes.times, changes.columns, samples.stack
    )
    # From the last place to the first: ranks follow from what stands behind.
    for i in range(last - first - 1, -1, -1):
        for track in range(n_tracks):
            has_room = free_rows(state.nodes) >= MOST_NEW_NODES and free_rows(state.entries) > 0
            if not has_room or not _take_change(
                selected,
                samples,
                before,
                state,
                marks,
                slot,
                track,
                changes.rows[places[i, 1]],
                places[i, 1],
                changes.was_in_group[places[i, 1]] == 1,
                places[i, 0],
            ):
                marks[slot, IS_BROKEN] = 1
                return


@inner
def find_bounds(
    selected: Selected, samples: IndexedSamples, state: WindowState, marks: Int64Array, slot: int
) -> None:
    """Find the positions of a window in the group's rows, which others may have joined."""
    slots, event = state.slots, selected.spec[EVENT]
    start, stop = samples.offsets[slots[slot, GROUP]], samples.offsets[slots[slot, GROUP] + 1]
    as_of = slots[slot, AS_OF]
    since = max(as_of - selected.spec[WINDOW_US], marks[slot, SINCE])
    low = position_at(samples.rows, start, stop, slots[slot, LOW], samples.times, event, since)
    high = position_at(samples.rows, start, stop, slots[slot, HIGH], samples.times, event, as_of)
    slots[slot, LOW] = low
    slots[slot, HIGH] = max(low, high)


@inner
def _find_places(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    changes: Changes,
    first: int,
    last: int,
    places: Int64Array,
) -> None:
    """Write (position, change) of the samples, by their positions; -1 is not in the index."""
    slots, event = state.slots, selected.spec[EVENT]
    start, stop = samples.offsets[slots[slot, GROUP]], samples.offsets[slots[slot, GROUP] + 1]
    for n, change in enumerate(range(first, last)):
        row = changes.rows[change]
        place = NOWHERE
        if samples.times[event, row] != NEVER:
            near = slots[slot, HIGH]
            place = position_of(samples.rows, start, stop, near, samples.times, event, row)
        i = n
        while i > 0 and places[i - 1, 0] > place:
            places[i, 0], places[i, 1] = places[i - 1, 0], places[i - 1, 1]
            i -= 1
        places[i, 0], places[i, 1] = place, change


@inner
def _shift_places(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    changes: Changes,
    places: Int64Array,
    n: int,
) -> bool:
    """Move the positions of first and last values behind the samples that have joined.

    Returns:
        Whether it could be done: a sample that has left its place makes them unknown.
    """
    slots, event = state.slots, selected.spec[EVENT]
    for track in range(len(selected.tracks)):
        if selected.tracks[track, WANTED] & PLACES == 0:
            continue
        at = TRACKS + track * TRACK_SIZE
        for i in range(n):
            place, change = places[i, 0], places[i, 1]
            old = NEVER
            if changes.was_in_group[change] == 1:
                old = changes.times[event, change]
            had_place = old != NEVER
            now = samples.times[event, changes.rows[change]]
            if had_place and (place == NOWHERE or old != now):
                return False
            if not had_place and place != NOWHERE and slots[slot, at + COUNT] > 0:
                slots[slot, at + FIRST] += place <= slots[slot, at + FIRST]
                slots[slot, at + LAST] += place <= slots[slot, at + LAST]
    return True


@inner
def _take_change(
    selected: Selected,
    samples: IndexedSamples,
    before: IndexedSamples,
    state: WindowState,
    marks: Int64Array,
    slot: int,
    track: int,
    row: int,
    change: int,
    was_in_group: bool,
    place: int,
) -> bool:
    """Take over what has happened to one sample's attribute; return whether it could be done."""
    slots, event = state.slots, selected.spec[EVENT]
    as_of = slots[slot, AS_OF]
    since = max(as_of - selected.spec[WINDOW_US], marks[slot, SINCE])
    old_time, time = before.times[event, change], samples.times[event, row]
    was_here = was_in_group and old_time >= since and happened(old_time, as_of)
    is_here = place != NOWHERE and time >= since and happened(time, as_of)
    old_known, old_key = NEVER, MISSING
    if was_here:
        old_known = known_moment(selected, track, change, before)
        old_key = key_of(selected, track, change, before)
    known, key = NEVER, MISSING
    if is_here:
        known = known_moment(selected, track, row, samples)
        key = key_of(selected, track, row, samples)
    was_in = old_key != MISSING and happened(old_known, as_of)
    is_in = key != MISSING and happened(known, as_of)
    if was_in and is_in and old_key == key and old_time == time:
        return True
    wanted, kind = selected.tracks[track, WANTED], selected.tracks[track, KIND]
    if was_in:
        if wanted & PLACES:
            return False
        at, accumulator = TRACKS + track * TRACK_SIZE, accumulator_of(slots, slot, track)
        leave_value(slots, state.nodes, state.sums, slot, at, accumulator, kind, wanted, old_key)
    if is_in:
        enter(selected, samples, state, slot, track, row, key, known, place, as_of, NOBODY)
    elif key != MISSING and known != NEVER and (old_key == MISSING or old_known != known):
        at = TRACKS + track * TRACK_SIZE
        slots[slot, at + ENTERING] = push(state.entries, slots[slot, at + ENTERING], known, row)
    return True

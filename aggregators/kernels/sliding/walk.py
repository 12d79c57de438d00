"""Walk over queries in the order of (group, as_of), with one window that slides.

The kernel stops where its arrays are full, and goes on from there when they have grown.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INT, INTS, INTS_2D
from aggregators.kernels.buffered_answers import BUFFERED_QUERIES, write_answers
from aggregators.kernels.exact.wide import WIDE_WIDTH
from aggregators.kernels.numba_cache import compiled, inlined
from aggregators.kernels.selection import BETWEEN_EVENTS, MAX_AGE_US, NO_LIMIT
from aggregators.kernels.selection import KIND as SELECTION_KIND
from aggregators.kernels.sliding.advance import restart
from aggregators.kernels.sliding.inlining import advance_inlined, answer_inlined
from aggregators.kernels.sliding.pool import free_rows, give_back, take
from aggregators.kernels.sliding.window import (
    AS_OF,
    GROUP,
    HIGH,
    LOW,
    SAMPLES_TYPE,
    SELECTED_TYPE,
    START,
    STATE_TYPE,
    IndexedSamples,
    Selected,
    WindowState,
)
from aggregators.typing import Float64Array, Int64Array

__all__ = ["KEEP_NOTHING", "slide"]

KEEP_NOTHING = np.iinfo(np.int64).max

NO_GROUP = -1


@inlined
def _release(state: WindowState, slot: int, n_tracks: int) -> None:
    """Give a slot back, and all that its window holds."""
    restart(state, slot, n_tracks, NO_GROUP, 0)
    give_back(state.slots, slot, GROUP)


@inlined
def _rows_to_read_again(selected: Selected, state: WindowState, slot: int) -> int:
    """Return how many samples a new window would read to stand where this one stands."""
    spec, slots = selected.spec, state.slots
    is_endless = spec[SELECTION_KIND] == BETWEEN_EVENTS and spec[MAX_AGE_US] == NO_LIMIT
    n_rows: int = slots[slot, HIGH] - slots[slot, START if is_endless else LOW]
    return n_rows


@compiled(
    SELECTED_TYPE, INTS_2D, FLOATS, SAMPLES_TYPE, STATE_TYPE, INTS, INT, INT, INTS, INTS, INTS,
    INTS, FLOATS_2D, is_for_training=True,
)  # fmt: skip
def slide(
    selected: Selected,
    functions: Int64Array,
    arguments: Float64Array,
    samples: IndexedSamples,
    state: WindowState,
    slot_of: Int64Array,
    keep_rows: int,
    start: int,
    groups: Int64Array,
    as_of: Int64Array,
    own_rows: Int64Array,
    targets: Int64Array,
    result: Float64Array,
) -> int:
    """Compute all functions of a selection for queries from ``start`` on.

    Args:
        selected: the selection, and what is kept of each attribute.
        functions: (track, code, output row) in the order of tracks; track -1 counts samples.
        arguments: the functions' arguments, shape (n_functions,).
        samples: of the index.
        state: windows of earlier calls; changed.
        slot_of: each group's slot, 0 where it has none; changed.
        keep_rows: a window is kept for the next call if a new one would read so many samples.
        start: the first query that has not been answered.
        groups: each query's group; queries stand in the order of (group, as_of).
        as_of: each query's moment.
        own_rows: each query's own sample, -1 where none is left out.
        targets: the output column of each query.
        result: shape (n_outputs, n_columns); written in place.

    Returns:
        How many queries have been answered, counted from the first of all. If not all, the state
        has no room.
    """
    n_functions = len(functions)
    buffered = functions.copy()
    for f in range(n_functions):
        buffered[f, 2] = f
    buffer = np.empty((n_functions, BUFFERED_QUERIES))
    largest = 0
    for group in range(len(samples.offsets) - 1):
        largest = max(largest, samples.offsets[group + 1] - samples.offsets[group])
    keys = np.empty(largest + 1, np.int64)
    words = np.empty((1, WIDE_WIDTH), np.int64)
    n_tracks = len(selected.tracks)
    done, in_buffer = start, 0
    for q in range(start, len(groups)):
        group = groups[q]
        slot = slot_of[group]
        is_new = slot == 0
        if is_new:
            if free_rows(state.slots) == 0:
                break
            slot = take(state.slots, GROUP)
            slot_of[group] = slot
        if is_new or as_of[q] < state.slots[slot, AS_OF]:
            restart(state, slot, n_tracks, group, samples.offsets[group])
        if not advance_inlined(selected, samples, state, slot, as_of[q]):
            break
        answer_inlined(
            selected,
            buffered,
            arguments,
            samples,
            state,
            slot,
            as_of[q],
            own_rows[q],
            in_buffer,
            buffer,
            keys,
            words,
        )
        is_last = q + 1 == len(groups) or groups[q + 1] != group
        if is_last and _rows_to_read_again(selected, state, slot) < keep_rows:
            _release(state, slot, n_tracks)
            slot_of[group] = 0
        in_buffer += 1
        if in_buffer == BUFFERED_QUERIES:
            write_answers(buffer, in_buffer, functions, targets, done, result)
            done, in_buffer = done + in_buffer, 0
    write_answers(buffer, in_buffer, functions, targets, done, result)
    return done + in_buffer

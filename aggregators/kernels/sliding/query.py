"""Answer one query from a window that stands at its moment: all functions of a selection."""

from __future__ import annotations

import numpy as np

from aggregators.kernels import function_kernels as codes
from aggregators.kernels.exact.accumulators import SUM, add, add_weighted, drop_first, is_wide
from aggregators.kernels.exact.keys import MISSING, value_of
from aggregators.kernels.exact.wide import wide_sum, wide_trend, wide_variance
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.selection import EVENT, LAST_N, happened
from aggregators.kernels.selection import KIND as SELECTION_KIND
from aggregators.kernels.sliding import answers
from aggregators.kernels.sliding.advance import accumulator_of, since_of
from aggregators.kernels.sliding.samples import closes_at, is_known, key_of, place_of
from aggregators.kernels.sliding.tracks import (
    COUNT,
    FIRST,
    LAST,
    RANKS,
    TRACK_SIZE,
    copy_sums,
    raise_ranks,
)
from aggregators.kernels.sliding.window import (
    HIGH,
    KIND,
    LOW,
    SAMPLES,
    SCRATCH,
    START,
    TRACKS,
    WANTED,
    IndexedSamples,
    Selected,
    WindowState,
)
from aggregators.typing import Float64Array, Int64Array

__all__ = ["answer_query"]

NOWHERE = -1


@inlined
def _own_place(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    own_row: int,
    as_of: int,
) -> int:
    """Return the position of the query's own sample if it is selected, else NOWHERE."""
    spec = selected.spec
    if own_row < 0 or not happened(samples.times[spec[EVENT], own_row], as_of):
        return NOWHERE
    if samples.times[spec[EVENT], own_row] < since_of(spec, as_of):
        return NOWHERE
    if happened(closes_at(spec, own_row, samples.times), as_of):
        return NOWHERE
    slots = state.slots
    return place_of(spec, own_row, slots[slot, LOW], slots[slot, HIGH], samples)


@inlined
def _key_at_place(
    selected: Selected, samples: IndexedSamples, track: int, place: int, as_of: int
) -> int:
    """Return the key that counts at ``as_of`` of the sample at a position, or MISSING."""
    if place == NOWHERE:
        return MISSING
    row = samples.rows[place]
    if not is_known(selected, track, row, samples, as_of):
        return MISSING
    return key_of(selected, track, row, samples)


@inner
def _corrected_sums(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    own_place: int,
    own: int,
    extra: int,
    as_of: int,
) -> int:
    """Return the accumulator without the own value and with the extra one before all others."""
    accumulator = accumulator_of(state.slots, slot, track)
    kind, wanted = selected.tracks[track, KIND], selected.tracks[track, WANTED]
    if not wanted & SUM or (own == MISSING and extra == MISSING):
        return accumulator
    sums = state.sums
    copy_sums(sums, accumulator, SCRATCH)
    if own != MISSING:
        add(sums, SCRATCH, kind, own, -1, wanted)
        if wanted & RANKS:
            at = TRACKS + track * TRACK_SIZE
            _close_rank(selected, samples, state, slot, track, at, own_place, own, as_of)
    if extra != MISSING:
        if wanted & RANKS:
            raise_ranks(sums, SCRATCH)
        add(sums, SCRATCH, kind, extra, 1, wanted)
    return SCRATCH


@inner
def _close_rank(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    at: int,
    own_place: int,
    own: int,
    as_of: int,
) -> None:
    """Take rank times value of the own sample away, and lower the ranks behind it.

    Whichever end of the window is nearer tells the rank.
    """
    sums, slots = state.sums, state.slots
    kind = selected.tracks[track, KIND]
    first, last = slots[slot, at + FIRST], slots[slot, at + LAST]
    n = slots[slot, at + COUNT]
    if last - own_place <= own_place - first:
        rank = n - 1
        for place in range(own_place + 1, last + 1):
            key = _key_at_place(selected, samples, track, place, as_of)
            if key != MISSING:
                add_weighted(sums, SCRATCH, kind, key, -1)
                rank -= 1
    else:
        rank = 0
        drop_first(sums, SCRATCH)
        for place in range(first, own_place):
            key = _key_at_place(selected, samples, track, place, as_of)
            if key != MISSING:
                add_weighted(sums, SCRATCH, kind, key, 1)
                rank += 1
    add_weighted(sums, SCRATCH, kind, own, -rank)


@inner
def _end_of_window(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    own_place: int,
    code: int,
    own: int,
    extra: int,
    as_of: int,
) -> int:
    """Return the key of the first or of the last value; there is one."""
    at = TRACKS + track * TRACK_SIZE
    n_others = state.slots[slot, at + COUNT] - int(own != MISSING)
    if extra != MISSING and (code == codes.FIRST or n_others == 0):
        return extra
    place, step = state.slots[slot, at + FIRST], 1
    if code != codes.FIRST:
        place, step = state.slots[slot, at + LAST], -1
    while place == own_place or not is_known(selected, track, samples.rows[place], samples, as_of):
        place += step
    return key_of(selected, track, samples.rows[place], samples)


@inner
def _wide_function(code: int, keys: Int64Array, n: int, words: Int64Array) -> float:
    """Return a function of sums of values that do not fit into fixed point."""
    if code == codes.SUM:
        return wide_sum(keys, n, words)
    if code == codes.MEAN:
        return wide_sum(keys, n, words) / n
    if code == codes.TREND:
        return wide_trend(keys, n, words) if n > 1 else np.nan
    variance = wide_variance(keys, n, words)
    return variance if code == codes.VAR else np.sqrt(variance)


@inner
def _collect(
    selected: Selected,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    track: int,
    own_place: int,
    extra: int,
    as_of: int,
    keys: Int64Array,
) -> int:
    """Write the keys of the window in their order; return how many."""
    n = 0
    if extra != MISSING:
        keys[0] = extra
        n = 1
    for place in range(state.slots[slot, LOW], state.slots[slot, HIGH]):
        row = samples.rows[place]
        if place == own_place or happened(closes_at(selected.spec, row, samples.times), as_of):
            continue
        key = _key_at_place(selected, samples, track, place, as_of)
        if key != MISSING:
            keys[n] = key
            n += 1
    return n


@inner
def answer_query(
    selected: Selected,
    functions: Int64Array,
    arguments: Float64Array,
    samples: IndexedSamples,
    state: WindowState,
    slot: int,
    as_of: int,
    own_row: int,
    target: int,
    result: Float64Array,
    keys: Int64Array,
    words: Int64Array,
) -> None:
    """Write all functions of a selection for one query; the window stands at its moment.

    Args:
        selected: the selection.
        functions: (track, code, output row) in the order of tracks; track -1 counts samples that
            are known as soon as they are selected.
        arguments: the functions' arguments, shape (n_functions,).
        samples: of the index.
        state: the windows.
        slot: of this window.
        as_of: of the query.
        own_row: the sample that is left out, or -1.
        target: the column of ``result``.
        result: shape (n_outputs, n_columns); written in place.
        keys: room for all keys of the window, and one more.
        words: room for wide sums, shape (1, ``WIDE_WIDTH``).
    """
    slots = state.slots
    own_place = _own_place(selected, samples, state, slot, own_row, as_of)
    extra_place = NOWHERE
    if own_place != NOWHERE and selected.spec[SELECTION_KIND] == LAST_N:
        extra_place = slots[slot, LOW] - 1
        if extra_place < slots[slot, START]:
            extra_place = NOWHERE
    current, n, accumulator = -1, 0, 0
    own, extra = MISSING, MISSING
    n_keys = -1
    for f in range(len(functions)):
        track, code, output = functions[f, 0], functions[f, 1], functions[f, 2]
        if track == SAMPLES:
            n_samples = slots[slot, HIGH] - slots[slot, LOW]
            n_samples += int(extra_place != NOWHERE) - int(own_place != NOWHERE)
            result[output, target] = n_samples
            continue
        at = TRACKS + track * TRACK_SIZE
        kind = selected.tracks[track, KIND]
        if track != current:
            current, n_keys = track, -1
            own = _key_at_place(selected, samples, track, own_place, as_of)
            extra = _key_at_place(selected, samples, track, extra_place, as_of)
            n = slots[slot, at + COUNT] + int(extra != MISSING) - int(own != MISSING)
            accumulator = _corrected_sums(
                selected, samples, state, slot, track, own_place, own, extra, as_of
            )
        value = np.nan
        if answers.is_of_order(code):
            value = answers.of_order(
                code, arguments[f], state.nodes, slots, slot, at, kind, n, own, extra, as_of
            )
        elif answers.is_of_sums(code):
            if not is_wide(state.sums, accumulator):
                value = answers.of_sums(code, state.sums, accumulator, kind, n, as_of)
            elif n > 0:
                if n_keys < 0:
                    n_keys = _collect(
                        selected, samples, state, slot, track, own_place, extra, as_of, keys
                    )
                value = _wide_function(code, keys, n_keys, words)
        elif code == codes.COUNT:
            value = float(n)
        elif n > 0:
            key = _end_of_window(
                selected, samples, state, slot, track, own_place, code, own, extra, as_of
            )
            value = value_of(kind, key, as_of)
        result[output, target] = value

"""Say of one sample what its attribute is, and from which moment on it is in a window."""

from __future__ import annotations

from aggregators.kernels.attribute_kernels import (
    DIVIDE,
    DURATIONS,
    ELAPSED,
    evaluate_attribute,
    key_step,
    step_of,
)
from aggregators.kernels.exact.keys import MISSING, key_of_float
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.selection import (
    BETWEEN_EVENTS,
    EVENT,
    GATE,
    KNOWN,
    closing_time,
    happened,
)
from aggregators.kernels.selection import KIND as SELECTION_KIND
from aggregators.kernels.sliding import window
from aggregators.kernels.sliding.places import position_of
from aggregators.kernels.sliding.window import IndexedSamples, Selected
from aggregators.times import NEVER
from aggregators.typing import Float64Array, Int64Array

AT_THE_END = NEVER  # all that happens has happened before; what never happens has not

__all__ = ["closes_at", "is_known", "key_of", "known_moment", "place_of"]


@inner
def _key_of_ratio(
    programs: Int64Array,
    first: int,
    last: int,
    row: int,
    times: Int64Array,
    columns: Float64Array,
    stack: Float64Array,
) -> int:
    """Return the key of an attribute of several steps."""
    value = evaluate_attribute(programs, first, last, row, AT_THE_END, times, columns, stack)
    return key_of_float(value)


@inlined
def key_of(selected: Selected, track: int, row: int, samples: IndexedSamples) -> int:
    """Return the key of a sample's attribute once it is known; MISSING where it never is."""
    attribute = selected.tracks[track, window.ATTRIBUTE]
    if attribute == window.SAMPLES:
        return 0
    first = selected.program_bounds[attribute]
    last = selected.program_bounds[attribute + 1]
    if last - first > 1:
        return _key_of_ratio(
            selected.programs, first, last, row, samples.times, samples.columns, samples.stack
        )
    step = step_of(selected.programs, first)
    return key_step(step, row, AT_THE_END, samples.times, samples.columns)


@inlined
def known_moment(selected: Selected, track: int, row: int, samples: IndexedSamples) -> int:
    """Return the latest of the events from which a sample and its attribute are known."""
    spec, times = selected.spec, samples.times
    result: int = times[spec[EVENT], row]
    if selected.tracks[track, window.AT_ONCE]:
        return result
    if spec[GATE] != KNOWN:
        result = max(result, times[spec[GATE], row])
    attribute = selected.tracks[track, window.ATTRIBUTE]
    if attribute == window.SAMPLES:
        return result
    for step in range(selected.program_bounds[attribute], selected.program_bounds[attribute + 1]):
        operation = selected.programs[step, 0]
        a, b = selected.programs[step, 1], selected.programs[step, 2]
        if operation in DURATIONS or operation == ELAPSED:
            result = max(result, times[a, row])
        if operation != ELAPSED and operation != DIVIDE and b != KNOWN:
            result = max(result, times[b, row])
    return result


@inlined
def closes_at(spec: Int64Array, row: int, times: Int64Array) -> int:
    """Return when a sample is not open any more; never where the selection has no closing event."""
    if spec[SELECTION_KIND] == BETWEEN_EVENTS:
        return closing_time(spec, row, times)
    return NEVER


@inlined
def is_known(selected: Selected, track: int, row: int, samples: IndexedSamples, as_of: int) -> bool:
    """Return whether a sample's attribute is known and not missing; the sample is selected."""
    known = selected.tracks[track, window.AT_ONCE] == 1
    if known or happened(known_moment(selected, track, row, samples), as_of):
        return key_of(selected, track, row, samples) != MISSING
    return False


@inlined
def place_of(spec: Int64Array, row: int, low: int, high: int, samples: IndexedSamples) -> int:
    """Return the position of a row in ``low..high`` of the group's rows, or -1."""
    rows, times, event = samples.rows, samples.times, spec[EVENT]
    if row < len(rows) and rows[row] == row:  # the samples stand in the order of their index
        return row if low <= row < high else -1
    return position_of(rows, low, high, high, times, event, row)

"""Lay out the state of windows that slide: slots, tracks, and the arrays that many slots share.

A slot holds one window: one selection over one group, at one moment. A track holds one attribute of
the selection in it; what is known of the samples themselves is the attribute ``SAMPLES``.
"""

from __future__ import annotations

from typing import NamedTuple

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INTS, INTS32, INTS_2D, struct
from aggregators.kernels.sliding.tracks import TRACK_SIZE
from aggregators.typing import Float64Array, Int32Array, Int64Array

__all__ = [
    "SAMPLES_TYPE",
    "SELECTED_TYPE",
    "STATE_TYPE",
    "IndexedSamples",
    "Selected",
    "WindowState",
    "slot_size",
]

# The fields of a slot: its group, the positions of its window in the group's rows, the moment, and
# the heap of samples that will close.
GROUP, START, LOW, HIGH, AS_OF, CLOSING = range(6)
TRACKS = 6

# The fields of `tracks`, one row each: the attribute, the kind of its keys, what is kept of it, and
# whether its values are known as soon as the sample is selected.
ATTRIBUTE, KIND, WANTED, AT_ONCE = range(4)
SAMPLES = -1
"""In place of an attribute: the samples themselves."""

SCRATCH = 0
"""The accumulator in which a query's own sample is taken out of a sum."""


class IndexedSamples(NamedTuple):
    """Holds the samples of an index.

    Args:
        rows: rows of ``times`` and ``columns`` by (group, event time, sample id).
        offsets: where each group starts and ends in ``rows``.
        times: event times in microseconds, shape (n_events, n_samples).
        columns: attribute columns, shape (n_columns, n_samples).
        stack: room to compute attributes in, of ``attribute_kernels.STACK_SIZE`` elements.
    """

    rows: Int32Array
    offsets: Int64Array
    times: Int64Array
    columns: Float64Array
    stack: Float64Array


class Selected(NamedTuple):
    """Holds a selection and the attributes of what it selects.

    Args:
        spec: the selection; see :mod:`aggregators.kernels.selection`.
        programs: the attributes' steps, shape (n_steps, 3).
        program_bounds: where each program starts and ends.
        tracks: what is kept of each attribute, shape (n_tracks, 4).
    """

    spec: Int64Array
    programs: Int64Array
    program_bounds: Int64Array
    tracks: Int64Array


class WindowState(NamedTuple):
    """Holds the windows of one selection.

    Args:
        slots: one row per window; row 0 is the header.
        nodes: of the trees of keys; see :mod:`aggregators.kernels.sliding.sorted_keys`.
        entries: of the heaps; see :mod:`aggregators.kernels.sliding.heaps`.
        sums: one accumulator per slot and track; row 0 is room to compute in.
        journals: of each accumulator what came last into it, see
            :mod:`aggregators.kernels.sliding.journal`; empty where no query goes back.
    """

    slots: Int64Array
    nodes: Int64Array
    entries: Int64Array
    sums: Int64Array
    journals: Int64Array


SAMPLES_TYPE = struct(IndexedSamples, INTS32, INTS, INTS_2D, FLOATS_2D, FLOATS)
SELECTED_TYPE = struct(Selected, INTS, INTS_2D, INTS, INTS_2D)
STATE_TYPE = struct(WindowState, INTS_2D, INTS_2D, INTS_2D, INTS_2D, INTS_2D)


def slot_size(n_tracks: int) -> int:
    """Return how many fields a slot has."""
    return TRACKS + n_tracks * TRACK_SIZE

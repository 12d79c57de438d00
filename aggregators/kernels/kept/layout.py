"""Lay out what a plan keeps: selections packed for one call, and what has changed since the last.

A slot holds the window of one selection over one group, at one moment; see
:mod:`aggregators.kernels.sliding.window`. The slots of all selections of a plan share the arrays.
"""

from __future__ import annotations

from typing import NamedTuple

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INTS, INTS_2D, struct
from aggregators.typing import Float64Array, Int64Array

__all__ = ["CHANGES_TYPE", "KEPT_PLANS_TYPE", "Changes", "KeptPlans"]

# The fields of a slot's marks: the earliest order time that its window holds, whether it must be
# built anew, and which of a call's changes it has not seen yet.
SINCE, IS_BROKEN, CHANGED_FROM, CHANGED_TO = range(4)
MARKS_SIZE = 4

# Where each selection's parts end.
STEPS, BOUNDS, TRACK_ROWS, FUNCTIONS = range(4)


class KeptPlans(NamedTuple):
    """Holds the arrays of several selections, one after the other.

    Args:
        specs: one row per selection, filled up with zeros.
        programs: steps of all attributes.
        program_bounds: of each selection's attributes, from 0 on in each.
        tracks: of each selection what is kept; see :mod:`aggregators.kernels.sliding.window`.
        functions: (track, code, output) of all; track -1 counts the selected samples.
        arguments: of the functions.
        ends: where each selection's steps, bounds, tracks and functions end, shape
            (n_plans + 1, 4), the first row being 0.
        indexes: which index each reads.
        kinds: which queries each answers.
    """

    specs: Int64Array
    programs: Int64Array
    program_bounds: Int64Array
    tracks: Int64Array
    functions: Int64Array
    arguments: Float64Array
    ends: Int64Array
    indexes: Int64Array
    kinds: Int64Array


class Changes(NamedTuple):
    """Holds samples that have changed, as they were before.

    Args:
        rows: their rows.
        was_in_group: 1 where the sample had the group's value of the dimension.
        times: event times, shape (n_events, n_changes).
        columns: attribute columns, shape (n_columns, n_changes).
    """

    rows: Int64Array
    was_in_group: Int64Array
    times: Int64Array
    columns: Float64Array


KEPT_PLANS_TYPE = struct(
    KeptPlans, INTS_2D, INTS_2D, INTS, INTS_2D, INTS_2D, FLOATS, INTS_2D, INTS, INTS
)
CHANGES_TYPE = struct(Changes, INTS, INTS, INTS_2D, FLOATS_2D)

"""Hold the arrays of windows that slide, let them grow, and walk over queries with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aggregators.kernels import selection
from aggregators.kernels.attribute_kernels import COLUMN, DIVIDE, KEY
from aggregators.kernels.exact.accumulators import SUMS_WIDTH
from aggregators.kernels.exact.keys import FLOAT
from aggregators.kernels.plan import SelectionPlan
from aggregators.kernels.sliding.heaps import ENTRY_SIZE
from aggregators.kernels.sliding.journal import JOURNAL_WIDTH
from aggregators.kernels.sliding.pool import free_rows, lengthened, new_pool
from aggregators.kernels.sliding.sorted_keys import (
    MOST_NEW_NODES,
    NODE_SIZE,
)
from aggregators.kernels.sliding.tracks import KEPT_FOR, PLACES
from aggregators.kernels.sliding.walk import slide
from aggregators.kernels.sliding.window import (
    SAMPLES,
    IndexedSamples,
    Selected,
    WindowState,
    slot_size,
)
from aggregators.typing import Float64Array, Int64Array

__all__ = ["SlidingPlan", "SlidingWindows", "grown", "new_state", "sliding_part"]

NOT_AT_ONCE = 0  # events of durations: they may come after that by which samples are selected
FIRST_NODES, FIRST_ENTRIES, FIRST_SLOTS = 64, 64, 4


@dataclass(frozen=True)
class SlidingPlan:
    """Holds the part of a selection that is computed while its window slides.

    Attributes:
        selected: the selection, and what is kept of each attribute.
        functions: (track, code, output row), shape (n_functions, 3).
        arguments: the functions' arguments.
    """

    selected: Selected
    functions: Int64Array
    arguments: Float64Array


def new_state(n_tracks: int) -> WindowState:
    """Return the state of no windows.

    >>> state = new_state(1)
    >>> len(state.slots), len(state.sums)
    (4, 5)
    """
    slots = new_pool(FIRST_SLOTS, slot_size(n_tracks))
    nodes = new_pool(FIRST_NODES + MOST_NEW_NODES * n_tracks, NODE_SIZE)
    entries = new_pool(FIRST_ENTRIES + 2 * n_tracks, ENTRY_SIZE)
    sums = np.zeros((1 + FIRST_SLOTS * n_tracks, SUMS_WIDTH), np.int64)
    return WindowState(slots, nodes, entries, sums, np.empty((0, JOURNAL_WIDTH), np.int64))


class SlidingWindows:
    """Keeps the windows of one selection, and answers queries in the order of (group, as_of).

    Args:
        plan: the selection and its functions.
        n_groups: how many groups the index has.
    """

    def __init__(self, plan: SlidingPlan, n_groups: int) -> None:
        self.plan = plan
        self.state = new_state(len(plan.selected.tracks))
        self.slot_of = np.zeros(n_groups, np.int64)

    def answer(
        self,
        samples: IndexedSamples,
        groups: Int64Array,
        as_of: Int64Array,
        own_rows: Int64Array,
        targets: Int64Array,
        result: Float64Array,
        *,
        keep_rows: int,
    ) -> None:
        """Compute the functions of queries; windows of later moments begin anew.

        Args:
            samples: of the index.
            groups: each query's group; queries stand in the order of (group, as_of).
            as_of: each query's moment.
            own_rows: each query's own sample, -1 where none is left out.
            targets: the output column of each query.
            result: shape (n_outputs, n_columns); written in place.
            keep_rows: windows of so many samples are kept for the next call.
        """
        plan, done = self.plan, 0
        while True:
            done = slide(
                plan.selected,
                plan.functions,
                plan.arguments,
                samples,
                self.state,
                self.slot_of,
                keep_rows,
                done,
                groups,
                as_of,
                own_rows,
                targets,
                result,
            )
            if done == len(groups):
                return
            self.state = grown(self.state, len(plan.selected.tracks))


def grown(state: WindowState, n_tracks: int) -> WindowState:
    """Return the state with more room in each array that is full."""
    nodes, entries, slots, sums = state.nodes, state.entries, state.slots, state.sums
    if free_rows(nodes) < MOST_NEW_NODES * n_tracks:
        nodes = lengthened(nodes, len(nodes))
    if free_rows(entries) < 2 * n_tracks:
        entries = lengthened(entries, len(entries))
    if free_rows(slots) == 0:
        slots = lengthened(slots, len(slots))
        sums = lengthened(sums, 1 + len(slots) * n_tracks - len(sums))
    return WindowState(slots, nodes, entries, sums, state.journals)


def sliding_part(plan: SelectionPlan) -> tuple[SlidingPlan | None, SelectionPlan | None]:
    """Divide a plan into what is computed while its window slides, and what is computed directly.

    Directly: values that change with ``as_of`` in themselves, functions of the whole window, order
    among open intervals, and the last n samples where not all are known at once.
    """
    slides = np.array([_slides(plan, *map(int, entry[:2])) for entry in plan.functions], np.bool_)
    if not slides.any():
        return None, plan
    direct = None
    if not slides.all():
        direct = replace(plan, functions=plan.functions[~slides], arguments=plan.arguments[~slides])
    functions = plan.functions[slides]
    tracks: dict[int, int] = {}
    for attribute, code, _ in functions.tolist():
        if attribute != SAMPLES or _needs_track(plan):
            tracks[attribute] = tracks.get(attribute, 0) | KEPT_FOR[code]
    numbers = {attribute: i for i, attribute in enumerate(tracks)}
    renumbered = functions.copy()
    renumbered[:, 0] = [numbers.get(attribute, SAMPLES) for attribute in functions[:, 0].tolist()]
    table = [_track(plan, attribute, wanted) for attribute, wanted in tracks.items()]
    selected = Selected(
        plan.spec, plan.programs, plan.program_bounds, np.array(table, np.int64).reshape(-1, 4)
    )
    return SlidingPlan(selected, renumbered, plan.arguments[slides]), direct


def _needs_track(plan: SelectionPlan) -> bool:
    """Return whether the selected samples are not just those between two positions."""
    is_interval = plan.spec[selection.KIND] == selection.BETWEEN_EVENTS
    return bool(is_interval or plan.spec[selection.GATE] != selection.KNOWN)


def _slides(plan: SelectionPlan, attribute: int, code: int) -> bool:
    spec = plan.spec
    if code not in KEPT_FOR:
        return False
    if spec[selection.KIND] == selection.LAST_N and spec[selection.GATE] != selection.KNOWN:
        return False
    if spec[selection.KIND] == selection.BETWEEN_EVENTS and KEPT_FOR[code] & PLACES:
        return False
    return attribute == SAMPLES or not plan.is_volatile[attribute]


def _track(plan: SelectionPlan, attribute: int, wanted: int) -> list[int]:
    gates = [plan.spec[selection.GATE]]
    if attribute == SAMPLES:
        return [SAMPLES, FLOAT, wanted, int(gates[0] == selection.KNOWN)]
    first, last = plan.program_bounds[attribute : attribute + 2]
    for operation, _, gate in plan.programs[first:last, :3]:
        if operation != DIVIDE:
            gates.append(gate if operation in (COLUMN, KEY) else NOT_AT_ONCE)
    at_once = all(gate == selection.KNOWN for gate in gates)
    return [attribute, int(plan.kinds[attribute]), wanted, int(at_once)]

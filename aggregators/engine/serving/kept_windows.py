"""Keep the long windows of busy groups in memory, for one plan over one source of one store.

A request that reads a window of a hundred thousand samples takes as long as one that reads ten: the
window stands as the last request left it, and only what has come, gone or changed since is looked
at. Its values are those that reading the whole window gives, to the bit.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

from aggregators.engine.serving.kept_groups import KeptGroup, changes_of, no_changes
from aggregators.engine.serving.kept_memory import KEPT_VARIABLE, KeptMemory
from aggregators.engine.serving.kept_packing import KeptPack
from aggregators.kernels.exact.accumulators import SUMS_WIDTH
from aggregators.kernels.kept.answering import (
    DIRECT,
    LOST,
    answer_kept,
    long_windows,
    release_windows,
)
from aggregators.kernels.kept.layout import IS_BROKEN, MARKS_SIZE
from aggregators.kernels.plan_kernels import INDEXES_AT_A_TIME, PackedQueries
from aggregators.kernels.selection import BEFORE_ALL
from aggregators.kernels.sliding.heaps import ENTRY_SIZE
from aggregators.kernels.sliding.journal import JOURNAL_WIDTH
from aggregators.kernels.sliding.pool import free_rows, lengthened, new_pool
from aggregators.kernels.sliding.sorted_keys import MOST_NEW_NODES, NODE_SIZE
from aggregators.kernels.sliding.window import AS_OF, WindowState, slot_size
from aggregators.stores.reading import SourceReading
from aggregators.typing import Float64Array, Int32Array, Int64Array, Key

__all__ = ["KeptWindows"]

logger = logging.getLogger("doorstep.features")

MIN_KEPT_ROWS = 512
"""A window of fewer samples is read anew for each request: that is as quick."""

LOOK_EVERY = 31
"""Each so many requests it is looked for windows that are worth keeping; a prime, so that requests
that take turns are all looked at."""

SAMPLES_PER_CALL = 50_000
"""So many samples come into new windows in one request; it is answered from the store meanwhile."""

LEAST_SAMPLES_PER_WINDOW = 512
"""So many samples may come into each window in one request, whatever comes into others."""

REFUSED_REQUESTS = 10_000
"""After so many requests it is tried again to keep what there was no memory for."""

_NO_ROWS = (np.empty(0, np.int32),) * INDEXES_AT_A_TIME
_NO_OFFSETS = (np.zeros(1, np.int64),) * INDEXES_AT_A_TIME
_FIRST_SLOTS = 8
_SPARE_NODES, _SPARE_ENTRIES = 512, 2_048
"""So much room there is in the arrays before a call."""


class KeptWindows:
    """Answers those queries whose windows are kept. For one thread at a time.

    Args:
        pack: the selections.
        n_events: of the source.
        n_columns: of the source's attributes.
        memory: of all windows of the process.

    Attributes:
        n_answered: how many queries of a selection were answered from kept windows.
        n_built: how many windows were begun.
        last_used: when it was asked last, as ``memory`` counts.
    """

    def __init__(self, pack: KeptPack, n_events: int, n_columns: int, memory: KeptMemory) -> None:
        self._pack = pack
        self._memory = memory
        self._groups: OrderedDict[tuple[str, Key], KeptGroup] = OrderedDict()
        self._refused: dict[tuple[str, Key], int] = {}
        self._no_changes = no_changes(n_events, n_columns)
        self._turn = 0
        self.n_answered = 0
        self.n_built = 0
        self.last_used = 0
        self._begin(0, 0)
        memory.join(self)

    def _begin(self, n_slots: int, n_spare: int) -> None:
        """Hold no windows, and the room for the first ones."""
        n = n_slots * self._pack.most_tracks + 1
        spare_nodes, spare_entries = self._spare
        self._state = WindowState(
            np.zeros((n_slots, slot_size(self._pack.most_tracks)), np.int64),
            new_pool(max(n_spare * spare_nodes, 1), NODE_SIZE),
            new_pool(max(n_spare * spare_entries, 1), ENTRY_SIZE),
            np.zeros((n, SUMS_WIDTH), np.int64),
            np.zeros((n, JOURNAL_WIDTH), np.int64),
        )
        self._free = list(range(n_slots - 1, 0, -1))
        self._marks = np.zeros((n_slots, MARKS_SIZE), np.int64)
        self._keys = np.empty(0, np.int64)

    def __len__(self) -> int:
        """Return how many windows are kept."""
        return sum(len(group.used_slots) for group in self._groups.values())

    @property
    def n_bytes(self) -> int:
        """How much memory the windows take; 0 where there are none."""
        if not self._groups:
            return 0
        return sum(array.nbytes for array in self._state) + self._keys.nbytes

    def answer(
        self, reading: SourceReading, queries: PackedQueries, result: Float64Array
    ) -> Int64Array | None:
        """Write the functions of the queries whose windows are kept.

        Args:
            reading: what was read of the source.
            queries: what is asked.
            result: shape (n_rows, n_features); written in place.

        Returns:
            Of each selection and query a slot, or below 0 where it was not answered, shape
            (n_selections, n_queries). None: no query was.
        """
        rows, offsets = self._indexes(reading)
        slots = None
        with self._memory.changing:
            self._memory.note_use(self)
            if self._groups:
                slots = self._answered(reading, queries, rows, offsets, result)
            if self._turn % LOOK_EVERY == 0:
                self._look(reading, queries, rows, offsets)
                self._memory.tell()
            self._turn += 1
        return slots

    def empty(self) -> None:
        """Drop all windows, and free their memory."""
        for group in list(self._groups.values()):
            self._memory.count(crowded=len(group.used_slots))
            self._drop(group)

    def _indexes(
        self, reading: SourceReading
    ) -> tuple[tuple[Int32Array, ...], tuple[Int64Array, ...]]:
        read = [reading.rows[number] for number in self._pack.indexes]
        empty = INDEXES_AT_A_TIME - len(read)
        return (
            (*[rows for rows, _ in read], *_NO_ROWS[:empty]),
            (*[offsets for _, offsets in read], *_NO_OFFSETS[:empty]),
        )

    # --- answering -------------------------------------------------------------------------

    def _answered(
        self,
        reading: SourceReading,
        queries: PackedQueries,
        rows: tuple[Int32Array, ...],
        offsets: tuple[Int64Array, ...],
        result: Float64Array,
    ) -> Int64Array | None:
        asked = list(self._asked(reading))
        if not asked:
            return None
        slots = self._slots(asked, queries)
        largest = max(len(one) for one in rows)
        if largest >= len(self._keys):  # only written where sums do not fit into fixed point
            self._keys = np.empty(largest + largest // 4 + 1, np.int64)
        changes = changes_of([group for _, group in asked], self._marks, self._no_changes)
        names = {(group.dimension, group.key) for _, group in asked}
        while not answer_kept(
            self._pack.plans,
            self._state,
            self._marks,
            slots,
            rows,
            offsets,
            queries,
            changes,
            reading.times,
            reading.columns,
            SAMPLES_PER_CALL,
            LEAST_SAMPLES_PER_WINDOW,
            *self._spare,
            self._keys,
            result,
        ):
            if not self._make_room(names):
                self._refuse([group for _, group in asked])
                return None
        if (slots == LOST).any():
            for _, group in asked:
                self._drop_broken(group)
        self.n_answered += int((slots >= 0).sum())
        return slots

    @property
    def _spare(self) -> tuple[int, int]:
        """How many nodes and entries are free before a call: enough for a sample at least."""
        n_tracks = self._pack.most_tracks
        return max(_SPARE_NODES, MOST_NEW_NODES * n_tracks), max(_SPARE_ENTRIES, 2 * n_tracks)

    def _refuse(self, groups: list[KeptGroup]) -> None:
        """Keep nothing of groups that need more memory than there may be."""
        for group in groups:
            logger.warning(
                "no memory for windows of %s %r: all that are kept may take %d MiB (%s); its"
                " requests read them whole",
                group.dimension,
                group.key,
                self._memory.bytes_max // 2**20,
                KEPT_VARIABLE,
            )
            self._memory.count(crowded=len(group.used_slots))
            self._refused[group.dimension, group.key] = self._turn
            self._drop(group)

    def _asked(self, reading: SourceReading) -> Iterator[tuple[int, KeptGroup]]:
        """Yield the kept groups that are asked for, with the number of each."""
        for dimension in self._pack.plans_of:
            for number, key in enumerate(reading.keys[dimension]):
                group = self._groups.get((dimension, key))
                if group is None:
                    continue
                if group.watch.is_lost:
                    self._memory.count(changed=len(group.used_slots))
                    self._drop(group)
                    continue
                self._groups.move_to_end((dimension, key))
                yield number, group

    def _slots(self, asked: list[tuple[int, KeptGroup]], queries: PackedQueries) -> Int64Array:
        pack = self._pack
        sizes = np.diff(queries.ends)
        slots = np.full((len(pack.plans.indexes), int(sizes.max(initial=1))), DIRECT, np.int64)
        for number, group in asked:
            plans = pack.plans_of[group.dimension]
            if slots.shape[1] == 1:
                slots[plans, 0] = group.slots
                continue
            for plan, slot in zip(plans.tolist(), group.slots.tolist(), strict=True):
                first, last = queries.ends[pack.plans.kinds[plan] :][:2].tolist()
                slots[plan, : last - first][queries.groups[first:last] == number] = slot
        return slots

    # --- which windows are kept ------------------------------------------------------------

    def _look(
        self,
        reading: SourceReading,
        queries: PackedQueries,
        rows: tuple[Int32Array, ...],
        offsets: tuple[Int64Array, ...],
    ) -> None:
        """Begin to keep the windows that are long; from the next request on they are built."""
        pack = self._pack
        if max(len(one) for one in rows) < MIN_KEPT_ROWS or self._memory.bytes_max == 0:
            return
        lengths = np.zeros((len(pack.plans.indexes), int(np.diff(queries.ends).max())), np.int64)
        long_windows(pack.plans, rows, offsets, queries, reading.times, lengths)
        for plan, query in np.argwhere(lengths >= MIN_KEPT_ROWS).tolist():
            dimension = next(name for name, plans in pack.plans_of.items() if plan in plans)
            number = int(queries.groups[queries.ends[pack.plans.kinds[plan]] + query])
            self._keep(reading, dimension, reading.keys[dimension][number], plan)

    def _keep(self, reading: SourceReading, dimension: str, key: Key, plan: int) -> None:
        plans = self._pack.plans_of[dimension]
        group = self._groups.get((dimension, key))
        if group is None:
            if not self._may_keep(dimension, key):
                return
            watch = reading.watches.watch(dimension, key)
            group = KeptGroup(dimension, key, watch, np.full(len(plans), DIRECT, np.int64))
            self._groups[dimension, key] = group
        place = int(np.searchsorted(plans, plan))
        if group.slots[place] < 0:
            group.slots[place] = self._take_slot()
            self._count_built()

    def _may_keep(self, dimension: str, key: Key) -> bool:
        """Return whether windows of one more group may be kept; make room for the first one."""
        refused = self._refused.get((dimension, key))
        if refused is not None and self._turn - refused < REFUSED_REQUESTS:
            return False
        self._refused.pop((dimension, key), None)
        if not self._groups:
            nodes, entries = self._spare
            n_bytes = 16 * (nodes * NODE_SIZE + entries * ENTRY_SIZE)
            if not self._memory.has_room(self, n_bytes):
                return False
            self._begin(_FIRST_SLOTS, 2)
        return True

    def _count_built(self) -> None:
        self.n_built += 1
        self._memory.count(built=1)

    def _take_slot(self) -> int:
        if not self._free:
            n = len(self._state.slots)
            more = n * self._pack.most_tracks
            self._state = self._state._replace(
                slots=lengthened(self._state.slots, n),
                sums=lengthened(self._state.sums, more),
                journals=lengthened(self._state.journals, more),
            )
            self._marks = lengthened(self._marks, n)
            self._free = list(range(2 * n - 1, n - 1, -1))
        slot = self._free.pop()
        self._state.slots[slot, AS_OF] = BEFORE_ALL
        self._marks[slot] = 0
        return slot

    def _drop(self, group: KeptGroup) -> None:
        """Keep the windows of a group no longer."""
        group.watch.lose()
        del self._groups[group.dimension, group.key]
        if not self._groups:
            self._begin(0, 0)
            return
        release_windows(self._state, group.used_slots, self._pack.most_tracks)
        self._free += group.used_slots.tolist()

    def _drop_broken(self, group: KeptGroup) -> None:
        """Begin those windows of a group anew that cannot be brought to what the samples are."""
        for slot in group.used_slots.tolist():
            if self._marks[slot, IS_BROKEN]:
                self._marks[slot] = 0
                self._state.slots[slot, AS_OF] = BEFORE_ALL
                self._memory.count(changed=1)
                self._count_built()

    def _make_room(self, asked: set[tuple[str, Key]]) -> bool:
        """Let the arrays grow, or drop groups that were not asked for lately; False: no room."""
        pools = (self._state.nodes, self._state.entries)
        while any(more := [_lacking(*one) for one in zip(pools, self._spare, strict=True)]):
            n_bytes = 8 * (more[0] * NODE_SIZE + more[1] * ENTRY_SIZE)
            if self._memory.has_room(self, n_bytes):
                nodes, entries = map(lengthened, pools, more)
                self._state = self._state._replace(nodes=nodes, entries=entries)
                return True
            oldest = next((name for name in self._groups if name not in asked), None)
            if oldest is None:
                return False
            self._memory.count(crowded=len(self._groups[oldest].used_slots))
            self._drop(self._groups[oldest])
        return True


def _lacking(pool: Int64Array, spare: int) -> int:
    """Return by how many rows a pool should grow; 0 if so many are free already."""
    return 0 if free_rows(pool) >= spare else len(pool) // 2 + spare

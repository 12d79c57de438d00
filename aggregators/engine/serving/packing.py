"""Pack what a request asks of one source into the arrays of one kernel call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aggregators.engine.execution import OrderedQueries
from aggregators.engine.serving import kept_memory
from aggregators.engine.serving.kept_packing import KeptPack, Numbered, divided, pack_kept
from aggregators.engine.serving.kept_windows import KeptWindows
from aggregators.kernels.plan import SelectionPlan
from aggregators.kernels.plan_kernels import (
    INDEXES_AT_A_TIME,
    PackedPlans,
    PackedQueries,
    aggregate_plans,
)
from aggregators.kernels.sliding.windows import SlidingPlan
from aggregators.stores.reading import SourceReading
from aggregators.typing import Float64Array, Int32Array, Int64Array

__all__ = ["Kind", "Packed", "pack"]

Kind = tuple[str, bool]
"""Queries of a kind are about one dimension, all without the sample itself or all with it."""

_NO_ROWS = (np.empty(0, np.int32),) * INDEXES_AT_A_TIME
_NO_OFFSETS = (np.zeros(1, np.int64),) * INDEXES_AT_A_TIME


@dataclass(frozen=True, eq=False)
class Packed:
    """Holds the selections of one source, except what runs in Python.

    Args:
        plans: as the kernel takes them, those of ``INDEXES_AT_A_TIME`` indexes at a time; the
            first of these indexes stands before them.
        kinds: of queries that they answer.
        n_plans: how many selections there are.
        kept: those whose windows can be kept.
    """

    plans: tuple[tuple[int, PackedPlans], ...]
    kinds: tuple[Kind, ...]
    n_plans: int
    kept: tuple[KeptPack, ...]

    def answer_one(self, reading: SourceReading, as_of_us: int, result: Float64Array) -> None:
        """Write the features of one query, into an array of shape (1, n_features)."""
        n = len(self.kinds)
        own = reading.own_rows[0]
        queries = PackedQueries(
            ends=np.arange(n + 1),
            groups=np.zeros(n, np.int64),
            as_of=np.full(n, as_of_us),
            own_rows=np.array([own if excludes else -1 for _, excludes in self.kinds], np.int64),
            inverse=np.zeros((n, 1), np.int64),
        )
        self._aggregate(reading, queries, result)

    def answer_many(
        self,
        reading: SourceReading,
        batches: Mapping[Kind, tuple[OrderedQueries, Int64Array]],
        result: Float64Array,
    ) -> None:
        """Write the features of many rows, into an array of shape (n_rows, n_features).

        Args:
            reading: what was read of the source.
            batches: of each kind the different queries, and which of them each row asks.
            result: written in place.
        """
        asked = [batches[kind] for kind in self.kinds]
        queries = PackedQueries(
            ends=np.cumsum([0, *(len(one.groups) for one, _ in asked)], dtype=np.int64),
            groups=np.concatenate([one.groups for one, _ in asked]),
            as_of=np.concatenate([one.as_of for one, _ in asked]),
            own_rows=np.concatenate([one.own_rows for one, _ in asked]),
            inverse=np.array([inverse for _, inverse in asked]),
        )
        self._aggregate(reading, queries, result)

    def _aggregate(
        self, reading: SourceReading, queries: PackedQueries, result: Float64Array
    ) -> None:
        most = int(np.diff(queries.ends).max())
        kept = np.full((self.n_plans, most), -1, np.int64)
        for pack, windows in zip(self.kept, self._windows(reading), strict=True):
            slots = windows.answer(reading, queries, result)
            if slots is not None:
                kept[pack.places] = slots
        done = 0
        for first, plans in self.plans:
            read = reading.rows[first : first + INDEXES_AT_A_TIME]
            empty = INDEXES_AT_A_TIME - len(read)
            rows: list[Int32Array] = [rows for rows, _ in read]
            offsets: list[Int64Array] = [offsets for _, offsets in read]
            n = len(plans.indexes)
            aggregate_plans(
                plans,
                (*rows, *_NO_ROWS[:empty]),
                (*offsets, *_NO_OFFSETS[:empty]),
                queries,
                reading.times,
                reading.columns,
                kept[done : done + n],
                result,
            )
            done += n

    def _windows(self, reading: SourceReading) -> list[KeptWindows]:
        """Return the windows that are kept of the store that was read; its lock is held."""
        found: list[KeptWindows] | None = reading.watches.kept.get(self)
        if found is None:
            size = len(reading.times), len(reading.columns)
            # They refer to the packs, not to this: so they end with the plan.
            memory = kept_memory.KEPT_MEMORY
            found = [KeptWindows(pack, *size, memory) for pack in self.kept]
            reading.watches.kept[self] = found
        return found


def pack(plans: Sequence[Numbered]) -> Packed | None:
    """Pack selections; None where all that they compute runs in Python.

    Args:
        plans: the number of the index that each selection reads, and the selection.
    """
    parts = divided(plans)
    if not parts:
        return None
    kinds = tuple(dict.fromkeys((plan.dimension, plan.exclude_self) for _, plan, _ in parts))
    packed = []
    kept: list[tuple[int, SelectionPlan, SlidingPlan, int]] = []
    n_plans = 0
    for first in range(0, 1 + max(number for number, _, _ in parts), INDEXES_AT_A_TIME):
        some = [part for part in parts if first <= part[0] < first + INDEXES_AT_A_TIME]
        if not some:
            continue
        packed.append((first, _packed([(number - first, plan) for number, plan, _ in some], kinds)))
        for number, plan, sliding in some:
            if sliding is not None:
                kept.append((number, plan, sliding, n_plans))
            n_plans += 1
    return Packed(tuple(packed), kinds, n_plans, pack_kept(kept, kinds))


def _packed(cheap: Sequence[tuple[int, SelectionPlan]], kinds: Sequence[Kind]) -> PackedPlans:
    specs = np.zeros((len(cheap), max(len(plan.spec) for _, plan in cheap)), np.int64)
    for i, (_, plan) in enumerate(cheap):
        specs[i, : len(plan.spec)] = plan.spec
    sizes = [
        (len(plan.programs), len(plan.program_bounds), len(plan.functions)) for _, plan in cheap
    ]
    return PackedPlans(
        specs=specs,
        programs=np.concatenate([plan.programs for _, plan in cheap]),
        program_bounds=np.concatenate([plan.program_bounds for _, plan in cheap]),
        functions=np.concatenate([plan.functions for _, plan in cheap]),
        arguments=np.concatenate([plan.arguments for _, plan in cheap]),
        ends=np.cumsum([(0, 0, 0), *sizes], axis=0, dtype=np.int64),
        indexes=np.array([number for number, _ in cheap], np.int64),
        kinds=np.array(
            [kinds.index((plan.dimension, plan.exclude_self)) for _, plan in cheap], np.int64
        ),
    )

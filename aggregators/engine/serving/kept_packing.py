"""Pack the selections of a plan whose windows can be kept from request to request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aggregators.kernels import selection
from aggregators.kernels.kept.layout import KeptPlans
from aggregators.kernels.plan import SelectionPlan
from aggregators.kernels.plan_kernels import INDEXES_AT_A_TIME
from aggregators.kernels.sliding.windows import SlidingPlan, sliding_part
from aggregators.typing import Int64Array

__all__ = ["KeptPack", "Numbered", "divided", "pack_kept"]

Numbered = tuple[int, SelectionPlan]
"""A selection, and the number of the index that it reads."""


@dataclass(frozen=True, eq=False)
class KeptPack:
    """Holds selections whose windows can be kept, as the kernels take them.

    Args:
        plans: the selections.
        indexes: the numbers of the indexes that they read.
        places: for each selection which of the directly computed ones it stands for.
        plans_of: of each dimension the numbers of its selections.
        most_tracks: how many tracks a selection has at most.
    """

    plans: KeptPlans
    indexes: tuple[int, ...]
    places: Int64Array
    plans_of: Mapping[str, Int64Array]
    most_tracks: int


def divided(plans: Sequence[Numbered]) -> list[tuple[int, SelectionPlan, SlidingPlan | None]]:
    """Divide selections so that a window of each can be kept wholly, or not at all.

    Only windows of time are kept: the last n samples cost little, and of an interval only what is
    open is read.
    """
    result: list[tuple[int, SelectionPlan, SlidingPlan | None]] = []
    for number, plan in plans:
        if not len(plan.functions):
            continue
        sliding, direct = None, plan
        if plan.spec[selection.KIND] == selection.AFTER_EVENT:
            sliding, rest = sliding_part(plan)
            if sliding is not None:
                result.append((number, _kept_part(plan, sliding), sliding))
            if rest is None:
                continue
            direct = rest
        result.append((number, direct, None))
    return result


def _kept_part(plan: SelectionPlan, sliding: SlidingPlan) -> SelectionPlan:
    """Return a plan with just those functions that are kept."""
    kept = np.isin(plan.functions[:, 2], sliding.functions[:, 2])
    return replace(plan, functions=plan.functions[kept], arguments=plan.arguments[kept])


def pack_kept(
    parts: Sequence[tuple[int, SelectionPlan, SlidingPlan, int]],
    kinds: Sequence[tuple[str, bool]],
) -> tuple[KeptPack, ...]:
    """Pack selections, those of ``INDEXES_AT_A_TIME`` indexes together.

    Args:
        parts: the number of the index, the selection, what is kept of it, and its number among
            those that are computed directly.
        kinds: of queries that the plan answers.
    """
    numbers = sorted({number for number, _, _, _ in parts})
    packs = []
    for first in range(0, len(numbers), INDEXES_AT_A_TIME):
        indexes = tuple(numbers[first : first + INDEXES_AT_A_TIME])
        some = [part for part in parts if part[0] in indexes]
        packs.append(_packed(some, indexes, kinds))
    return tuple(packs)


def _packed(
    parts: Sequence[tuple[int, SelectionPlan, SlidingPlan, int]],
    indexes: tuple[int, ...],
    kinds: Sequence[tuple[str, bool]],
) -> KeptPack:
    specs = np.zeros((len(parts), max(len(plan.spec) for _, plan, _, _ in parts)), np.int64)
    for i, (_, plan, _, _) in enumerate(parts):
        specs[i, : len(plan.spec)] = plan.spec
    selected = [sliding.selected for _, _, sliding, _ in parts]
    sizes = [
        (len(one.programs), len(one.program_bounds), len(one.tracks), len(sliding.functions))
        for one, (_, _, sliding, _) in zip(selected, parts, strict=True)
    ]
    dimensions = [plan.dimension for _, plan, _, _ in parts]
    return KeptPack(
        plans=KeptPlans(
            specs=specs,
            programs=np.concatenate([one.programs for one in selected]),
            program_bounds=np.concatenate([one.program_bounds for one in selected]),
            tracks=np.concatenate([one.tracks for one in selected]),
            functions=np.concatenate([sliding.functions for _, _, sliding, _ in parts]),
            arguments=np.concatenate([sliding.arguments for _, _, sliding, _ in parts]),
            ends=np.cumsum([(0, 0, 0, 0), *sizes], axis=0, dtype=np.int64),
            indexes=np.array([indexes.index(number) for number, _, _, _ in parts], np.int64),
            kinds=np.array(
                [kinds.index((plan.dimension, plan.exclude_self)) for _, plan, _, _ in parts],
                np.int64,
            ),
        ),
        indexes=indexes,
        places=np.array([place for _, _, _, place in parts], np.int64),
        plans_of={
            name: np.flatnonzero([one == name for one in dimensions])
            for name in dict.fromkeys(dimensions)
        },
        most_tracks=max(len(one.tracks) for one in selected),
    )

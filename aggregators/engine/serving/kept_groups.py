"""Hold the groups whose windows are kept, and lay out what has changed in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aggregators.kernels.kept.layout import CHANGED_FROM, CHANGED_TO, Changes
from aggregators.stores.watches import Before, Watch
from aggregators.typing import Int64Array, Key

__all__ = ["KeptGroup", "changes_of", "no_changes"]


@dataclass(eq=False)
class KeptGroup:
    """Holds the slots of one value of a dimension, one per selection of the dimension, or -1."""

    dimension: str
    key: Key
    watch: Watch
    slots: Int64Array

    @property
    def used_slots(self) -> Int64Array:
        """The slots of the windows that are kept."""
        return self.slots[self.slots >= 0]


def no_changes(n_events: int, n_columns: int) -> Changes:
    """Return that nothing has changed in a source of so many events and attributes."""
    return _room_for(0, n_events, n_columns)


def changes_of(groups: Sequence[KeptGroup], marks: Int64Array, none: Changes) -> Changes:
    """Return what has changed in groups; from now on it counts as known.

    Args:
        groups: the groups.
        marks: of each slot; tell afterwards which of the changes are of its group.
        none: what is returned where nothing has changed.
    """
    changed = [(group, group.watch.take()) for group in groups if group.watch.changed]
    if not changed:
        return none
    result = _room_for(sum(len(one) for _, one in changed), len(none.times), len(none.columns))
    start = 0
    for group, one in changed:
        _write(one, start, result)
        marks[group.used_slots, CHANGED_FROM] = start
        start += len(one)
        marks[group.used_slots, CHANGED_TO] = start
    return result


def _room_for(n: int, n_events: int, n_columns: int) -> Changes:
    return Changes(
        np.empty(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros((n_events, n), np.int64),
        np.zeros((n_columns, n)),
    )


def _write(changed: Mapping[int, Before | None], start: int, to: Changes) -> None:
    for i, (row, before) in enumerate(changed.items(), start):
        to.rows[i] = row
        if before is not None:
            to.was_in_group[i] = 1
            to.times[:, i] = before.times
            to.columns[:, i] = before.columns

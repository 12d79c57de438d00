"""Note what changes in groups of samples, for those who keep results that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from aggregators.typing import Float64Array, Int64Array, Key

__all__ = ["Before", "Watch", "Watches"]

MAX_CHANGED_ROWS = 4_096
"""When more samples have changed, those who watch begin anew."""


class Before(NamedTuple):
    """Holds a sample as it was before it changed: of each event the time, and the columns."""

    times: Int64Array
    columns: Float64Array


class Watch:
    """Holds which samples of one group have changed since this was last asked.

    A group is all samples with one value of a dimension, whatever has happened to them.

    Attributes:
        changed: the rows that have changed, each with what it was before. None: it was not in the
            group.
        is_lost: whether the changes are not known: too many, a sample has left the group, or rows
            have other numbers now. Then nothing is noted any more.
    """

    __slots__ = ("changed", "is_lost")

    def __init__(self) -> None:
        self.changed: dict[int, Before | None] = {}
        self.is_lost = False

    def note(self, row: int, times: Int64Array, columns: Float64Array) -> None:
        """Note that a sample of the group is about to change."""
        if row not in self.changed and not self.is_lost:
            self.changed[row] = Before(times[:, row].copy(), columns[:, row].copy())
            self._check_size()

    def note_joined(self, row: int) -> None:
        """Note that a sample has come into the group."""
        if row in self.changed:
            self.lose()  # it had been in the group, and left it
        elif not self.is_lost:
            self.changed[row] = None
            self._check_size()

    def take(self) -> Mapping[int, Before | None]:
        """Return the changes, and forget them."""
        changed = self.changed
        self.changed = {}
        return changed

    def lose(self) -> None:
        """Note that the changes are not known."""
        self.is_lost = True
        self.changed = {}

    def _check_size(self) -> None:
        if len(self.changed) > MAX_CHANGED_ROWS:
            self.lose()


class Watches:
    """Tells those who watch groups of one source what changes.

    Attributes:
        groups: of each dimension the groups that are watched. Empty as long as nobody watches: then
            an append looks no further.
        kept: what those who watch keep for this source, each under what it is computed by; it ends
            with that.
    """

    def __init__(self) -> None:
        self.kept: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self.groups: dict[str, dict[Key, list[Watch]]] = {}

    def watch(self, dimension: str, key: Key) -> Watch:
        """Return a new watch of the samples that have this value of a dimension.

        It ends when it is lost: those who need it no longer lose it.
        """
        watch = Watch()
        self.groups.setdefault(dimension, {}).setdefault(key, []).append(watch)
        return watch

    def note(
        self, row: int, keys: Mapping[str, list[Key]], times: Int64Array, columns: Float64Array
    ) -> None:
        """Note that a sample is about to change, in all groups that it is in."""
        for dimension, groups in self.groups.items():
            key = keys[dimension][row]
            if key in groups:
                for watch in self._alive(groups, key):
                    watch.note(row, times, columns)

    def note_key(self, row: int, dimension: str, old: Key, new: Key) -> None:
        """Note that a sample has left one group of a dimension for another; None is no group."""
        groups = self.groups.get(dimension, {})
        if old is not None and old in groups:
            for watch in groups.pop(old):
                watch.lose()
        if new is not None and new in groups:
            for watch in self._alive(groups, new):
                watch.note_joined(row)

    def lose_all(self) -> None:
        """Note that rows have other numbers now."""
        for groups in self.groups.values():
            for watches in groups.values():
                for watch in watches:
                    watch.lose()
        self.groups = {}

    def _alive(self, groups: dict[Key, list[Watch]], key: Key) -> list[Watch]:
        watches = groups[key]
        if any(watch.is_lost for watch in watches):
            watches = groups[key] = [watch for watch in watches if not watch.is_lost]
        return watches

"""Keep and read the rows of a dimension's values in the order of (event time, sample id)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aggregators.typing import Int32Array, Int64Array, Key, SampleId

__all__ = ["FoundGroups", "Group", "IdOrder", "OpenRows", "rows_by_group", "with_capacity"]

_Rows: TypeAlias = tuple[Int32Array, Int64Array]

_NO_ROWS = np.empty(0, np.int32)

_FEW_ROWS = 512
"""Groups of so few rows are read whole; a second index of their open rows would not pay."""

_FEW_BOUNDED_ROWS = 8_192
"""The same for a reader that looks back no further than a maximal age.

It finds the first row by its time. A request about 50 stores reads 50 groups for each interval,
which costs more than the closed rows of an hour or two in each of them.
"""

_FEW_NEW_ROWS = 128
"""So many rows may join the open ones at least, before those that have closed are left out."""

_SLACK_US = 120_000_000
"""Open rows are those at two minutes before the moment asked for: moments do not always ascend.

In a city with 12,000 orders an hour, 400 that have closed are read with those that are open.
"""

_EARLIER_MOMENTS = 8
"""After so many reads at moments before those of the open rows, they are found for such moments."""


class Group:
    """Holds rows of samples in the order of (event time, sample id)."""

    __slots__ = ("_rows", "n", "open_rows")

    def __init__(self, rows: Int32Array | None = None) -> None:
        self._rows = np.empty(4, np.int32) if rows is None else rows
        self.n = 0 if rows is None else len(rows)
        self.open_rows: dict[tuple[int, ...], OpenRows] | None = None

    @property
    def rows(self) -> Int32Array:
        """The rows, a view that is valid until the next change."""
        return self._rows[: self.n]

    def is_read_whole(self, *, is_bounded: bool) -> bool:
        """Return whether looking for open rows would not pay.

        Args:
            is_bounded: whether the reader looks back no further than a maximal age.
        """
        return self.n < (_FEW_BOUNDED_ROWS if is_bounded else _FEW_ROWS)

    def insert(self, row: int, times: Int64Array, ids: Sequence[SampleId]) -> None:
        """Insert a row at its place.

        Args:
            row: which one.
            times: the event's time of every row, shape (n_samples,).
            ids: the sample id of every row.
        """
        place = n = self.n
        # Nearly every event is the latest of its group.
        if n and times.item(self._rows.item(n - 1)) >= times.item(row):
            place = self._place(row, times, ids)
        if n == len(self._rows):
            with_capacity = np.empty(2 * n + 4, np.int32)
            with_capacity[:n] = self._rows
            self._rows = with_capacity
        if place < n:
            self._rows[place + 1 : n + 1] = self._rows[place:n]
        self._rows[place] = row
        self.n = n + 1
        if self.open_rows is not None:
            for open_rows in self.open_rows.values():
                open_rows.insert(row, times, ids)

    def _place(self, row: int, times: Int64Array, ids: Sequence[Any]) -> int:
        rows = self._rows
        time, sample_id = times.item(row), ids[row]
        low, high = 0, self.n
        while low < high:
            middle = (low + high) // 2
            other = rows.item(middle)
            other_time = times.item(other)
            # Ids of one source are all integers or all strings.
            if other_time < time or (other_time == time and ids[other] < sample_id):
                low = middle + 1
            else:
                high = middle
        return low

    def remove(self, row: int) -> None:
        """Remove a row."""
        places = np.flatnonzero(self.rows == row)
        if not len(places):
            return
        place = int(places[0])
        self._rows[place : self.n - 1] = self._rows[place + 1 : self.n]
        self.n -= 1
        if self.open_rows is not None:
            for open_rows in self.open_rows.values():
                open_rows.remove(row)

    def still_open(
        self, closing: tuple[int, ...], times: Int64Array, earliest_us: int
    ) -> Int32Array:
        """Return at least the rows to which no closing event had happened at a moment.

        Rows that closed long ago are left out of every later read. So an interval costs what is
        open now, not all that was open within ``max_age`` or ever.

        Args:
            closing: the closing events.
            times: event times of all rows, shape (n_events, n_samples).
            earliest_us: no earlier moment is asked for.
        """
        if self.n < _FEW_ROWS:
            return self.rows
        if self.open_rows is None:
            self.open_rows = {}
        found = self.open_rows.get(closing)
        since_us = earliest_us - _SLACK_US
        if found is not None and earliest_us < found.since_us:
            found.n_earlier += 1
            if found.n_earlier < _EARLIER_MOMENTS:
                return self.rows
            found = None  # a single moment far ahead must not make every other read slow
        if found is None:
            found = self.open_rows[closing] = OpenRows(self.rows, closing, times, since_us)
        elif found.n > found.limit:
            # What had closed before its moment is no longer in it.
            since_us = max(since_us, found.since_us)
            found = self.open_rows[closing] = OpenRows(found.rows, closing, times, since_us)
        return found.rows

    def forget_open_rows(self, event: int, old_us: int) -> None:
        """Note that an event of a row has lost its old time: the row may be open again."""
        if self.open_rows is not None:
            for closing, rows in list(self.open_rows.items()):
                if event in closing and old_us < rows.since_us:
                    del self.open_rows[closing]


class OpenRows(Group):
    """Holds the rows of a group to which no closing event had happened at ``since_us``."""

    __slots__ = ("limit", "n_earlier", "since_us")

    def __init__(
        self, rows: Int32Array, closing: tuple[int, ...], times: Int64Array, since_us: int
    ) -> None:
        from aggregators.kernels.selection import (
            may_be_open,  # numba, which declaring does not need
        )

        super().__init__(rows[may_be_open(closing, rows, times, since_us)])
        self.since_us = since_us
        self.limit = self.n + self.n // 4 + _FEW_NEW_ROWS
        self.n_earlier = 0


class IdOrder:
    """Keeps the rows in the order of their ids, for the next index of the same samples."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: Int32Array = np.empty(0, np.int32)

    def of(self, ids: Sequence[SampleId], kind: type | None) -> Int32Array:
        """Return the rows in the order of their ids.

        Args:
            ids: of all rows; since the last call it may have got longer, and nothing else.
            kind: the type of the ids.
        """
        if len(self._by_id) != len(ids):
            values = np.array(ids, np.int64 if kind is int else object)
            self._by_id = np.argsort(values, kind="stable").astype(np.int32)
        return self._by_id


class FoundGroups:
    """Gives the rows of groups, and where each group starts and ends.

    Args:
        groups: one for each value; None: there are no samples of it.
    """

    def __init__(self, groups: Sequence[Group | None]) -> None:
        self._groups = groups
        self._all_rows: _Rows | None = None
        self._whole: dict[bool, bool] = {}

    def rows(
        self,
        closing: tuple[int, ...],
        times: Int64Array,
        earliest_us: int,
        *,
        is_bounded: bool = False,
    ) -> _Rows:
        """Return the rows, at least those to which no closing event had happened at a moment.

        Args:
            closing: the closing events; empty: all rows are returned.
            times: event times of all rows, shape (n_events, n_samples).
            earliest_us: no earlier moment is asked for.
            is_bounded: whether the reader looks back no further than a maximal age.
        """
        if closing and not self._are_whole(is_bounded):
            return _joined(
                [
                    _NO_ROWS if one is None else one.still_open(closing, times, earliest_us)
                    for one in self._groups
                ]
            )
        # Such groups are read whole whatever closes them, so all such indexes share one array.
        if self._all_rows is None:
            rows = [_NO_ROWS if one is None else one.rows for one in self._groups]
            self._all_rows = _joined(rows)
        return self._all_rows

    def _are_whole(self, is_bounded: bool) -> bool:
        if is_bounded not in self._whole:
            self._whole[is_bounded] = all(
                one is None or one.is_read_whole(is_bounded=is_bounded) for one in self._groups
            )
        return self._whole[is_bounded]


def _joined(parts: list[Int32Array]) -> _Rows:
    if len(parts) == 1:
        return parts[0], np.array([0, len(parts[0])], np.int64)
    if not parts:
        return _NO_ROWS, np.zeros(1, np.int64)
    offsets = np.fromiter(accumulate(map(len, parts), initial=0), np.int64, len(parts) + 1)
    return np.concatenate(parts), offsets


def with_capacity(array: NDArray[Any], capacity: int, missing: Any, n: int) -> NDArray[Any]:
    """Return an array with room for so many columns, of which the first ``n`` are the old ones."""
    result = np.full((len(array), capacity), missing, array.dtype)
    result[:, :n] = array[:, :n]
    return result


def rows_by_group(
    keys: Sequence[Key], times: Int64Array, by_id: Int32Array
) -> tuple[list[Key], Int32Array, Int64Array]:
    """Return a dimension's values, the rows by (value, event time, sample id), and the bounds.

    Only rows to which the event has happened, at whatever time; shape (n_values + 1,) bounds.

    Args:
        keys: the dimension's value of each row.
        times: the event's time of each row.
        by_id: the rows in the order of their sample ids.
    """
    # These load numba, which declaring does not need.
    from aggregators.kernels.query_kernels import group_rows
    from aggregators.kernels.time_order import time_order

    ordered = by_id[time_order(times[by_id])]
    numbers: dict[Key, int] = {None: -1}
    codes = np.array([numbers.setdefault(key, len(numbers) - 1) for key in keys], np.int32)
    del numbers[None]
    rows, offsets = group_rows(codes, ordered, len(numbers))
    return list(numbers), rows, offsets

"""Find positions in a group's rows from a position nearby."""

from __future__ import annotations

from aggregators.kernels.numba_cache import inner
from aggregators.kernels.selection import first_at_or_after, happened
from aggregators.typing import Int32Array, Int64Array

__all__ = ["position_at", "position_of"]


@inner
def position_at(
    rows: Int32Array, start: int, stop: int, near: int, times: Int64Array, event: int, moment: int
) -> int:
    """Return the first position in ``start..stop`` whose time is not before ``moment``.

    Gallops from ``near`` in the direction in which it lies.
    """
    low = min(max(near, start), stop)
    high, step = stop, 1
    while low > start and not happened(times[event, rows[low - 1]], moment):
        high = low - 1
        low = max(start, low - step)
        step *= 2
    return first_at_or_after(rows, low, high, times, event, moment)


@inner
def position_of(
    rows: Int32Array, start: int, stop: int, near: int, times: Int64Array, event: int, row: int
) -> int:
    """Return the position of a row in ``start..stop``, -1 where it is not there."""
    time = times[event, row]
    place = position_at(rows, start, stop, near, times, event, time)
    while place < stop and times[event, rows[place]] == time:
        if rows[place] == row:
            return place
        place += 1
    return -1

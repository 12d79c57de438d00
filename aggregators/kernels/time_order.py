"""Sort moments: numpy sorts whole numbers fastest, so each holds its time and its row."""

from __future__ import annotations

import numpy as np

from aggregators.kernels.ordering_kernels import pack_times
from aggregators.times import NEVER
from aggregators.typing import Int32Array, Int64Array

__all__ = ["time_order"]

KEY_BITS = 63
"""How many bits of a key hold its time and its row."""

SEGMENT_BITS_MAX = 12
"""At most two to the power of this many segments: each is sorted by a call of its own."""

SEGMENT_ROWS_BITS = 15
"""A segment of two to the power of this many keys fits into the processor's cache."""


def time_order(times: Int64Array) -> Int32Array:
    """Return the rows in the order of (time, row), without those that have no time.

    >>> time_order(np.array([5, NEVER, 3, 5, 4])).tolist()
    [2, 4, 0, 3]
    """
    if bool(np.all(times[:-1] <= times[1:])):  # those without a time stand last
        return np.arange(np.searchsorted(times, NEVER), dtype=np.int32)
    has_time = times != NEVER
    low = int(times.min())
    high = int(times.max(where=has_time, initial=low))
    n_row_bits = len(times).bit_length()
    n_time_bits = (high - low).bit_length()
    n_segment_bits = max(n_row_bits - SEGMENT_ROWS_BITS, n_time_bits + n_row_bits - KEY_BITS, 0)
    if n_segment_bits > SEGMENT_BITS_MAX:
        rows = np.flatnonzero(has_time)
        return rows[np.argsort(times[rows], kind="stable")].astype(np.int32)
    keys = np.empty(len(times), np.int64)
    ends = np.zeros((1 << n_segment_bits) + 1, np.int64)
    pack_times(times, low, max(n_time_bits - n_segment_bits, 0), n_row_bits, ends, keys)
    return _sorted_rows(keys, ends[:-1].tolist(), n_row_bits)


def _sorted_rows(keys: Int64Array, ends: list[int], n_row_bits: int) -> Int32Array:
    """Sort the keys of each segment; return the rows that they hold."""
    start = 0
    for end in ends:
        if end > start + 1:
            keys[start:end].sort()
        start = end
    rows = keys[: ends[-1]]
    rows &= (1 << n_row_bits) - 1
    return rows.astype(np.int32)

"""Give out the rows of one array, and take them back: a pool that many windows share.

Row 0 is the header. Rows that have been given back are linked by one of their fields.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from aggregators.kernels.numba_cache import inlined
from aggregators.typing import Int64Array

__all__ = ["free_rows", "give_back", "lengthened", "new_pool", "take"]

# The fields of the header.
N_FREE, FREE_LIST, N_USED = range(3)


def new_pool(n_rows: int, n_fields: int) -> Int64Array:
    """Return a pool of rows, of which the first is its header.

    >>> int(free_rows(new_pool(4, 8)))
    3
    """
    pool = np.zeros((n_rows, n_fields), np.int64)
    pool[0, N_USED] = 1
    return pool


def lengthened(array: Int64Array, n_more: int) -> Int64Array:
    """Return a pool, or another array, with so many more rows, which are 0.

    >>> int(free_rows(lengthened(new_pool(4, 8), 2)))
    5
    """
    if n_more == 0:
        return array
    result = np.zeros((len(array) + n_more, array.shape[1]), np.int64)
    result[: len(array)] = array
    return result


# In Python it stays plain: a kernel's function would be compiled when it is called from there.
@register_jitable(_nrt=False)
def free_rows(pool: Int64Array) -> int:
    """Return how many rows can still be taken."""
    n_free: int = len(pool) - pool[0, N_USED] + pool[0, N_FREE]
    return n_free


@inlined
def take(pool: Int64Array, link: int) -> int:
    """Return a row, which must be free; it holds what it held before.

    Args:
        pool: the pool.
        link: the field that links rows that have been given back.
    """
    if pool[0, N_FREE] > 0:
        row: int = pool[0, FREE_LIST]
        pool[0, FREE_LIST] = pool[row, link]
        pool[0, N_FREE] -= 1
    else:
        row = pool[0, N_USED]
        pool[0, N_USED] = row + 1
    return row


@inlined
def give_back(pool: Int64Array, row: int, link: int) -> None:
    """Let a row be taken again."""
    pool[row, link] = pool[0, FREE_LIST]
    pool[0, FREE_LIST] = row
    pool[0, N_FREE] += 1

"""Compute functions of the values that a track keeps; nothing is changed by it.

A query may leave one value out, its own sample's, and may add one value before all others: of the
last n samples, the one before them takes the place of the own sample. Sums have been corrected for
both beforehand, in an accumulator of their own; order statistics are found by ranks.
"""

from __future__ import annotations

import numpy as np

from aggregators.kernels.exact.keys import MISSING, value_of
from aggregators.kernels.exact.rounding import (
    rounded_mean,
    rounded_sum,
    rounded_trend,
    rounded_variance,
)
from aggregators.kernels.function_kernels import (
    MAX,
    MEAN,
    MEDIAN,
    MIN,
    N_UNIQUE,
    QUANTILE,
    STD,
    SUM,
    TREND,
    VAR,
)
from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.order_statistics import interpolated
from aggregators.kernels.sliding.sorted_keys import (
    UNIQUE,
    count_equal,
    count_less,
    is_single,
    key_at,
)
from aggregators.kernels.sliding.tracks import TREE
from aggregators.typing import Int64Array

__all__ = ["is_of_order", "is_of_sums", "of_order", "of_sums"]


@inlined
def is_of_sums(code: int) -> bool:
    """Return whether a function follows from exact sums."""
    return code in (SUM, MEAN, STD, VAR, TREND)


@inlined
def is_of_order(code: int) -> bool:
    """Return whether a function follows from the order of the keys."""
    return code in (MIN, MAX, MEDIAN, QUANTILE, N_UNIQUE)


@inner
def of_sums(code: int, sums: Int64Array, accumulator: int, kind: int, n: int, as_of: int) -> float:
    """Return a function of the n values of an accumulator that is not wide."""
    if code == SUM:
        return rounded_sum(sums, accumulator, kind, n, as_of)
    if code == MEAN:
        return rounded_mean(sums, accumulator, kind, n, as_of)
    if code == TREND:
        return rounded_trend(sums, accumulator, kind, n)
    variance = rounded_variance(sums, accumulator, kind, n)
    return variance if code == VAR else np.sqrt(variance)


@inlined
def _key_at(
    nodes: Int64Array,
    slots: Int64Array,
    slot: int,
    tree: int,
    rank: int,
    own_rank: int,
    extra: int,
    extra_rank: int,
) -> int:
    """Return the key at a rank when the own one is left out and the extra one is added."""
    if extra != MISSING:
        if rank == extra_rank:
            return extra
        rank -= rank > extra_rank
    rank += own_rank >= 0 and rank >= own_rank
    return key_at(nodes, slots, slot, tree, rank)


@inner
def of_order(
    code: int,
    argument: float,
    nodes: Int64Array,
    slots: Int64Array,
    slot: int,
    at: int,
    kind: int,
    n: int,
    own: int,
    extra: int,
    as_of: int,
) -> float:
    """Return a function of the n keys of a tree.

    Args:
        code: of the function.
        argument: of a quantile.
        nodes: of the trees.
        slots: the slots.
        slot: the row of this one.
        at: where the track begins.
        kind: of the keys.
        n: how many keys there are, without the own and with the extra one.
        own: the key that is left out, which is in the tree, or MISSING.
        extra: the key that is added, or MISSING.
        as_of: of the query.
    """
    tree = at + TREE
    if n == 0:
        return np.nan
    if code == N_UNIQUE:
        return _n_unique(nodes, slots, slot, tree, own, extra)
    own_rank, extra_rank = -1, -1
    if own != MISSING:
        own_rank = count_less(nodes, slots, slot, tree, own)
    if extra != MISSING:
        extra_rank = count_less(nodes, slots, slot, tree, extra)
        extra_rank -= own != MISSING and own < extra
    position = 0.0
    if code == MAX:
        position = float(n - 1)
    elif code == MEDIAN:
        position = (n - 1) / 2.0
    elif code == QUANTILE:
        position = argument * (n - 1)
    rank = int(np.floor(position))
    key = _key_at(nodes, slots, slot, tree, rank, own_rank, extra, extra_rank)
    below = value_of(kind, key, as_of)
    fraction = position - rank
    if rank >= n - 1 or (fraction == 0.0 and code != QUANTILE):
        return below
    key = _key_at(nodes, slots, slot, tree, rank + 1, own_rank, extra, extra_rank)
    above = value_of(kind, key, as_of)
    if code == MEDIAN:
        return (below + above) / 2.0
    return interpolated(below, above, fraction)


@inlined
def _n_unique(
    nodes: Int64Array, slots: Int64Array, slot: int, tree: int, own: int, extra: int
) -> float:
    n = slots[slot, tree + UNIQUE]
    if own != MISSING and own != extra:
        n -= is_single(nodes, slots, slot, tree, own)
    if extra != MISSING and extra != own:
        n += count_equal(nodes, slots, slot, tree, extra) == 0
    return float(n)

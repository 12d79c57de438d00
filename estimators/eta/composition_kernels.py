"""Compute the draws of a composition, row by row, for :mod:`estimators.eta.composition`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aggregators.kernels.argument_types import FLOATS, FLOATS_2D, INTS, struct, tuple_type
from aggregators.kernels.numba_cache import compiled, inlined
from estimators.core.typing import FloatArray, IntArray

__all__ = ["CompositionArrays", "PartArrays", "compose_rows"]

Int32Array = npt.NDArray[np.int32]
UIntArray = npt.NDArray[np.uint32]
ONE = np.uint64(1)


LANES = 4
"""Sums that are computed side by side."""

N_PARTS = 5
"""Parts of which an ETA is composed."""

TO_STORE, READY = 0, 1
"""Positions of these parts; in the results, the courier's wait takes the place of the latter."""


class PartArrays(NamedTuple):
    """One part of all rows, and the positions of its draws in its grid.

    Args:
        values: seconds at its levels, shape (n_rows, n_levels).
        lower: of each draw, the level below it, shape (n_draws,).
        weight: how far it stands towards the next level, 0 to 1, shape (n_draws,).
    """

    values: FloatArray
    lower: IntArray
    weight: FloatArray


class CompositionArrays(NamedTuple):
    """The arrays that are written, one row each per row of the parts.

    Args:
        eta: quantiles, shape (n_rows, n_levels).
        mean: of to_store, wait, to_customer, parking and conditions, shape (n_rows, 5).
        variance: of the same.
        waits: probability that the order is ready on arrival, expected wait of the courier and of
            the order, shape (n_rows, 3).
    """

    eta: FloatArray
    mean: FloatArray
    variance: FloatArray
    waits: FloatArray


@inlined
def drawn_at(part: PartArrays, values: FloatArray, d: int) -> float:
    """Return one draw of a part whose seconds at its levels are ``values``."""
    at = np.uint64(part.lower[d])  # an unsigned index is not checked for counting from the end
    below, above = values[at], values[at + ONE]
    found: float = min(below + (above - below) * part.weight[d], above)
    return found


@inlined
def draw(part: PartArrays, row: int, drawn: FloatArray) -> tuple[float, float]:
    """Write the draws of one row; return their mean and variance, as :func:`moments` does."""
    values = part.values[row]
    if values[0] == values[-1]:  # what is over, or a shift
        drawn[:] = values[0]
        return values[0], 0.0
    n = len(drawn)
    centre = drawn_at(part, values, 0)
    a = b = c = d = 0.0
    e = f = g = h = 0.0
    # Drawing waits for the memory, summing for the sum before: one loop waits for both at once.
    for i in range(0, n, LANES):
        p, q = drawn_at(part, values, i), drawn_at(part, values, i + 1)
        r, s = drawn_at(part, values, i + 2), drawn_at(part, values, i + 3)
        drawn[i], drawn[i + 1], drawn[i + 2], drawn[i + 3] = p, q, r, s
        w, x = p - centre, q - centre
        y, z = r - centre, s - centre
        a, b, c, d = a + w, b + x, c + y, d + z
        e, f, g, h = e + w * w, f + x * x, g + y * y, h + z * z
    mean = ((a + b) + (c + d)) / n
    return centre + mean, max(((e + f) + (g + h)) / n - mean * mean, 0.0)


@inlined
def is_unchanged(part: PartArrays, row: int) -> bool:
    """Return whether a row's part equals that of the previous row: one kitchen, many couriers."""
    if row == 0:
        return False
    same = True
    for i in range(part.values.shape[1]):
        same &= part.values[row, i] == part.values[row - 1, i]
    return same


@inlined
def moments(drawn: FloatArray) -> tuple[float, float]:
    """Return mean and variance of draws, whose number is a multiple of ``LANES``."""
    centre = drawn[0]  # sums of squares of what is far from zero would lose digits
    a = b = c = d = 0.0
    e = f = g = h = 0.0
    for i in range(0, len(drawn), LANES):
        # Side by side: the processor need not wait for one sum before it begins the next.
        w, x = drawn[i] - centre, drawn[i + 1] - centre
        y, z = drawn[i + 2] - centre, drawn[i + 3] - centre
        a, b, c, d = a + w, b + x, c + y, d + z
        e, f, g, h = e + w * w, f + x * x, g + y * y, h + z * z
    mean = ((a + b) + (c + d)) / len(drawn)
    return centre + mean, max(((e + f) + (g + h)) / len(drawn) - mean * mean, 0.0)


@inlined
def deliver(drawn: FloatArray, wait: FloatArray, total: FloatArray) -> int:
    """Write the courier's waits and the total times; return how often the courier need not wait."""
    in_time = 0
    for d in range(len(total)):
        late = drawn[READY, d] - drawn[TO_STORE, d]
        wait[d] = max(late, 0.0)
        in_time += late <= 0.0
        whole = drawn[TO_STORE, d] + wait[d] + drawn[2, d] + drawn[3, d] + drawn[4, d]
        # Good weather may save seconds, but nothing is handed over before now.
        total[d] = max(whole, 0.0)
    return in_time


@inlined
def limits(draws: FloatArray) -> tuple[float, float]:
    """Return the least and the greatest of draws, whose number is a multiple of ``LANES``."""
    a = b = c = d = draws[0]
    e = f = g = h = draws[0]
    for i in range(0, len(draws), LANES):
        w, x = draws[i], draws[i + 1]
        y, z = draws[i + 2], draws[i + 3]
        a, b = min(a, w), min(b, x)
        c, d = min(c, y), min(d, z)
        e, f = max(e, w), max(f, x)
        g, h = max(g, y), max(h, z)
    return min(a, b, c, d), max(e, f, g, h)


@inlined
def sort_into_buckets(
    draws: FloatArray, bucket_of: UIntArray, ends: Int32Array, ordered: FloatArray
) -> tuple[float, float]:
    """Sort draws into ascending buckets, as many as draws; within a bucket in any order.

    Args:
        draws: finite.
        bucket_of: of each draw; written.
        ends: where each bucket ends in ``ordered``, one longer; written.
        ordered: the draws; written.

    Returns:
        Where the first bucket begins, and buckets per second.
    """
    n = len(draws)
    low, high = limits(draws)
    scale = (n - 1) / (high - low) if high > low else 0.0
    ends[:] = 0
    for d in range(n):
        bucket_of[d] = np.uint32((draws[d] - low) * scale)
    for d in range(n):
        ends[bucket_of[d] + ONE] += 1
    for bucket in range(n):
        ends[bucket + 1] += ends[bucket]
    for d in range(n):
        own = bucket_of[d]
        ordered[np.uint32(ends[own])] = draws[d]
        ends[own] += 1
    return low, scale


@inlined
def draw_at_rank(
    rank: int, low: float, scale: float, ends: Int32Array, ordered: FloatArray
) -> float:
    """Return the draw of a rank, once its bucket is in order."""
    bucket = int((ordered[rank] - low) * scale)
    first = ends[bucket - 1] if bucket > 0 else 0
    for i in range(first + 1, ends[bucket]):
        one, place = ordered[i], i
        while place > first and ordered[place - 1] > one:
            ordered[place] = ordered[place - 1]
            place -= 1
        ordered[place] = one
    found: float = ordered[rank]
    return found


@compiled(
    tuple_type(struct(PartArrays, FLOATS_2D, INTS, FLOATS), N_PARTS),
    INTS,
    FLOATS,
    struct(CompositionArrays, FLOATS_2D, FLOATS_2D, FLOATS_2D, FLOATS_2D),
)
def compose_rows(
    parts: tuple[PartArrays, ...],
    below: IntArray,
    between: FloatArray,
    result: CompositionArrays,
) -> None:
    """Draw the parts of every row and write the distribution of the delivery.

    Args:
        parts: to_store, ready, to_customer, parking and conditions.
        below: of each level of the result, the ordered draw below it.
        between: how far it stands towards the next draw, 0 to 1.
        result: written in place.
    """
    n = len(parts[0].weight)
    drawn = np.empty((len(parts), n))
    mean, variance = np.empty(len(parts)), np.empty(len(parts))
    wait, total, ordered = np.empty(n), np.empty(n), np.empty(n)
    bucket_of, ends = np.empty(n, np.uint32), np.empty(n + 1, np.int32)
    for row in range(len(result.eta)):
        for k in range(len(parts)):
            if not is_unchanged(parts[k], row):
                mean[k], variance[k] = draw(parts[k], row, drawn[k])
        in_time = deliver(drawn, wait, total)
        for k in range(len(parts)):  # assigning arrays would have numba compile text for errors
            result.mean[row, k], result.variance[row, k] = mean[k], variance[k]
        expected_wait, result.variance[row, READY] = moments(wait)
        result.mean[row, READY] = expected_wait
        result.waits[row, 0] = in_time / n
        result.waits[row, 1] = expected_wait
        # What one is late for the other is early: the difference of the means is that of the waits.
        result.waits[row, 2] = max(expected_wait + mean[TO_STORE] - mean[READY], 0.0)
        low, scale = sort_into_buckets(total, bucket_of, ends, ordered)
        highest = 0.0
        for i in range(len(below)):
            lower = draw_at_rank(below[i], low, scale, ends, ordered)
            upper = draw_at_rank(below[i] + 1, low, scale, ends, ordered)
            # Rounding alone could let neighbours cross by one bit.
            highest = max(highest, lower + (upper - lower) * between[i])
            result.eta[row, i] = highest

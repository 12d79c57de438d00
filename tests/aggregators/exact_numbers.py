"""Sums, variances and slopes as the definition has them: fractions, rounded once by Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def nearest(exact: Fraction) -> float:
    """The float64 nearest to a fraction: Python rounds correctly, and has no infinity for it."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def as_integers(values: Sequence[Fraction]) -> tuple[list[int], int]:
    """The values in a common unit, and how many of it make 1."""
    per_one = math.lcm(*(value.denominator for value in values))
    return [value.numerator * (per_one // value.denominator) for value in values], per_one


def exact_sum(values: Sequence[Fraction]) -> float:
    """The rounded sum."""
    counts, per_one = as_integers(values)
    return nearest(Fraction(sum(counts), per_one))


def exact_mean(values: Sequence[Fraction]) -> float:
    """The rounded sum, divided by n."""
    return exact_sum(values) / len(values) if values else math.nan


def exact_variance(values: Sequence[Fraction]) -> float:
    """The rounded variance: the mean of the squares less the square of the mean."""
    n = len(values)
    if n == 0:
        return math.nan
    counts, per_one = as_integers(values)
    squares = sum(count * count for count in counts)
    return nearest(Fraction(n * squares - sum(counts) ** 2, (n * per_one) ** 2))


def exact_trend(values: Sequence[Fraction]) -> float:
    """The rounded least-squares slope: covariance with the rank by the variance of the rank."""
    n = len(values)
    if n < 2:
        return math.nan
    counts, per_one = as_integers(values)
    twice_centred = sum((2 * rank - (n - 1)) * count for rank, count in enumerate(counts))
    squares = sum((2 * rank - (n - 1)) ** 2 for rank in range(n))
    return nearest(Fraction(2 * twice_centred, squares * per_one))

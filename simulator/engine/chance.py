"""Draw random numbers by key: every draw is a function of its key and purpose (counter-based).

So a draw does not depend on the order in which things are computed, and a future can be drawn
again by changing the key alone. The idea is that of Salmon et al., Parallel Random Numbers: As Easy
as 1, 2, 3 (2011); the mixing that of SplitMix64 (Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulator.engine.compiled import inner, numbers

__all__ = ["DEFECTIVE", "EXPONENTIAL", "FIXED", "LOGNORMAL", "MIXTURE", "UNIFORM",
           "conditional_mixture_s", "conditional_s", "duration_s", "mixed", "mixture_s",
           "normal_quantile", "uniform"]  # fmt: skip

FIXED, LOGNORMAL, EXPONENTIAL, UNIFORM, DEFECTIVE, MIXTURE = numbers(6)
"""Kinds of durations, with two parameters: none; median and sigma; mean; least and greatest; mean,
and the probability that it ever ends. A mixture of two lognormals has five: see :func:`mixture_s`.
"""

TAIL_MAX_S = 10_800.0
"""The long-tailed kind of a mixture ends after this: nobody cooks for half a day."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@inner
def mixed(key: Any, number: Any) -> Any:
    """Return 64 bits that depend on both numbers in every bit."""
    z = np.uint64(key) + (np.uint64(number) + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> _S30)) * _A
    z = (z ^ (z >> _S27)) * _B
    return z ^ (z >> _S31)


@inner
def uniform(key: int, sample: int, purpose: int, attempt: int) -> float:
    """Return the number in (0, 1) that belongs to this key and purpose."""
    bits = mixed(mixed(np.uint64(key), np.uint64(sample)), np.uint64(purpose * 65_536 + attempt))
    return (float(np.uint64(bits) >> _S11) + 0.5) * 2.0**-53


@inner
def normal_quantile(p: float) -> float:
    """Return the quantile of the standard normal distribution (Acklam's approximation, 1e-9)."""
    if p < 0.02425 or p > 0.97575:
        tail = p if p < 0.5 else 1.0 - p
        q = math.sqrt(-2.0 * math.log(tail))
        x = (
            ((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q
              - 2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783
        ) / (
            (((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q
             + 3.754408661907416) * q + 1.0
        )  # fmt: skip
        return x if p < 0.5 else -x
    q = p - 0.5
    r = q * q
    return (
        ((((-3.969683028665376e01 * r + 2.209460984245205e02) * r - 2.759285104469687e02) * r
          + 1.383577518672690e02) * r - 3.066479806614716e01) * r + 2.506628277459239
    ) * q / (
        ((((-5.447609879822406e01 * r + 1.615858368580409e02) * r - 1.556989798598866e02) * r
          + 6.680131188771972e01) * r - 1.328068155288572e01) * r + 1.0
    )  # fmt: skip


@inner
def duration_s(kind: int, first: float, second: float, u: float) -> float:
    """Return the ``u``-quantile of a duration, seconds; infinite where it never ends."""
    if kind == LOGNORMAL:
        return first * math.exp(second * normal_quantile(u))
    if kind == EXPONENTIAL:
        return -first * math.log(1.0 - u)
    if kind == UNIFORM:
        return first + (second - first) * u
    if kind == DEFECTIVE:
        return -first * math.log(1.0 - u / second) if u < second else math.inf
    return first


@inner
def _share_ended(kind: int, first: float, second: float, elapsed_s: float) -> float:
    """Return the probability that a duration has ended by then."""
    if elapsed_s <= 0.0:
        return 0.0
    if kind == LOGNORMAL:
        return 0.5 * math.erfc(-math.log(elapsed_s / first) / (second * math.sqrt(2.0)))
    if kind == EXPONENTIAL:
        return 1.0 - math.exp(-elapsed_s / first)
    if kind == UNIFORM:
        return min(max((elapsed_s - first) / (second - first), 0.0), 1.0)
    return second * (1.0 - math.exp(-elapsed_s / first))


@inner
def conditional_s(kind: int, first: float, second: float, elapsed_s: float, u: float) -> float:
    """Return the ``u``-quantile of a duration of which it is known that it has not ended yet."""
    ended = _share_ended(kind, first, second, elapsed_s)
    p = ended + (1.0 - ended) * u
    if p >= 1.0 - 1e-12:
        p = 1.0 - 1e-12
    return max(duration_s(kind, first, second, p), elapsed_s)


@inner
def mixture_s(
    first: float, second: float, share: float, tail_first: float, tail_second: float, u: float
) -> float:
    """Return a draw of a duration that is lognormal of one of two kinds, seconds.

    With probability ``share`` it has the median ``tail_first`` and the sigma ``tail_second``, but
    ends after ``TAIL_MAX_S`` at the latest. One uniform number chooses the kind and then draws from
    it: the result is not the ``u``-quantile.
    """
    if u < share:
        return min(duration_s(LOGNORMAL, tail_first, tail_second, u / share), TAIL_MAX_S)
    return duration_s(LOGNORMAL, first, second, (u - share) / (1.0 - share))


@inner
def conditional_mixture_s(
    first: float, second: float, share: float, tail_first: float, tail_second: float,
    elapsed_s: float, u: float,
) -> float:  # fmt: skip
    """Return a draw of a mixture of which it is known that it has not ended yet.

    What has lasted long is likely of the kind that lasts longer: the kind is drawn again, too.
    """
    lasts = (1.0 - share) * (1.0 - _share_ended(LOGNORMAL, first, second, elapsed_s))
    tail_lasts = 0.0
    if share > 0.0 and elapsed_s < TAIL_MAX_S:
        ended = _share_ended(LOGNORMAL, tail_first, tail_second, elapsed_s)
        tail_lasts = share * (1.0 - ended)
    in_tail = 0.0
    if tail_lasts > 0.0:
        in_tail = tail_lasts / (lasts + tail_lasts)
    if u < in_tail:
        lasts_s = conditional_s(LOGNORMAL, tail_first, tail_second, elapsed_s, u / in_tail)
        return min(lasts_s, TAIL_MAX_S)
    rest = (u - in_tail) / (1.0 - in_tail)
    return conditional_s(LOGNORMAL, first, second, elapsed_s, rest)

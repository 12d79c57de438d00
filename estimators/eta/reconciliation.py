"""Adjusts parts to a sum that is known better than they are.

The expected parts of a composition sum to the composition's own mean. The answer is the mean after
calibration (and blending), so the parts are adjusted until they sum to it: less certain parts
absorb more of the difference. This is the least-squares reconciliation of a hierarchy of two
levels, with the variances of the parts as weights.

Source: Wickramasuriya, Athanasopoulos, Hyndman: Optimal forecast reconciliation for hierarchical
and grouped time series through trace minimization (JASA 2019), with a diagonal covariance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from estimators.core.errors import InputError
from estimators.core.typing import FloatArray
from estimators.eta.composition import STEP_S

__all__ = ["reconciled"]


def reconciled(
    expected_s: Mapping[str, FloatArray],
    variance_s2: Mapping[str, FloatArray],
    total_s: FloatArray,
    *,
    signed: Collection[str] = ("conditions",),
) -> dict[str, FloatArray]:
    """Return the parts, moved so that they sum to the total exactly.

    Args:
        expected_s: seconds of each part, shape (n_rows,).
        variance_s2: of the same parts: each absorbs the difference in proportion to it. A part
            without variance keeps its seconds.
        total_s: what they shall sum to, shape (n_rows,), multiples of ``STEP_S``, at least 0.
        signed: parts that may be negative; the others do not fall below 0. The first of them
            absorbs what no part with variance can absorb.

    Returns:
        Multiples of ``STEP_S``, so that sums are exact.

    Raises:
        InputError: parts and variances have different names, or there is no signed part.

    >>> parts = {
    ...     "ride": np.array([100.0]),
    ...     "door": np.array([50.0]),
    ...     "conditions": np.array([0.0]),
    ... }
    >>> variances = {"ride": np.array([300.0]), "door": np.array([100.0])}
    >>> variances["conditions"] = np.array([0.0])
    >>> moved = reconciled(parts, variances, np.array([158.0]))
    >>> {name: seconds.tolist() for name, seconds in moved.items()}
    {'ride': [106.0], 'door': [52.0], 'conditions': [0.0]}
    """
    names = list(expected_s)
    first_signed = next((k for k, name in enumerate(names) if name in signed), None)
    if set(names) != set(variance_s2) or first_signed is None:
        raise InputError(f"parts {names} and variances {sorted(variance_s2)} do not fit")
    least = np.array([-np.inf if name in signed else 0.0 for name in names])
    parts = np.column_stack([expected_s[name] for name in names])
    weight = np.column_stack([variance_s2[name] for name in names])
    least_sure = np.where(weight.max(axis=1) > 0.0, weight.argmax(axis=1), first_signed)
    for _ in names:  # each round takes one part or more out, or leaves nothing to share
        missing = total_s - parts.sum(axis=1)
        bearing = weight.sum(axis=1)
        share = weight / np.where(bearing > 0.0, bearing, 1.0)[:, np.newaxis]
        moved = parts + missing[:, np.newaxis] * share
        weight = np.where(moved < least, 0.0, weight)
        parts = np.maximum(moved, least)
    parts[:, first_signed] += total_s - parts.sum(axis=1)
    parts = np.floor(parts / STEP_S) * STEP_S
    # Rounding down leaves a few steps, which nobody misses in the part that is least sure.
    parts[np.arange(len(parts)), least_sure] += total_s - parts.sum(axis=1)
    return {name: parts[:, k].copy() for k, name in enumerate(names)}

"""Estimate how many samples a window holds: short ones are computed directly, which is quicker."""

from __future__ import annotations

import numpy as np

from aggregators.functions import CODES
from aggregators.kernels import selection
from aggregators.kernels.plan import SelectionPlan
from aggregators.kernels.sliding.window import IndexedSamples
from aggregators.typing import Int64Array

__all__ = ["has_short_windows"]

SHORT_ROWS = 25
"""A window of fewer samples takes less time to read than to keep (measured, 400,000 orders)."""
SHORT_ORDERED_ROWS = 10
"""The same, where its values must be put into order."""
ORDERED = [CODES[name] for name in ("median", "quantile", "n_unique")]
LOOKED_AT = 1_000
"""So many samples say how long intervals are open."""


def has_short_windows(plan: SelectionPlan, samples: IndexedSamples) -> bool:
    """Return whether the windows of a selection hold few samples, on average over the queries."""
    is_ordered = bool(np.isin(plan.functions[:, 1], ORDERED).any())
    limit = SHORT_ORDERED_ROWS if is_ordered else SHORT_ROWS
    if plan.spec[selection.KIND] == selection.LAST_N:
        return bool(plan.spec[selection.N] <= limit)
    return _mean_rows(plan, samples) <= limit


def _mean_rows(plan: SelectionPlan, samples: IndexedSamples) -> float:
    """Return how many samples a window holds, if queries are as frequent as samples."""
    sizes = np.diff(samples.offsets)
    known = sizes > 0
    if not known.any():
        return 0.0
    times = samples.times[plan.spec[selection.EVENT]]
    first = times[samples.rows[samples.offsets[:-1][known]]].min()
    last = times[samples.rows[samples.offsets[1:][known] - 1]].max()
    span = float(last) - float(first) + 1.0
    weighted = float(np.square(sizes, dtype=np.float64).sum() / sizes.sum())
    return weighted * min(_mean_length(plan, samples, times), span) / span


def _mean_length(plan: SelectionPlan, samples: IndexedSamples, times: Int64Array) -> float:
    """Return how long a sample stays in a window, in microseconds."""
    spec = plan.spec
    if spec[selection.KIND] == selection.AFTER_EVENT:
        return float(spec[selection.WINDOW_US])
    rows = samples.rows[:: max(1, len(samples.rows) // LOOKED_AT)]
    closed = np.minimum.reduce([samples.times[event][rows] for event in plan.closing])
    lengths = np.maximum(closed.astype(np.float64) - times[rows], 0.0)
    if spec[selection.MAX_AGE_US] != selection.NO_LIMIT:
        lengths = np.minimum(lengths, float(spec[selection.MAX_AGE_US]))
    return float(lengths.mean())

"""Find the samples of a store that no feature can need any more."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from aggregators.feature import Feature
from aggregators.kernels import selection
from aggregators.kernels.layout import Layout
from aggregators.kernels.plan import compile_features
from aggregators.stores.samples import SampleState
from aggregators.times import NEVER

__all__ = ["needed_samples"]


def needed_samples(
    state: SampleState, features: Iterable[Feature], as_of_us: int, settled_us: int
) -> NDArray[np.bool_]:
    """Return which samples some feature may need at ``as_of`` or later, shape (n_samples,).

    What a feature can need follows from its n, its window and its open intervals. A sample to which
    something may still happen is needed, too: its last event is less than ``settled_us`` before
    ``as_of``, or later.

    Args:
        state: the samples.
        features: features of their source.
        as_of_us: no earlier moment will be asked for, microseconds.
        settled_us: how long nothing has happened to a sample of which no more is expected.
    """
    n = len(state)
    times = state.times[:, :n]
    latest = np.where(times == NEVER, np.iinfo(np.int64).min, times).max(axis=0, initial=0)
    needed: NDArray[np.bool_] = latest >= as_of_us - settled_us
    layout = Layout.of_source(state.source)
    plans = compile_features(list(enumerate(features)), layout)
    for dimension, event in sorted({(plan.dimension, plan.order_event) for plan in plans}):
        _, rows, offsets = state.rows_by_group(dimension, layout.events[event])
        for plan in plans:
            if (plan.dimension, plan.order_event) == (dimension, event):
                selection.mark_needed(plan.spec, rows, offsets, as_of_us, state.times, needed)
    return needed

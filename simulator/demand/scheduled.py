"""Draw the orders that customers place hours before, for a time that they choose.

They are drawn from the expected orders alone, not from the weather at their time: nobody knows it
when the order is placed. So orders that are placed later are independent of those that are placed
already, which the truth about a moment needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.demand.orders import NOT_PROMISED, Arrivals
from simulator.world.arrays import FloatArray, IntArray
from simulator.world.clock import BIN_S
from simulator.world.nature import Nature

__all__ = ["merged", "scheduled_arrivals", "sent_ms"]

BIN_MS = BIN_S * 1_000
LEAD_H = (1.0, 5.0)
"""Hours between the order and the promised time. No more: the memory of checkpoints ends."""
SLOT_BINS = 2
"""Who orders at once eats half an hour later: demand for a promised time lies so much before it."""
RIDE_M_S = 4.2
"""Speed of an ordinary ride, with its start, in the streets of the lively nature."""
WORK_SHARE = 1.1
AT_STORE_S, AT_DOOR_S = 150.0, 60.0
"""Seconds that the platform expects for tablet, packing and counter, and for a place to park."""


def scheduled_arrivals(
    expected: FloatArray, first_bin: int, after_ms: int, rng: np.random.Generator
) -> Arrivals:
    """Draw scheduled orders for promised times that follow some bins.

    Args:
        expected: scheduled orders of each store in each bin, shape (stores, n_bins).
        first_bin: the bin of the first column.
        after_ms: only orders that are placed later than this moment, and not before the start.
        rng: where chance comes from.
    """
    counts = rng.poisson(expected)
    store, column = (np.repeat(part.ravel(), counts.ravel()) for part in np.indices(counts.shape))
    promised_ms = (first_bin + column + SLOT_BINS) * BIN_MS
    lead_ms = np.round(rng.uniform(*LEAD_H, len(store)) * 3.6e6).astype(np.int64)
    placed_ms = promised_ms - lead_ms
    kept = np.flatnonzero(placed_ms > max(after_ms, 0))
    kept = kept[np.argsort(placed_ms[kept], kind="stable")]
    return Arrivals(store=store[kept], activated_ms=placed_ms[kept], promised_ms=promised_ms[kept])


def merged(parts: Sequence[Arrivals]) -> Arrivals:
    """Return the orders of all parts, by the moment at which they are placed."""
    placed_ms = np.concatenate([part.activated_ms for part in parts])
    order = np.argsort(placed_ms, kind="stable")
    return Arrivals(
        store=np.concatenate([part.store for part in parts])[order],
        activated_ms=placed_ms[order],
        promised_ms=np.concatenate([part.promised_ms for part in parts])[order],
    )


def sent_ms(
    nature: Nature,
    promised_ms: IntArray,
    work_s: FloatArray,
    distance_m: FloatArray,
    door_s: FloatArray,
) -> IntArray:
    """Return when the platform sends scheduled orders to their stores; ``NOT_PROMISED`` for others.

    That is the usual time before the promised one: the store's usual work on such a basket, the
    street distance at an ordinary speed, and the door.
    """
    ride_s = distance_m / (RIDE_M_S * nature.speed)
    usual_s = WORK_SHARE * work_s + AT_STORE_S + ride_s + AT_DOOR_S * nature.parking + door_s
    sent = promised_ms - np.round(usual_s * 1_000.0).astype(np.int64)
    return np.where(promised_ms == NOT_PROMISED, NOT_PROMISED, np.maximum(sent, 0))

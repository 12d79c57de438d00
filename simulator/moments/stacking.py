"""Measure stacked orders: two that one courier carries at the same time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.moments.moment import Moment, jackknifed
from simulator.world.arrays import BoolArray

__all__ = ["stacked_moments"]


def stacked_moments(orders: pd.DataFrame, start: str) -> tuple[Moment, Moment]:
    """Return the share of stacked orders, and by how many seconds their last leg is longer.

    Orders are stacked if one courier had both of them at a moment.

    Args:
        orders: with ``courier_id``, ``delivered`` and the event ``start``.
        start: from which event on the courier has an order, such as ``"picked_up"``.
    """
    known = orders[orders["courier_id"].notna() & (orders["delivered"] > orders[start])]
    courier = pd.factorize(known["courier_id"])[0].astype(np.int64)
    begin = known[start].to_numpy("datetime64[us]").astype(np.int64)
    end = known["delivered"].to_numpy("datetime64[us]").astype(np.int64)
    # Times of one courier lie behind all of the one before, so that one pass over them suffices.
    first = int(begin.min()) if len(begin) else 0
    span = int(end.max()) - first + 1 if len(end) else 1
    begin, end = begin - first + courier * span, end - first + courier * span
    order = np.argsort(begin, kind="stable")
    courier, begin, end = courier[order], begin[order], end[order]
    overlaps = begin[1:] < np.maximum.accumulate(end)[:-1]
    stacked = np.zeros(len(order), dtype=np.bool_)
    stacked[1:] = overlaps
    stacked[:-1] |= begin[1:] < end[:-1]
    leg_s = (end - begin) / 1e6

    def extra_s(kept: BoolArray) -> float:
        two, one = leg_s[kept & stacked], leg_s[kept & ~stacked]
        return float(two.mean() - one.mean()) if len(two) and len(one) else float("nan")

    def share(kept: BoolArray) -> float:
        return float(stacked[kept].mean()) if kept.any() else float("nan")

    return jackknifed(share, courier), jackknifed(extra_s, courier)

"""Cancel orders: declined payments, stores that refuse, customers who give up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.world.arrays import FloatArray

DECLINED_SHARE = 0.004
REFUSED_SHARE = 0.012
CHANGED_MIND_SHARE = 0.015
PATIENCE_MEDIAN_S = 4_200.0


@dataclass(frozen=True, kw_only=True)
class Cancellations:
    """Seconds after activation at which each order would be cancelled, infinite where it is not.

    ``declined_s`` cancels before the store hears of the order. ``refused_s`` is the store's
    refusal, counted from dispatch. ``gives_up_s`` is the customer's patience: it cancels whatever
    has not been picked up by then.
    """

    declined_s: FloatArray
    refused_s: FloatArray
    gives_up_s: FloatArray


def make_cancellations(n: int, rng: np.random.Generator) -> Cancellations:
    """Draw when each of ``n`` orders would be cancelled."""
    declined = rng.random(n) < DECLINED_SHARE
    refused = rng.random(n) < REFUSED_SHARE
    changed_mind = rng.random(n) < CHANGED_MIND_SHARE
    patience_s = PATIENCE_MEDIAN_S * rng.lognormal(0.0, 0.35, n)
    second_thought_s = rng.exponential(420.0, n) + 20.0
    return Cancellations(
        declined_s=np.where(declined, rng.uniform(2.0, 30.0, n), np.inf),
        refused_s=np.where(refused, rng.uniform(60.0, 600.0, n), np.inf),
        gives_up_s=np.where(changed_mind, second_thought_s, patience_s),
    )

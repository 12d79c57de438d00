"""What the small city's steps take, made by hand: one store, and orders as a test wants them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.small.baskets import SmallBaskets
from simulator.small.cancellations import Cancellations
from simulator.small.demand import SmallDemand
from simulator.small.stores import SmallStores


def rng(seed: int = 1) -> np.random.Generator:
    """Chance, the same in every run."""
    return np.random.default_rng(seed)


def one_store(slots: int = 1) -> SmallStores:
    """A pizzeria in the centre of the first city."""
    return SmallStores(
        store_id=np.array(["s-000"], dtype=object), city=np.array([0]), category=np.array([1]),
        popularity=np.ones(1), pace=np.ones(1), attention_s=np.array([30.0]),
        slots=np.array([slots]), x_m=np.zeros(1), y_m=np.zeros(1),
    )  # fmt: skip


def orders_at(seconds: Sequence[float]) -> SmallDemand:
    """Orders of the store at these seconds, on the first half day."""
    n = len(seconds)
    return SmallDemand(
        store=np.zeros(n, np.int64),
        activated_s=np.array(seconds, float),
        shift=np.zeros(n, np.int64),
    )


def baskets_of(n: int) -> SmallBaskets:
    """A product each, for customers 800 m to the east."""
    return SmallBaskets(
        products=np.ones(n), amount=np.full(n, 12.0), x_m=np.full(n, 800.0), y_m=np.zeros(n),
        zone=np.zeros(n, np.int64), distance_m=np.full(n, 800.0),
    )  # fmt: skip


def no_cancellations(n: int) -> Cancellations:
    """Nobody cancels."""
    never = np.full(n, np.inf)
    return Cancellations(declined_s=never, refused_s=never, gives_up_s=never)

"""From a plan to a table of orders."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.small.baskets import make_baskets
from simulator.small.cancellations import make_cancellations
from simulator.small.couriers import deliver
from simulator.small.demand import make_demand
from simulator.small.kitchens import cook
from simulator.small.orders import make_table
from simulator.small.plan import CityPlan
from simulator.small.stores import make_stores

__all__ = ["simulate"]


def simulate(plan: CityPlan) -> pd.DataFrame:
    """Simulate a city; returns its orders, one row each, sorted by activation.

    The columns are those of :data:`simulator.ORDERS`. The same plan gives the same table, and each
    part of the city draws from a random stream of its own.

    >>> orders = simulate(CityPlan(stores=4, days=1, seed=1))
    >>> bool((orders["ready"].dropna() > orders["accepted"][orders["ready"].notna()]).all())
    True
    """
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(plan.seed).spawn(6)]
    stores = make_stores(plan, streams[0])
    demand = make_demand(plan, stores, streams[1])
    baskets = make_baskets(stores, demand.store, streams[2])
    cancellations = make_cancellations(len(demand.store), streams[3])
    cooked = cook(stores, demand, baskets, cancellations, streams[4])
    gives_up_s = demand.activated_s + cancellations.gives_up_s
    deliveries = deliver(plan, stores, demand.store, baskets, cooked, gives_up_s, streams[5])
    return make_table(plan, stores, demand, baskets, cooked, deliveries)

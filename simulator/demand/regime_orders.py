"""Add and remove orders as regimes have it: overload, heavy rain, zones that are new.

What a regime adds is a Poisson process of its own beside the ordinary orders, which stay as they
are: so the city is the same, bit by bit, until the first order that a regime brings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.demand.baskets import Baskets, Customers
from simulator.demand.orders import Arrivals, Demand
from simulator.demand.scheduled import merged
from simulator.world.arrays import BoolArray, FloatArray, IntArray
from simulator.world.clock import BIN_S, BINS_PER_DAY, LocalTime, days_of_bins
from simulator.world.conditions import ConditionFactors
from simulator.world.regimes import NewZone, Overload
from simulator.world.scenario import Scenario
from simulator.world.streets import ZONES

__all__ = ["overload", "served", "with_regimes"]

BIN_MS = BIN_S * 1_000
DAY_MS = BINS_PER_DAY * BIN_MS


def overload(
    scenario: Scenario, city: int, n_stores: int, local: LocalTime, first_bin: int, n_bins: int
) -> FloatArray:
    """Return what overload multiplies the demand of each store by; shape (stores, n_bins)."""
    result = np.ones((n_stores, n_bins))
    day, hour = days_of_bins(first_bin, n_bins), local.hour[first_bin : first_bin + n_bins]
    for regime in scenario.regimes:
        if isinstance(regime, Overload):
            stores = regime.chosen(scenario.seed, city, n_stores)
            result[np.ix_(stores, regime.active(day) & regime.within(hour))] *= regime.times
    return result


def served(
    scenario: Scenario, customers: Customers, arrivals: Arrivals, node: IntArray
) -> BoolArray:
    """Return which orders, to customers at nodes, concern no zone that is still to come."""
    zone = customers.streets.zone
    of_customer, of_store = zone[node], zone[customers.stores.node[arrivals.store]]
    kept = np.ones(len(arrivals), dtype=np.bool_)
    for regime in scenario.regimes:
        if isinstance(regime, NewZone):
            code = ZONES.index(regime.zone)
            early = arrivals.activated_ms < regime.from_day * DAY_MS
            kept &= ~(early & ((of_customer == code) | (of_store == code)))
    return kept


def with_regimes(
    scenario: Scenario,
    city: int,
    demand: Demand,
    customers: Customers,
    ordinary: ConditionFactors,
    conditions: ConditionFactors,
    placed: tuple[Arrivals, Baskets],
    rng: np.random.Generator,
) -> tuple[Arrivals, Baskets]:
    """Return the orders of a city under the regimes of its scenario.

    Args:
        scenario: with its regimes.
        city: which of the scenario's cities.
        demand: the rates without regimes.
        customers: who orders.
        ordinary: the conditions without regimes.
        conditions: those with them.
        placed: the orders without regimes.
        rng: where the chance of additional orders comes from.
    """
    parts = []
    for first in range(0, scenario.days * BINS_PER_DAY, BINS_PER_DAY):
        bins = slice(first, first + BINS_PER_DAY)
        times = overload(scenario, city, len(demand.stores), demand.local, first, BINS_PER_DAY)
        more = times * conditions.demand[demand.zone, bins] - ordinary.demand[demand.zone, bins]
        share = 1.0 - scenario.numbers.scheduled_share
        rates = share * demand.ordinary(first, BINS_PER_DAY) * np.maximum(more, 0.0)
        parts.append(demand.arrivals(rates, first, first * BIN_MS, rng))
    extra = merged(parts)
    hour = demand.local.hour[extra.wanted_ms // BIN_MS]
    extra_baskets = customers.baskets(extra.store, hour, rng)
    arrivals = Arrivals(**_joined(placed[0], extra))
    baskets = Baskets(**_joined(placed[1], extra_baskets))
    rows = np.argsort(arrivals.activated_ms, kind="stable")
    rows = rows[served(scenario, customers, arrivals, baskets.node)[rows]]
    return chosen(arrivals, baskets, rows)


def chosen(arrivals: Arrivals, baskets: Baskets, rows: IntArray) -> tuple[Arrivals, Baskets]:
    """Return some of the orders."""
    return (
        Arrivals(**{name: values[rows] for name, values in vars(arrivals).items()}),
        Baskets(**{name: values[rows] for name, values in vars(baskets).items()}),
    )


def _joined(first: Arrivals | Baskets, second: Arrivals | Baskets) -> dict[str, Any]:
    """Return the entries of both."""
    later = vars(second)
    return {name: np.concatenate([values, later[name]]) for name, values in vars(first).items()}

"""Simulated cities with known truth: orders that a loaded kitchen really delays.

Stores with finite kitchens, couriers on shifts who ride through streets, weather, local events,
records that are late, wrong or missing if wanted; and for any order and moment the true
distribution of what is still to come. Everything follows from one seed. See docs/simulator.md.

>>> from simulator import Scenario, simulate_cities
>>> simulation = simulate_cities(Scenario(cities=2, days=1, orders=300))
>>> len(simulation.tables["orders"]) == len(simulation)
True

``simulate(CityPlan(...))`` is a small city in plain Python for demonstrations and tests; see
:mod:`simulator.small`.
"""

from aggregators.standard_sources import LOCAL_EVENTS, ORDERS, SOURCES, WEATHER
from simulator.simulation import Simulation, simulate_cities
from simulator.small import events_of, simulate
from simulator.small.plan import CityPlan
from simulator.true_distributions import true_distributions
from simulator.truth.futures import Truth
from simulator.world.nature import Nature
from simulator.world.scenario import Imperfections, Scenario

__all__ = [
    "LOCAL_EVENTS",
    "ORDERS",
    "SOURCES",
    "WEATHER",
    "CityPlan",
    "Imperfections",
    "Nature",
    "Scenario",
    "Simulation",
    "Truth",
    "events_of",
    "simulate",
    "simulate_cities",
    "true_distributions",
]

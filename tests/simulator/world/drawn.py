"""Parts of a world, drawn once for the tests of this room."""

from __future__ import annotations

from functools import cache

import numpy as np

from simulator import Scenario
from simulator.world.clock import LocalTime, local_time
from simulator.world.scenario import CityProfile
from simulator.world.stores import Stores, make_stores
from simulator.world.streets import Streets, make_streets

SCENARIO = Scenario(cities=1, days=3, orders=600, stores_per_city=40, seed=5, new_store_share=0.5)


def rng(seed: int = 1) -> np.random.Generator:
    """Chance, the same in every run."""
    return np.random.default_rng(seed)


def profile() -> CityProfile:
    """The scenario's first city."""
    return SCENARIO.profiles[0]


@cache
def streets() -> Streets:
    """Streets, with three bridges."""
    return make_streets(3, rng())


@cache
def local() -> LocalTime:
    """The city's clock."""
    return local_time(SCENARIO, profile().timezone)


@cache
def stores() -> Stores:
    """Stores in these streets."""
    return make_stores(SCENARIO, profile(), streets(), rng(2))

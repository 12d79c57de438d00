"""A simulated world that the tests share: two cities, three days."""

from __future__ import annotations

import pytest

from simulator import Scenario, Simulation, simulate_cities

SCENARIO = Scenario(cities=2, days=3, orders=6_000, seed=5)


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    return simulate_cities(SCENARIO)

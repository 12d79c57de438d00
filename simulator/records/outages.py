"""Say what an outage of a source keeps from arriving."""

from __future__ import annotations

import numpy as np

from simulator.world.arrays import BoolArray, IntArray
from simulator.world.regimes import Outage
from simulator.world.scenario import Scenario

__all__ = ["lost"]

DAY_MS = 86_400_000


def lost(scenario: Scenario, source: str, arrives_ms: IntArray) -> BoolArray:
    """Return which events of a source would arrive while it is out.

    Args:
        scenario: with its outages.
        source: one of ``simulator.world.regimes.SOURCES_OUT``.
        arrives_ms: when each event would arrive, since the scenario's start.
    """
    result = np.zeros(arrives_ms.shape, dtype=np.bool_)
    for regime in scenario.regimes:
        if isinstance(regime, Outage) and regime.source == source:
            result |= regime.active(arrives_ms / DAY_MS)
    return result

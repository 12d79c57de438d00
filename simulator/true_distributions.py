"""Compute the true distributions of many orders as a table, to score estimates against."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from simulator.simulation import Simulation
from simulator.truth.futures import PARTS
from simulator.world.arrays import FloatArray

__all__ = ["LEVELS", "crps_s", "true_distributions"]

LEVELS = (0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99)
"""Quantiles that the table has, as columns ``q0.01`` to ``q0.99``."""

_ASKED = {name: start for name, (start, _) in PARTS.items() if name != "at_store"}


def true_distributions(
    simulation: Simulation,
    n: int,
    *,
    draws: int = 200,
    after: datetime | None = None,
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Return the true distributions of the parts of some orders, each asked when the part begins.

    Args:
        simulation: the cities.
        n: how many orders, chosen at random; all where there are no more.
        draws: futures of each answer.
        after: only orders placed at this moment or later; timezone-aware.
        progress: called with the part that is done, 0.0 to 1.0.

    Returns:
        One row per order and part that began, by ``as_of``: ``order_id``, ``part`` (of
        ``simulator.truth.futures.PARTS``, without the wait at the store), ``as_of``, ``actual_s``
        (missing where the order was cancelled), ``cancelled`` (probability that the part does not
        end), ``mean_s``, the quantiles of ``LEVELS`` and ``crps_s``, the truth's own score.

    >>> from simulator import Scenario, simulate_cities
    >>> simulation = simulate_cities(Scenario(cities=1, days=1, orders=200))
    >>> table = true_distributions(simulation, 3, draws=5)
    >>> set(table["part"]) <= {"ready", "to_store", "to_customer", "parking", "total"}
    True
    """
    truth = simulation.truth_table
    if after is not None:
        truth = truth[truth["activated"] >= pd.Timestamp(after)]
    rng = np.random.default_rng([simulation.scenario.seed, 1_234])
    chosen = np.sort(rng.permutation(len(truth))[:n])
    rows: list[dict[str, Any]] = []
    for done, i in enumerate(chosen, start=1):
        rows += _rows_of(simulation, truth.iloc[i], draws)
        if progress is not None:
            progress(done / len(chosen))
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.sort_values(["as_of", "order_id", "part"], ignore_index=True)


_COLUMNS = ["order_id", "part", "as_of", "actual_s", "cancelled", "mean_s",
            *(f"q{level}" for level in LEVELS), "crps_s"]  # fmt: skip


def _rows_of(simulation: Simulation, order: pd.Series[Any], draws: int) -> list[dict[str, Any]]:
    rows = []
    for part, event in _ASKED.items():
        if pd.isna(order[event]):
            continue
        order_id, as_of = str(order["order_id"]), order[event]
        answer = simulation.truth(order_id, as_of.to_pydatetime(), draws=draws)[order_id]
        drawn_s = answer.part(part)
        known_s = drawn_s[~np.isnan(drawn_s)]
        actual_s = (order[PARTS[part][1]] - as_of).total_seconds()
        found = np.quantile(known_s, LEVELS) if len(known_s) else np.full(len(LEVELS), np.nan)
        rows.append(
            {
                "order_id": order_id,
                "part": part,
                "as_of": as_of,
                "actual_s": actual_s,
                "cancelled": float(np.isnan(drawn_s).mean()),
                "mean_s": float(known_s.mean()) if len(known_s) else np.nan,
                **{f"q{level}": float(q) for level, q in zip(LEVELS, found, strict=True)},
                "crps_s": crps_s(known_s, actual_s),
            }
        )
    return rows


def crps_s(drawn_s: FloatArray, actual_s: float) -> float:
    """Return the continuous ranked probability score of draws, in seconds.

    Unbiased for any number of draws of at least 2 (the fair score of Ferro, 2014); NaN for fewer,
    or where nothing happened.

    >>> crps_s(np.array([0.0, 2.0]), 1.0)
    0.0
    """
    n = len(drawn_s)
    if n < 2 or np.isnan(actual_s):
        return float("nan")
    weights = 2.0 * np.arange(1, n + 1) - n - 1.0
    spread = float((weights * np.sort(drawn_s)).sum()) / (n * (n - 1))
    return float(np.abs(drawn_s - actual_s).mean()) - spread

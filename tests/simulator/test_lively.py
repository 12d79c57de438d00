"""The lively nature gives the same cities, bit for bit, as it did when its hashes were taken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pandas as pd
import pytest

from simulator import Imperfections, Scenario, Simulation, simulate_cities

SCENARIOS = {
    "perfect": Scenario(cities=2, days=2, orders=1_200, seed=7),
    "imperfect, shock": Scenario(
        cities=2, days=3, orders=1_500, seed=8, shock_day=1, imperfections=Imperfections.typical()
    ),
    "few couriers": Scenario(cities=1, days=2, orders=900, seed=9, courier_supply=0.5),
}
GOLDEN = {
    "perfect": {
        "orders": "62f4348568857609",
        "weather": "0eaa2b24808e6ad0",
        "local_events": "9ce6ea16f9273140",
        "truth": "5dff575d28bd4cae",
        "futures": "2567d64748911502",
        "events": "43abe3c45a44e94a",
    },
    "imperfect, shock": {
        "orders": "d19e35107c93f4ed",
        "weather": "8190eab21cfeea19",
        "local_events": "eee1f7085cd049b3",
        "truth": "59a08b43c7662c8f",
        "futures": "dbf9951997b35646",
        "events": "bd2409ab53e82631",
    },
    "few couriers": {
        "orders": "107105c45b4f00e8",
        "weather": "f77ee27e826633e2",
        "local_events": "c4c19ac2fccb1e46",
        "truth": "8290ea0336ce64e7",
        "futures": "1b28392bc2829e37",
        "events": "4318240424fd10fd",
    },
}


def _hash_of(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]


def _lines(table: pd.DataFrame) -> Iterable[str]:
    """Yield the rows as text: floats by their shortest exact form, so that no bit is left out."""
    yield ",".join(table.columns)
    columns = [
        column.astype("int64") if isinstance(column.dtype, pd.DatetimeTZDtype) else column
        for _, column in table.items()
    ]
    yield from map(repr, zip(*(column.tolist() for column in columns), strict=True))


def _hashes(simulation: Simulation) -> dict[str, str]:
    orders = simulation.tables["orders"]
    placed = orders["activated"].iloc[len(orders) // 2]
    order_id = orders["order_id"].iloc[len(orders) // 2]
    truth = simulation.truth(str(order_id), placed.to_pydatetime(), draws=3)[order_id]
    return {
        **{name: _hash_of(_lines(table)) for name, table in simulation.tables.items()},
        "truth": _hash_of(_lines(simulation.truth_table)),
        "futures": _hash_of(repr((name, at.tolist())) for name, at in truth.moments.items()),
        "events": _hash_of(map(repr, simulation.events())),
    }


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_gives_the_same_bits(name: str) -> None:
    assert _hashes(simulate_cities(SCENARIOS[name])) == GOLDEN[name]

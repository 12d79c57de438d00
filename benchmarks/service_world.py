"""What services are measured with: models, a store with a million events, and requests about it.

Two simulated cities of 54 stores and about 300 couriers each. The models learn from six days of
them, with the parameters of real training; the store holds 26 days, all events of 116,000 orders
and the weather. Requests ask about the orders of the last evening, each at a moment of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import aggregators

if TYPE_CHECKING:
    import pandas as pd

CITIES, SEED = 2, 101
LEARNED_DAYS, LEARNED_ORDERS = 6, 27_000
STORED_DAYS, STORED_ORDERS = 26, 117_000
ETA_MOMENTS = 12_000

COURIERS = 200
STORES = 50
REQUESTS = 400
EVENING = timedelta(hours=2)
"""Before the end of the simulation: as long as the requests' moments are apart."""

ORDER_FACTS = ("store_category", "city", "zone", "store_zone", "amount", "products", "building",
               "floor", "distance_m")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class World:
    """Where everything is.

    Args:
        folder: holds it; what is there is not made again.
    """

    folder: Path

    @property
    def models(self) -> Path:
        """The BentoML model store."""
        return self.folder / "bentoml"

    @property
    def store(self) -> Path:
        """The event store."""
        return self.folder / "events.db"

    def bodies(self, name: str) -> Path:
        """A JSON list of requests' bodies."""
        return self.folder / f"{name}.json"

    @property
    def environment(self) -> dict[str, str]:
        """What a service needs to know."""
        return {
            "BENTOML_HOME": str(self.models),
            "BENTOML_DO_NOT_TRACK": "True",
            "DOORSTEP_STORE": str(self.store),
        }


def made(folder: Path) -> World:
    """Make what is not there yet, in processes of their own, whose memory is theirs."""
    world = World(folder=folder)
    folder.mkdir(parents=True, exist_ok=True)
    for what in ("models", "store"):
        # Models of another version of the features would be refused.
        done = folder / f"{what}-{aggregators.__version__}.done"
        if not done.exists():
            print(f"making {what} in {folder} ...", file=sys.stderr)
            command = [sys.executable, "-m", "benchmarks.service_world", what, str(folder)]
            subprocess.run(command, env={**os.environ, **world.environment}, check=True)
            done.touch()
    return world


def make_models() -> None:
    """Train and save an eTP of 60 features, and the ETA with its parts."""
    from benchmarks.catalog_features import NAMES
    from commands.data.sources import dataset_of_cities
    from estimators.eta.training import train_eta
    from estimators.etp import train_etp
    from estimators.registry import models as registry
    from simulator import Scenario

    scenario = Scenario(cities=CITIES, days=LEARNED_DAYS, orders=LEARNED_ORDERS, seed=SEED)
    dataset = dataset_of_cities(scenario)
    registry.save(train_etp(dataset, num_threads=2, features=NAMES["etp"], baselines=False))
    trained = train_eta(dataset, num_threads=2, rows_max=ETA_MOMENTS, baselines=False)
    registry.save_eta(trained)


def make_store(world: World) -> None:
    """Simulate, append all events, and write requests about the last evening."""
    from aggregators import SqliteEventStore
    from aggregators.standard_sources import ORDERS
    from estimators.registry import models as registry
    from services.composition.opening import sources_of
    from simulator import Scenario, simulate_cities

    scenario = Scenario(cities=CITIES, days=STORED_DAYS, orders=STORED_ORDERS, seed=SEED)
    tables = simulate_cities(scenario).tables
    model = registry.load_eta()
    sources = {source.name: source for source in sources_of(model)}
    world.store.unlink(missing_ok=True)
    store = SqliteEventStore(world.store, sources=sources.values())
    events = 0
    for name, source in sources.items():
        columns = [source.sample_id, *source.events, *source.columns]
        events += store.append_table(source, tables[name][columns]).applied
    store.close()
    requests = {
        "etp": etp_requests(tables["orders"]),
        "courier_selection": selections(tables["orders"], n_orders=1),
        "courier_selection_10_orders": selections(tables["orders"], n_orders=10),
        "displayed_eta": displays(tables["orders"]),
    }
    for name, bodies in requests.items():
        world.bodies(name).write_text(json.dumps(bodies))
    world.bodies("world").write_text(
        json.dumps({"events": events, "orders": len(tables["orders"]), "id": ORDERS.sample_id})
    )


def etp_requests(orders: "pd.DataFrame") -> list[dict[str, Any]]:
    """One order each, at its dispatch."""
    asked = evening(orders, "dispatched")
    facts = ("store_id", "store_category", "city", "amount", "products")
    return [
        {
            "order": {name: plain(row[name]) for name in facts},
            "sample_id": row["order_id"],
            "as_of": row["dispatched"].isoformat(),
        }
        for row in asked.to_dict("records")
    ]


def selections(orders: "pd.DataFrame", n_orders: int) -> list[dict[str, Any]]:
    """Orders of a city that were accepted just now, each with 200 couriers."""
    rng = np.random.default_rng(SEED)
    asked = evening(orders, "accepted")
    known = orders[orders["accepted"] > asked["accepted"].iloc[0] - EVENING]
    known = known.sort_values("accepted")
    couriers = {
        city: known[["courier_id", "vehicle"]].dropna().drop_duplicates("courier_id")
        for city, known in orders.tail(40_000).groupby("city")
    }
    bodies = []
    for place in range(n_orders, len(asked)):
        last = asked.iloc[place]
        now = last["accepted"] + timedelta(seconds=30)
        same = known[(known["city"] == last["city"]) & (known["accepted"] < now)]
        over = same[["picked_up", "cancelled"]].min(axis=1) < now
        chosen = same[~over].tail(n_orders)
        if len(chosen) < n_orders:
            continue
        who = couriers[last["city"]]
        who = who.iloc[rng.permutation(len(who))[:COURIERS]]
        assert len(who) == COURIERS, f"{last['city']} has {len(who)} couriers"
        distances = rng.uniform(100.0, 4_000.0, (n_orders, len(who))).round(1)
        facts = ("store_id", *ORDER_FACTS)
        bodies.append(
            {
                "orders": {
                    "order_id": chosen["order_id"].tolist(),
                    "facts": {name: [plain(v) for v in chosen[name].tolist()] for name in facts},
                },
                "couriers": {
                    "courier_id": who["courier_id"].tolist(),
                    "facts": {"vehicle": who["vehicle"].tolist()},
                },
                "distance_to_store_m": distances.tolist(),
                "as_of": now.isoformat(),
            }
        )
    return bodies


def displays(orders: "pd.DataFrame") -> list[dict[str, Any]]:
    """50 stores of a city for one customer."""
    rng = np.random.default_rng(SEED)
    stores = {
        city: known.drop_duplicates("store_id")[["store_id", "store_category", "store_zone"]]
        for city, known in orders.tail(40_000).groupby("city")
    }
    bodies = []
    for row in evening(orders, "activated").to_dict("records"):
        shown = stores[row["city"]]
        shown = shown.iloc[rng.permutation(len(shown))[:STORES]]
        assert len(shown) == STORES, f"{row['city']} has {len(shown)} stores"
        distances = rng.uniform(300.0, 5_000.0, len(shown)).round(1).tolist()
        of_order = ("city", "zone", "amount", "products", "building", "floor")
        bodies.append(
            {
                "stores": {
                    "store_id": shown["store_id"].tolist(),
                    "facts": {
                        "store_category": shown["store_category"].tolist(),
                        "store_zone": shown["store_zone"].tolist(),
                        "distance_m": distances,
                    },
                },
                "order": {name: plain(row[name]) for name in of_order},
                "as_of": row["activated"].isoformat(),
            }
        )
    return bodies


def evening(orders: "pd.DataFrame", event: str) -> "pd.DataFrame":
    """Orders whose event was on the last evening, in its order."""
    known = orders[orders[event].notna()].sort_values(event)
    known = known[known[event] > known[event].iloc[-1] - EVENING]
    some: pd.DataFrame = known.iloc[:: max(1, len(known) // REQUESTS)]
    return some


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    value = value.item() if hasattr(value, "item") else value
    return None if value != value else value


def main() -> None:
    what, folder = sys.argv[1:]
    actions: Mapping[str, Any] = {
        "models": make_models,
        "store": lambda: make_store(World(folder=Path(folder))),
    }
    actions[what]()


if __name__ == "__main__":
    main()

"""A program that the code of two releases runs, to compare what they compute.

    python -P release_program.py TASK [ARGUMENT ...]

prints JSON. It uses only public names that both releases have, and is part of no package: the
folder of a release is put before all others (`PYTHONPATH`), and `-P` keeps the folder of this file
out.

| task | arguments | what it does |
|---|---|---|
| `versions` | | names versions and files of the packages |
| `training` | | computes the features of a table |
| `write` | file | writes half of the events into an event store, reads features |
| `read` | file | reads features, writes the other half of the events, reads features |
| `look` | file | reads features |
| `train` | | trains a small eTP, saves it as `etp` and as `eta_ready` |
| `serve` | file, moment | serves the model `etp` with an event store, asks it for an estimate |
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aggregators import (
    Duration,
    Elapsed,
    FeatureSet,
    Ratio,
    Source,
    SqliteEventStore,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
    quantile,
    tsfresh,
)

PACKAGES = ("aggregators", "commands", "doorstep", "estimators", "services", "simulator")
ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("dispatched", "accepted", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
)
NOON = pd.Timestamp("2026-03-02 12:00", tz="UTC")
N_ORDERS = 40
FUNCTIONS: dict[str, Any] = {
    **{name: name for name in ("count", "sum", "mean", "std", "var", "min", "max", "median")},
    **{name: name for name in ("first", "last", "n_unique", "trend")},
    "p90": quantile(0.9),
    "mean_abs_change": tsfresh("mean_abs_change"),
    "autocorrelation": tsfresh("autocorrelation", lag=1),
}


def orders() -> pd.DataFrame:
    """Return orders whose values have no short binary form: sums in another order differ."""
    dispatched = [NOON + pd.Timedelta(seconds=97 * i) for i in range(N_ORDERS)]
    return pd.DataFrame(
        {
            "order_id": range(N_ORDERS),
            "store_id": ["s-7", "s-8", "s-7"] * (N_ORDERS // 3) + ["s-8"] * (N_ORDERS % 3),
            "amount": [0.1 * (i * 7 % 11) + 1 / 3 for i in range(N_ORDERS)],
            "dispatched": dispatched,
            "accepted": [t + pd.Timedelta(seconds=13 + i % 5) for i, t in enumerate(dispatched)],
            "ready": [
                t + pd.Timedelta(milliseconds=301_007 + 7_919 * (i * 5 % 17)) if i % 6 else pd.NaT
                for i, t in enumerate(dispatched)
            ],
        }
    )


def features() -> FeatureSet:
    """Return each function over each kind of selection and attribute."""
    time_to_ready = Duration("dispatched", "ready")
    found: list[Any] = []
    for name, function in FUNCTIONS.items():
        common = {"source": ORDERS, "dimension": "store_id", "function": function}
        found += [
            StatsLastNSamples(
                **common,
                name=f"{name}_last_11",
                event="ready",
                n=11,
                attribute=Ratio("amount", time_to_ready),
            ),
            StatsAfterEvent(
                **common,
                name=f"{name}_30min",
                event="ready",
                window="30min",
                attribute=time_to_ready,
            ),
            StatsAfterEvent(
                **common, name=f"{name}_1h", event="accepted", window="1h", attribute="amount"
            ),
            StatsBetweenEvents(
                **common,
                name=f"{name}_open",
                first_event="dispatched",
                second_event="ready",
                max_age="20min",
                attribute=Elapsed("dispatched"),
            ),
        ]
    return FeatureSet(found)


def versions() -> dict[str, Any]:
    """Name where each package comes from, and the versions."""
    packages = {name: import_module(name) for name in PACKAGES}
    folder = str(Path(str(packages["aggregators"].__file__)).parent.parent)
    found = metadata.distributions(name="doorstep", path=[folder])
    return {
        "folders": {name: str(Path(str(p.__file__)).parent.parent) for name, p in packages.items()},
        "distribution": [one.version for one in found],
        "aggregators": packages["aggregators"].__version__,
    }


def training() -> dict[str, Any]:
    """Compute the features of each order at the moment when it was dispatched."""
    asked = features()
    values = asked.transform(orders(), "training", as_of="dispatched")
    return {
        "fingerprints": {feature.name: feature.fingerprint for feature in asked},
        "values": {name: values[name].tolist() for name in asked.names},
    }


def write(file: str) -> dict[str, Any]:
    """Write the events of one half of the orders, and read features."""
    store = SqliteEventStore(file, sources=[ORDERS])
    store.append_table(ORDERS, orders().iloc[: N_ORDERS // 2])
    return _read_and_close(store)


def read(file: str) -> dict[str, Any]:
    """Read features, add the events of the other half, and read once more."""
    store = SqliteEventStore(file, sources=[ORDERS])
    before = _values(store)
    store.append_table(ORDERS, orders().iloc[N_ORDERS // 2 :])
    return {"before": before, **_read_and_close(store)}


def look(file: str) -> dict[str, Any]:
    """Read features."""
    return _read_and_close(SqliteEventStore(file, sources=[ORDERS]))


def _read_and_close(store: SqliteEventStore) -> dict[str, Any]:
    values = _values(store)
    store.close()
    return {"values": values}


def _values(store: SqliteEventStore) -> list[dict[str, float]]:
    """Return all features of either store at a few moments."""
    asked = features()
    return [
        asked.transform(
            store,
            "inference",
            as_of=NOON + pd.Timedelta(minutes=minute),
            keys={"store_id": key},
            sample_id=None,
        )
        for minute in (20, 35, 70)
        for key in ("s-7", "s-8")
    ]


def _town() -> Any:
    """Return a data set of 800 orders of three stores."""
    from estimators import Dataset, seconds_between

    rng = np.random.default_rng(3)
    n = 800
    dispatched = NOON + pd.to_timedelta(np.sort(rng.uniform(0.0, 8 * 86_400.0, n)).round(3), "s")
    took = pd.to_timedelta((300.0 * rng.lognormal(0.0, 0.4, n)).round(3), "s")
    table = pd.DataFrame(
        {
            "order_id": np.arange(n),
            "store_id": [f"s-{i}" for i in rng.integers(6, 9, n)],
            "amount": rng.integers(1, 9, n) * 7.1,
            "dispatched": dispatched,
            "accepted": dispatched + pd.Timedelta(seconds=20),
            "ready": dispatched + took,
        }
    )
    return Dataset(
        name="cities",
        source=ORDERS,
        table=table,
        as_of="dispatched",
        target=seconds_between("dispatched", "ready"),
        numbers=("amount",),
        categories=("store_id",),
        test_from=NOON + pd.Timedelta(days=6),
    )


def train() -> dict[str, Any]:
    """Train an eTP of few trees, and save it under two names."""
    from estimators.etp import train_etp
    from estimators.quantiles.boosting import BoostingParameters
    from estimators.registry import models

    few = BoostingParameters(
        median_trees=4,
        outer_trees=4,
        leaves=4,
        min_rows_per_leaf=20,
        outer_leaves=4,
        outer_min_rows_per_leaf=20,
    )
    trained = train_etp(_town(), baselines=False, parameters=few)
    tags = {name: models.save(trained, name=name) for name in ("etp", "eta_ready")}
    return {"tags": tags, "features": list(trained.estimator.features.names)}


def serve(file: str, moment: str) -> Any:
    """Serve the newest eTP with an event store, and ask it about a new order."""
    import httpx

    from services.bento.process import ServiceProcess
    from services.core.settings.models import EtpSettings

    settings = EtpSettings(model="etp:latest", event_store=file).to_environment()
    with (
        tempfile.TemporaryDirectory() as folder,
        ServiceProcess(
            log=Path(folder) / "log", settings=settings, start_timeout_s=600.0
        ) as service,
    ):
        question = {
            "order": {"store_id": "s-7", "amount": 7.1},
            "sample_id": None,
            "as_of": moment,
            "include_features": True,
        }
        return httpx.post(f"{service.url}/predict", json=question, timeout=300.0).json()


TASKS: dict[str, Callable[..., Any]] = {
    one.__name__: one for one in (versions, training, write, read, look, train, serve)
}

if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    sys.stdout.write(json.dumps(TASKS[task](*arguments)))

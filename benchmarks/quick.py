"""A subset of all figures in three minutes: `make benchmark-quick`.

    python -m benchmarks.quick [--runs 5] [--no-save]

Processor time of one core, medians of some runs: what other work on the machine changes least. With
`--no-save` the figures are printed beside the published ones, with the change; nothing is judged,
because machines differ. `benchmarks.run --all` makes the published ones.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from aggregators import EventStore, FeatureSet, MemoryEventStore, SqliteEventStore, warm_up
from benchmarks import function_windows
from benchmarks.catalog_features import WORKLOAD, moments, native_features
from benchmarks.event_store import BATCH, events_in_time
from benchmarks.inference import AS_OF_S, busiest, chosen_features, recent_orders
from benchmarks.measuring import ranges, save
from benchmarks.published import BENCHMARKS
from benchmarks.workload import Shape, orders_table

ORDERS = 100_000
SMALL = 20_000
STORED = 5_000
READS = 500
COSTLY = ("city", "7d")
"""Dimension and window of the functions that once cost most."""
FUNCTIONS = ("mean", "std", "max", "median", "n_unique", "trend")

Figure = tuple[str, str, list[float]]
"""Name, unit, and the value of each run."""


def seconds(call: Callable[[], object], runs: int) -> list[float]:
    """Processor time of some runs, after one that is not counted."""
    call()
    found = []
    for _ in range(runs):
        gc.collect()
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return found


def training(runs: int) -> Iterator[Figure]:
    """The catalog, and functions over long windows."""
    orders = orders_table(Shape(orders=ORDERS))
    for n in (25, 100):
        features = FeatureSet(native_features(n))
        as_of = moments(orders)
        took_s = seconds(
            lambda: features.transform(orders, "training", as_of=as_of, threads=1),  # noqa: B023
            runs,
        )
        yield (
            f"training: {n} features x {ORDERS:,} orders",
            "ns per value",
            [one / n / ORDERS * 1e9 for one in took_s],
        )
    table = function_windows.made_table(SMALL)
    for function in ("count", *FUNCTIONS):
        dimension, window = COSTLY
        case = function_windows.Case(function, "amount", window, dimension)
        feature = FeatureSet([function_windows.feature_of(case)])
        took_s = seconds(
            lambda: feature.transform(table, "training", as_of="activated", threads=1),  # noqa: B023
            runs,
        )
        yield (
            f"training: {function} of a {dimension} over {window}",
            "ns per row",
            [one / SMALL * 1e9 for one in took_s],
        )


def requests(runs: int) -> Iterator[Figure]:
    """One request of 60 features, each at another moment."""
    table = recent_orders()
    store = MemoryEventStore(sources=[WORKLOAD])
    store.append_table(WORKLOAD, table)
    features = FeatureSet(chosen_features(with_tsfresh=False))
    keys: dict[str, Any] = {
        "store_id": busiest(table, "store_id", 500),
        "courier_id": busiest(table, "courier_id", 50),
        "city": str(table["city"].iloc[0]),
    }
    now = count(AS_OF_S * 1_000_000, 1_000)

    def read() -> None:
        for _ in range(READS):
            features.transform_array(store, as_of=next(now), keys=keys, sample_id=None)

    took_s = seconds(read, runs)
    yield ("serving: 60 features from memory", "us per request", [s / READS * 1e6 for s in took_s])


def stores(runs: int) -> Iterator[Figure]:
    """Intake in batches."""
    events = events_in_time(orders_table(Shape(orders=STORED)))

    def append_all(store: EventStore) -> None:
        for i in range(0, len(events), BATCH):
            store.append(events[i : i + BATCH])
        store.close()

    def into_sqlite() -> None:
        with tempfile.TemporaryDirectory() as folder:
            append_all(SqliteEventStore(Path(folder) / "events.db", sources=[WORKLOAD]))

    ways: dict[str, Callable[[], None]] = {
        "memory": lambda: append_all(MemoryEventStore(sources=[WORKLOAD])),
        "SQLite": into_sqlite,
    }
    for name, intake in ways.items():
        took_s = seconds(intake, runs)
        yield (
            f"intake: batches of {BATCH} into {name}",
            "us per event",
            [one / len(events) * 1e6 for one in took_s],
        )


def measured(runs: int) -> dict[str, dict[str, Any]]:
    """All figures, with their progress."""
    warm_up()
    found: dict[str, dict[str, Any]] = {}
    for part in (training, requests, stores):
        for name, unit, values in part(runs):
            found[name] = {"unit": unit, **ranges(values, 2)}
            print(f"{name}: {found[name]['median']:,.2f} {unit}", file=sys.stderr, flush=True)
    return found


def compared(figures: dict[str, dict[str, Any]], published: dict[str, Any] | None) -> pd.DataFrame:
    """The figures beside the published ones; the change is that of the medians."""
    before = {} if published is None else published["figures"]
    rows = []
    for name, one in figures.items():
        was = before.get(name, {}).get("median")
        change = "" if was is None else f"{one['median'] / was - 1.0:+.0%}"
        rows.append((name, one["unit"], one["median"], was, change))
    return pd.DataFrame(rows, columns=["what", "unit", "now", "published", "change"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-save", action="store_true", help="compare with the published")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    published = next(one for one in BENCHMARKS if one.name == "quick").result()
    figures = measured(options.runs)
    print(compared(figures, published).to_string(index=False))
    if published is None:
        print("nothing is published yet")
    else:
        print(f"published: commit {published['made']['commit']} on {published['machine']}")
    if not options.no_save:
        save("quick", {"runs": options.runs, "figures": figures})


if __name__ == "__main__":
    main()

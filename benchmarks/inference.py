"""One request: 60 features over a busy store, a courier and a city, from the memory store.

    python -m benchmarks.inference [--reads 3000]

The store is a city's day at half past eight in the evening: 5,000 orders, of which about 500 are
the asked store's and 50 the asked courier's. Every read asks for another moment. Warm-up: 200
reads. "After an append" stores one new event of this city before each read; the time of the append
is not part of the read's and stated beside it.
"""

import argparse
import gc
import json
import sys
import time
from typing import Any

import numpy as np
import pandas as pd

from aggregators import Event, FeatureSet, MemoryEventStore
from benchmarks.catalog_features import WORKLOAD, is_tsfresh, native_features, tsfresh_features
from benchmarks.measuring import save
from benchmarks.workload import EVENTS, START_S, Shape, orders_table

PER_DIMENSION = {"store_id": 25, "courier_id": 15, "city": 20}
WARM_UP_READS = 200
AS_OF_S = START_S + 20 * 3_600 + 1_800
CITY_DAY = Shape(
    orders=6_000, stores=12, cities=1, couriers_per_city=120, orders_per_store_and_day=500.0
)
assert CITY_DAY.days == 1
RECENT_ORDERS = 5_000
COURIER_ORDERS = 50
STORE_ORDERS = 500


def recent_orders() -> pd.DataFrame:
    """The last 5,000 orders before the moment, and of their events those that had happened."""
    table = orders_table(CITY_DAY)
    now = pd.Timestamp(AS_OF_S, unit="s", tz="UTC")
    # The day's orders are fewer by this hour; the same shape of day is moved so that 5,000 are in.
    shift = now - table["activated"].iloc[RECENT_ORDERS]
    for event in EVENTS:
        moved = table[event] + shift
        table[event] = moved.where(moved < now)
    return table[table["activated"].notna()].reset_index(drop=True)


def busiest(table: pd.DataFrame, dimension: str, orders: int) -> int:
    """The key whose number of orders is nearest to the one wanted."""
    keys, counts = np.unique(table[dimension], return_counts=True)
    return int(keys[np.abs(counts - orders).argmin()])


def chosen_features(*, with_tsfresh: bool) -> list[Any]:
    """60 features: 25 of the store, 15 of the courier, 20 of the city."""
    native = native_features(100)
    chosen: list[Any] = []
    for dimension, count in PER_DIMENSION.items():
        of = [f for f in native if f.dimension == dimension]
        behaviour = tsfresh_features() if with_tsfresh and dimension == "courier_id" else []
        of = [*behaviour, *of]
        positions = np.unique(np.linspace(0, len(of) - 1, count).round().astype(int))
        chosen += [of[position] for position in positions]
    return chosen


def measure(*, with_tsfresh: bool, reads: int) -> dict[str, Any]:
    """Latencies of all ways to ask, in microseconds."""
    table = recent_orders()
    store = MemoryEventStore(sources=[WORKLOAD])
    store.append_table(WORKLOAD, table)
    features = FeatureSet(chosen_features(with_tsfresh=with_tsfresh))
    keys: dict[str, Any] = {
        "store_id": busiest(table, "store_id", STORE_ORDERS),
        "courier_id": busiest(table, "courier_id", COURIER_ORDERS),
        "city": str(table["city"].iloc[0]),
    }
    as_of_us = AS_OF_S * 1_000_000

    def array(number: int) -> object:
        return features.transform_array(
            store, as_of=as_of_us + number * 1_000, keys=keys, sample_id=None
        )

    def answer(number: int) -> object:
        return features.transform(
            store, "inference", as_of=as_of_us + number * 1_000, keys=keys, sample_id=None
        )

    first = _latencies(array, 1)[0]
    _latencies(array, WARM_UP_READS)
    result = {
        "features": len(features),
        "tsfresh_features": sum(is_tsfresh(f) for f in features),
        "orders": {name: int((table[name] == key).sum()) for name, key in keys.items()},
        "first_read_us": round(first, 1),
        "transform_array": _described_with_processor(array, reads),
        "transform": _described_with_processor(answer, reads),
        **_with_appends(store, table, keys, array, reads),
    }
    print(json.dumps(result), file=sys.stderr)
    return result


def _with_appends(
    store: Any, table: pd.DataFrame, keys: dict[str, Any], read: Any, reads: int
) -> dict[str, Any]:
    appends, latencies = np.empty(reads), np.empty(reads)
    last_id = int(table["order_id"].max())
    for number in range(reads):
        event = Event(
            "orders",
            last_id + 1 + number,
            "activated",
            AS_OF_S * 1_000_000 + number * 1_000,
            {"store_id": keys["store_id"], "city": keys["city"], "amount": 20.0, "products": 2},
        )
        start = time.perf_counter_ns()
        store.append([event])
        between = time.perf_counter_ns()
        read(number)
        latencies[number] = time.perf_counter_ns() - between
        appends[number] = between - start
    return {
        "transform_array_after_append": described(latencies / 1_000),
        "append": described(appends / 1_000),
    }


def _described_with_processor(call: Any, reads: int) -> dict[str, float]:
    """Latencies, and the processor time of a read."""
    began_s = time.process_time()
    found = described(_latencies(call, reads))
    used_s = time.process_time() - began_s
    return {**found, "processor_us": round(used_s / reads * 1e6, 1)}


def _latencies(call: Any, count: int) -> np.ndarray:
    latencies = np.empty(count)
    for number in range(count):
        start = time.perf_counter_ns()
        call(number)
        latencies[number] = time.perf_counter_ns() - start
    return latencies / 1_000


def described(latencies_us: np.ndarray) -> dict[str, float]:
    return {
        "us_median": round(float(np.median(latencies_us)), 1),
        "us_p90": round(float(np.quantile(latencies_us, 0.9)), 1),
        "us_p99": round(float(np.quantile(latencies_us, 0.99)), 1),
        "us_max": round(float(latencies_us.max()), 1),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=3_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    gc.collect()
    save(
        "inference",
        {
            "reads_per_run": options.reads,
            "native": [
                measure(with_tsfresh=False, reads=options.reads) for _ in range(options.runs)
            ],
            "with_tsfresh": [
                measure(with_tsfresh=True, reads=options.reads) for _ in range(options.runs)
            ],
        },
    )


if __name__ == "__main__":
    main()

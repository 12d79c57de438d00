"""A hot group in serving: one city with 100,000 orders a day, in the memory store.

    python -m benchmarks.hot_group [--orders-a-day 100000] [--reads 1500] [--runs 3]

The store holds eight days of one city's orders, until half past eight in the evening of the last
day. A request has 60 features: 12 of a store, 8 of a courier and 20 of the city from the catalog,
and 20 of the city over a day or a week (counts, means, medians, quantiles, spreads, extremes,
numbers of different values, trends). "After an append" appends the next event of these orders
before each read, as they happened; the append's time is stated beside the read's. "Jittering" asks
for moments that go back by up to a second. Warm-up: 200 reads; those of more than 2 ms read whole
windows, which are built meanwhile.
"""

import argparse
import gc
import json
import random
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from aggregators import Duration, Event, FeatureSet, MemoryEventStore, Ratio, StatsAfterEvent
from aggregators.functions import quantile
from aggregators.kernels.compilation import FEATURE_KERNELS, compile_kernels
from benchmarks.catalog_features import WORKLOAD, native_features
from benchmarks.inference import described
from benchmarks.measuring import resident_bytes, save
from benchmarks.workload import EVENTS, Shape, orders_table

DAYS = 8
EVENING_S = 20 * 3_600 + 1_800
PER_DIMENSION = {"store_id": 12, "courier_id": 8, "city": 20}
WARM_UP_READS = 200
MIB = 2**20
JITTER_US = 1_000_000
SLOW_US = 2_000

PARKING = Duration("courier_at_customer", "delivered")
PREPARATION = Duration("accepted", "ready")
COMPLETION = Duration("activated", "delivered")
SPEED = Ratio("distance_m", Duration("picked_up", "courier_at_customer"))

_LONG: tuple[tuple[Any, Any, str, str], ...] = (
    ("count", None, "activated", "1d"),
    ("count", None, "activated", "7d"),
    ("count", None, "cancelled", "7d"),
    ("mean", PARKING, "delivered", "1d"),
    ("mean", PARKING, "delivered", "7d"),
    ("median", PARKING, "delivered", "7d"),
    (quantile(0.9), PARKING, "delivered", "7d"),
    ("std", PARKING, "delivered", "7d"),
    ("mean", PREPARATION, "accepted", "1d"),
    ("median", PREPARATION, "accepted", "7d"),
    ("max", PREPARATION, "ready", "7d"),
    ("trend", PREPARATION, "ready", "1d"),
    ("sum", "amount", "activated", "1d"),
    ("mean", "amount", "activated", "7d"),
    ("std", "amount", "activated", "7d"),
    ("n_unique", "amount", "activated", "7d"),
    ("median", COMPLETION, "delivered", "1d"),
    ("trend", COMPLETION, "delivered", "7d"),
    ("min", "distance_m", "activated", "1d"),
    ("median", SPEED, "courier_at_customer", "7d"),
)


def long_features() -> list[StatsAfterEvent]:
    """The 20 features of the city over a day or a week."""
    return [
        StatsAfterEvent(
            WORKLOAD,
            dimension="city",
            function=function,
            attribute=attribute,
            event=event,
            window=window,
            name=f"long_{number}",
        )
        for number, (function, attribute, event, window) in enumerate(_LONG)
    ]


def short_features() -> list[Any]:
    """40 features of the catalog."""
    native = native_features(100)
    chosen: list[Any] = []
    for dimension, count in PER_DIMENSION.items():
        of = [f for f in native if f.dimension == dimension]
        positions = np.unique(np.linspace(0, len(of) - 1, count).round().astype(int))
        chosen += [of[position] for position in positions]
    return chosen


class City:
    """Holds a store with the city's orders until the evening, and the events that follow.

    Args:
        orders_a_day: how many orders the city has.
        reads: how many of the events that follow are kept.
    """

    def __init__(self, orders_a_day: int, reads: int) -> None:
        shape = Shape(
            orders=DAYS * orders_a_day,
            stores=max(12, orders_a_day // 50),
            cities=1,
            couriers_per_city=max(12, orders_a_day // 25),
            orders_per_store_and_day=orders_a_day / max(12, orders_a_day // 50),
        )
        table = orders_table(shape)
        last_day = table["activated"].max().floor("D")
        self.now = last_day + pd.Timedelta(seconds=EVENING_S)
        self.now_us = int(self.now.timestamp()) * 1_000_000
        self.following = _following(table, self.now, reads)
        for event in EVENTS:
            table[event] = table[event].where(table[event] < self.now)
        table = table[table["activated"].notna()].reset_index(drop=True)
        self.store = MemoryEventStore(sources=[WORKLOAD])
        self.store.append_table(WORKLOAD, table)
        self.orders = len(table)
        today = table[table["activated"] >= last_day]
        self.keys: dict[str, Any] = {
            "store_id": int(today["store_id"].mode().iloc[0]),
            "courier_id": int(today["courier_id"].mode().iloc[0]),
            "city": str(table["city"].iloc[0]),
        }


def _following(table: pd.DataFrame, now: pd.Timestamp, count: int) -> list[Event]:
    """The first events from a moment on, each with the columns that it makes known."""
    source = WORKLOAD
    found: list[tuple[int, int, int]] = []
    for number, event in enumerate(source.events):
        later = table.loc[table[event] >= now, event].nsmallest(count)
        times = later.astype("datetime64[us, UTC]").astype("int64")
        found += zip(times.tolist(), [number] * len(later), later.index.tolist(), strict=True)
    ids = table["order_id"].tolist()
    result = []
    for time_us, number, row in sorted(found)[:count]:
        event = source.events[number]
        known = [name for name in source.columns if source.known_from_event(name) == event]
        data = {name: _plain(table.at[row, name]) for name in known}
        result.append(Event(source.name, ids[row], event, time_us, data))
    return result


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def measure(city: City, features: FeatureSet, reads: int) -> dict[str, Any]:
    """Latencies in microseconds of reads alone, of jittering ones, and after an append each."""
    read = partial(_read, city, features)
    before = resident_bytes()
    first = _timed(read, city.now_us)
    moments = [city.now_us + (1 + number) * 1_000 for number in range(WARM_UP_READS + reads)]
    warm_up = [_timed(read, moment) for moment in moments[:WARM_UP_READS]]
    plain = [_timed(read, moment) for moment in moments[WARM_UP_READS:]]
    rng = random.Random(7)
    back = [moment + 2_000_000 - rng.randrange(JITTER_US) for moment in moments[WARM_UP_READS:]]
    jittering = [_timed(read, moment) for moment in back]
    appends, after = [], []
    last_us = moments[-1] + 2_000_000
    for event in city.following[:reads]:
        appends.append(_timed(city.store.append, [event]))
        last_us = max(event.time_us, last_us) + 1
        after.append(_timed(read, last_us))
    slow = [clock_us for clock_us, _ in warm_up if clock_us > SLOW_US]
    result = {
        "features": len(features),
        "first_read_ms": round(first[0] / 1e3, 1),
        "slow_reads_of_warm_up": len(slow),
        "slow_reads_of_warm_up_s": round(sum(slow) / 1e6, 2),
        "transform_array": _described(plain),
        "transform_array_jittering": _described(jittering),
        "transform_array_after_append": _described(after),
        "append": _described(appends),
        "resident_mib_more": round((resident_bytes() - before) / MIB),
    }
    print(json.dumps(result), file=sys.stderr)
    return result


def _read(city: City, features: FeatureSet, as_of_us: int) -> object:
    return features.transform_array(city.store, as_of=as_of_us, keys=city.keys, sample_id=None)


def _timed(call: Any, *arguments: Any) -> tuple[float, float]:
    """Microseconds by the clock, and of the processor."""
    clock, processor = time.perf_counter_ns(), time.thread_time_ns()
    call(*arguments)
    used = time.thread_time_ns() - processor
    return (time.perf_counter_ns() - clock) / 1e3, used / 1e3


def _described(timed: list[tuple[float, float]]) -> dict[str, float]:
    clock, processor = np.array(timed).T
    return {
        **described(clock),
        "processor_us_median": described(processor)["us_median"],
        "processor_us_p99": described(processor)["us_p99"],
    }


def run(orders_a_day: int, reads: int) -> dict[str, Any]:
    """Measure both sets of features, each on a new store."""
    result: dict[str, Any] = {}
    short = short_features()
    for name, chosen in (("short_windows", short), ("long_windows", [*short, *long_features()])):
        city = City(orders_a_day, reads)
        gc.collect()
        result[name] = {"orders": city.orders, **measure(city, FeatureSet(chosen), reads)}
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders-a-day", type=int, default=100_000)
    parser.add_argument("--reads", type=int, default=1_500)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    compile_kernels(FEATURE_KERNELS)
    save(
        "hot_group",
        {
            "orders_a_day": options.orders_a_day,
            "reads_per_run": options.reads,
            "runs": [run(options.orders_a_day, options.reads) for _ in range(options.runs)],
        },
    )


if __name__ == "__main__":
    main()

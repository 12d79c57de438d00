"""What a function costs over windows of 15 minutes to 7 days, relative to a count of 15 minutes.

    python -m benchmarks.function_windows [--orders 400000] [--runs 3] [--reads 300]

400,000 orders of 8 cities; every native function, over an amount (a float) and over a duration, by
store, zone and city. Training: one feature at a time, from the plain table, one core; the count of
15 minutes of the same dimension is measured again beside each feature, in turns, so that whatever
else the machine does meets both alike. Serving: the same features from the memory store, every read
at another moment of the busiest store, zone and city. A ratio above 4 is listed: no feature of a
native function may cost more than that, whatever its window is.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pandas as pd

from aggregators import Duration, FeatureSet, MemoryEventStore, Source, StatsAfterEvent, quantile
from aggregators.functions import NAMED_FUNCTIONS
from benchmarks.measuring import ranges, save
from benchmarks.workload import Shape, orders_table

CITIES = 8
WINDOWS = ("15min", "1h", "6h", "1d", "7d")
DIMENSIONS = ("store_id", "zone", "city")
ATTRIBUTES = ("amount", "duration")
LARGEST_RATIO = 4.0
SOURCE = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "accepted", "ready"),
    dimensions=DIMENSIONS,
    attributes=("amount",),
)
FUNCTIONS: dict[str, Any] = {
    **{name: name for name in NAMED_FUNCTIONS},
    "quantile(0.9)": quantile(0.9),
}
REFERENCE = ("count", "15min")
WARM_UP_READS = 20
LONG_S = 5.0
READ_EVERY_US = 1_000_000


class Case(NamedTuple):
    """One feature: what of it varies."""

    function: str
    attribute: str
    window: str
    dimension: str


def cases() -> Iterator[Case]:
    """All features, by dimension and attribute."""
    for dimension in DIMENSIONS:
        for attribute in ATTRIBUTES:
            for function in FUNCTIONS:
                for window in WINDOWS:
                    if function != "count" or attribute == ATTRIBUTES[0]:
                        yield Case(function, attribute, window, dimension)


def feature_of(case: Case) -> StatsAfterEvent:
    """The feature of a case; a count counts the samples themselves."""
    duration = Duration("accepted", "ready")
    attribute = "amount" if case.attribute == "amount" else duration
    return StatsAfterEvent(
        SOURCE,
        name="_".join(case),
        dimension=case.dimension,
        function=FUNCTIONS[case.function],
        attribute=None if case.function == "count" else attribute,
        event="activated" if case.attribute == "amount" else "ready",
        window=case.window,
    )


def reference_of(case: Case) -> Case:
    """The count of 15 minutes with which a case is compared."""
    return Case(REFERENCE[0], ATTRIBUTES[0], REFERENCE[1], case.dimension)


def processor_s(call: Callable[[], object]) -> float:
    """Seconds that a call is on the processor."""
    start = time.process_time()
    call()
    return time.process_time() - start


def training(table: pd.DataFrame, runs: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Train each feature alone, in turns with its reference."""
    found = []
    every = list(cases())
    for number, case in enumerate(every, 1):
        pair = [FeatureSet([feature_of(one)]) for one in (case, reference_of(case))]

        def once(features: FeatureSet) -> float:
            return processor_s(
                lambda: features.transform(table, "training", as_of="activated", threads=1)
            )

        # What takes seconds needs no repetition to be seen as too slow.
        repeated = runs if once(pair[0]) < LONG_S else 1
        both = [[once(features) for features in pair] for _ in range(repeated)]
        seconds = ranges([one[0] for one in both])
        ratio = statistics.median(one[0] / one[1] for one in both)
        found.append({**case._asdict(), "processor_s": seconds, "ratio": round(ratio, 2)})
        tell(f"training {number}/{len(every)} {'_'.join(case)}: {ratio:.2f}")
    return found


def serving(table: pd.DataFrame, reads: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Read each feature alone, in turns with its reference."""
    store = MemoryEventStore(sources=[SOURCE])
    store.append_table(SOURCE, table)
    last_us = int(table["activated"].max().timestamp() * 1e6)
    keys: dict[str, Any] = {name: table[name].mode().iloc[0] for name in DIMENSIONS}
    keys = {name: key.item() if hasattr(key, "item") else key for name, key in keys.items()}
    gc.collect()
    gc.freeze()
    found = []
    every = list(cases())
    for number, case in enumerate(every, 1):
        pair = [FeatureSet([feature_of(one)]) for one in (case, reference_of(case))]

        def read(features: FeatureSet, place: int, key: dict[str, Any]) -> float:
            as_of_us = last_us + place * READ_EVERY_US
            start = time.perf_counter_ns()
            features.transform_array(store, as_of=as_of_us, keys=key, sample_id=None)
            return (time.perf_counter_ns() - start) / 1e3

        key = {case.dimension: keys[case.dimension]}
        for place in range(WARM_UP_READS):
            for features in pair:
                read(features, place - WARM_UP_READS, key)
        both = [[read(features, place, key) for features in pair] for place in range(reads)]
        us = [statistics.median(one[which] for one in both) for which in (0, 1)]
        ratio = us[0] / us[1]
        found.append({**case._asdict(), "us_median": round(us[0], 1), "ratio": round(ratio, 2)})
        tell(f"serving {number}/{len(every)} {'_'.join(case)}: {ratio:.2f}")
    return found


def made_table(orders: int) -> pd.DataFrame:
    """The orders of 8 cities; as many of a city as of any other."""
    columns = [SOURCE.sample_id, *SOURCE.events, *SOURCE.dimensions, *SOURCE.attributes]
    return orders_table(Shape(orders=orders, stores=800, cities=CITIES))[columns]


def above(found: list[dict[str, Any]], limit: float = LARGEST_RATIO) -> list[dict[str, Any]]:
    """The cases that cost more than they may, the most expensive first."""
    return sorted((one for one in found if one["ratio"] > limit), key=lambda one: -one["ratio"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=400_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--reads", type=int, default=300)
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    table = made_table(options.orders)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    result = {
        "orders": options.orders,
        "cities": CITIES,
        "largest_ratio": LARGEST_RATIO,
        "runs": options.runs,
        "reads": options.reads,
        "training": training(table, options.runs, tell),
        "serving": serving(table, options.reads, tell),
    }
    for way in ("training", "serving"):
        for one in above(result[way]):
            print(way, json.dumps(one))
    if not options.no_save:
        save("function_windows", result)


if __name__ == "__main__":
    main()

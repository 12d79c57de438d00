"""The event stores: intake, one request, 200 couriers at once, a hot city.

    python -m benchmarks.event_store [--stores memory sqlite redis redis_cluster]
        [--events 1000000] [--compacted-events 10000000]

A marketplace's events arrive in the order of time, in batches of 500, until the store holds a
million of them, at half past eight in the evening; then requests are made. Redis is a server of its
own on the loopback interface, with ``appendonly yes`` and ``appendfsync always``: what was
acknowledged survives it. The cluster is three such servers on this machine. Files stand in a
temporary folder; what one fsync takes there is stated. Last, the embedded store over weeks,
compacted every night for the whole catalog.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aggregators import Event, FeatureSet, MemoryEventStore, SqliteEventStore
from aggregators.catalog import features_for
from aggregators.stores import EventStore
from benchmarks.catalog_features import WORKLOAD
from benchmarks.inference import busiest, chosen_features, described
from benchmarks.measuring import ranges, resident_bytes, save
from benchmarks.redis_servers import redis_cluster, redis_server
from benchmarks.workload import Shape, orders_table

BATCH = 500
MIB = 2**20
SINGLE_EVENTS = 1_000
READS = 3_000
PARTS = 5
"""Into so many parts intake and reads are cut, whose figures make the range."""
WARM_UP_READS = 300
COURIERS = 200
EVENTS_PER_ORDER = 8.8


def events_in_time(table: pd.DataFrame) -> list[Event]:
    """All events of the orders, in the order of their times; each carries what it makes known."""
    source = WORKLOAD
    carried: dict[str, list[str]] = {event: [] for event in source.events}
    for column in source.columns:
        carried[source.known_from_event(column)].append(column)
    ids = table[source.sample_id].tolist()
    found: list[tuple[int, int, int]] = []
    data: list[list[Any]] = []
    for number, event in enumerate(source.events):
        times = table[event].astype("datetime64[us, UTC]").astype("int64").to_numpy()
        rows = np.flatnonzero(table[event].notna().to_numpy())
        found += zip(times[rows].tolist(), [number] * len(rows), rows.tolist(), strict=True)
        data.append(table[carried[event]].to_dict("records") if carried[event] else [])
    found.sort()
    return [
        Event(source.name, ids[row], source.events[e], time_us, data[e][row] if data[e] else {})
        for time_us, e, row in found
    ]


@contextlib.contextmanager
def opened(kind: str) -> Iterator[Callable[[], EventStore]]:
    """Give what opens a store of this kind, always the same one."""
    folder = Path(tempfile.mkdtemp(prefix="doorstep-benchmark-"))
    stores: list[EventStore] = []
    try:
        if kind == "memory":
            store = MemoryEventStore(sources=[WORKLOAD])
            yield lambda: store
        elif kind == "sqlite":
            yield lambda: _kept(stores, SqliteEventStore(folder / "events.db", sources=[WORKLOAD]))
        else:
            from aggregators import RedisEventStore

            servers = redis_cluster if kind == "redis_cluster" else redis_server
            with servers(folder) as address:
                url = f"redis://{address}/0"
                yield lambda: _kept(stores, RedisEventStore(url, sources=[WORKLOAD]))
    finally:
        for each in stores:
            each.close()
        shutil.rmtree(folder)


def _kept(stores: list[EventStore], store: EventStore) -> EventStore:
    stores.append(store)
    return store


def evening_us(table: pd.DataFrame) -> int:
    """Half past eight in the evening of the last day: the busiest hour."""
    last_day_us = int(table["activated"].max().floor("D").timestamp()) * 1_000_000
    return last_day_us + int(20.5 * 3_600_000_000)


def intake(store: EventStore, events: list[Event]) -> dict[str, Any]:
    """Append all events in batches, then some one by one."""
    batched, single = events[:-SINGLE_EVENTS], events[-SINGLE_EVENTS:]
    used_s = time.process_time()
    took_s = np.array(
        [
            _timed(partial(store.append, batched[i : i + BATCH]))
            for i in range(0, len(batched), BATCH)
        ]
    )
    used_s = time.process_time() - used_s
    parts_s = [part.sum() / len(part) for part in np.array_split(took_s, PARTS)]
    alone_s = np.array([_timed(partial(store.append, [event])) for event in single])
    return {
        "events": len(events),
        "events_per_s": round(len(batched) / took_s.sum()),
        "events_per_s_range": ranges([BATCH / seconds for seconds in parts_s], 0),
        "processor_us_per_event": round(used_s / len(batched) * 1e6, 2),
        "batch_of_500": described(took_s * 1e6),
        "single_events_per_s": round(len(single) / alone_s.sum()),
        "single_event": described(alone_s * 1e6),
    }


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _reads(call: Callable[[int], object], count: int = READS) -> dict[str, Any]:
    for number in range(WARM_UP_READS):
        call(-number)
    used_s = time.process_time()
    took_us = np.array([_timed(partial(call, n)) for n in range(count)]) * 1e6
    used_s = time.process_time() - used_s
    return {
        **described(took_us),
        "us_median_range": ranges([np.median(part) for part in np.array_split(took_us, PARTS)], 1),
        "processor_us": round(used_s / count * 1e6, 1),
    }


def requests(store: EventStore, table: pd.DataFrame, now_us: int) -> dict[str, Any]:
    """One request of 60 features, the same after an append each, and 200 couriers at once."""
    features = FeatureSet(chosen_features(with_tsfresh=False))
    now = pd.Timestamp(now_us, unit="us", tz="UTC")
    today = table[table["activated"].between(now - pd.Timedelta(hours=24), now)]
    keys: dict[str, Any] = {
        "store_id": busiest(today, "store_id", 10**9),
        "courier_id": busiest(today, "courier_id", 10**9),
        "city": str(today["city"].mode().iloc[0]),
    }
    couriers = [f for f in features if f.dimension == "courier_id"]
    couriers_set = FeatureSet(couriers)
    in_city = today.loc[today["city"] == keys["city"], "courier_id"].unique()[:COURIERS].tolist()
    new_id = int(table["order_id"].max()) + 1

    def read(number: int) -> object:
        return features.transform_array(
            store, as_of=now_us + number * 1_000, keys=keys, sample_id=None
        )

    def read_many(number: int) -> object:
        return couriers_set.transform_many(
            store,
            as_of=now_us + number * 1_000,
            keys={"courier_id": in_city},
            sample_id=None,
        )

    def append_and_read(number: int) -> None:
        data = {"store_id": keys["store_id"], "city": keys["city"], "amount": 20.0}
        event = Event("orders", new_id + number, "activated", now_us + number * 1_000, data)
        store.append([event])
        start = time.perf_counter()
        read(number)
        after_append.append(time.perf_counter() - start)

    first_s = _timed(lambda: read(0))
    one = _reads(read)
    many = _reads(read_many, READS // 3)
    after_append: list[float] = []
    for number in range(SINGLE_EVENTS):
        append_and_read(number)
    return {
        "orders_of_the_day": {name: int((today[name] == key).sum()) for name, key in keys.items()},
        "first_read_ms": round(first_s * 1e3, 1),
        "features": len(features),
        "one_request": one,
        "one_request_after_an_append": described(np.array(after_append) * 1e6),
        "couriers": len(in_city),
        "features_per_courier": len(couriers),
        "couriers_at_once": many,
    }


def compaction(n_events: int) -> dict[str, Any]:
    """The embedded store over weeks, compacted every night for the whole catalog."""
    shape = Shape(orders=round(n_events / EVENTS_PER_ORDER))
    table = orders_table(shape)
    days = table["activated"].dt.floor("D")
    features = features_for(WORKLOAD)
    took_s, kept, sizes = [], [], []
    applied = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        with SqliteEventStore(path, sources=[WORKLOAD]) as store:
            for day in days.drop_duplicates():
                applied += store.append_table(WORKLOAD, table[days == day]).applied
                start = time.perf_counter()
                # A day behind the night's midnight, for what comes late.
                kept.append(store.compact(features, day).samples_kept)
                took_s.append(time.perf_counter() - start)
                sizes.append(path.stat().st_size)
                print(day.date(), kept[-1], sizes[-1], round(took_s[-1], 1), file=sys.stderr)
            resident = resident_bytes()
    return {
        "events": applied,
        "orders": len(table),
        "orders_per_day": round(len(table) / len(sizes)),
        "features": len(features),
        "samples_kept": kept,
        "file_mib": [round(size / MIB) for size in sizes],
        "compaction_s": [round(seconds, 2) for seconds in took_s],
        "resident_mib": round(resident / MIB),
    }


def _one_fsync_us(folder: str) -> dict[str, float]:
    took: list[float] = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(500):
            start = time.perf_counter()
            file.write(b"x" * 4_096)
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - start)
    return described(np.array(took) * 1e6)


def measure(kind: str, shape: Shape) -> dict[str, Any]:
    """Everything about one kind of store over one marketplace."""
    table = orders_table(shape)
    now_us = evening_us(table)
    events = [event for event in events_in_time(table) if event.time_us < now_us]
    with opened(kind) as open_store:
        store = open_store()
        taken = intake(store, events)
        del events
        start = time.perf_counter()
        again = open_store()
        opened_s = time.perf_counter() - start
        answered = requests(again, table, now_us)
    result = {"store": kind, "intake": taken, "opened_s": round(opened_s, 2), **answered}
    print(result, file=sys.stderr)
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = ["memory", "sqlite", "redis", "redis_cluster"]
    parser.add_argument("--stores", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--compacted-events", type=int, default=10_000_000, help="0: none")
    options = parser.parse_args(arguments)
    orders = round(options.events / EVENTS_PER_ORDER)
    spread = Shape(orders=orders)
    hot = Shape(orders=orders, cities=1, couriers_per_city=6_000, orders_per_store_and_day=50.0)
    compacted = compaction(options.compacted_events) if options.compacted_events else None
    save(
        "event_store",
        {
            "compaction": compacted,
            "one_fsync": _one_fsync_us(tempfile.gettempdir()),
            "spread": [measure(kind, spread) for kind in options.stores],
            "hot_city": [measure(kind, hot) for kind in options.stores],
        },
    )


if __name__ == "__main__":
    main()

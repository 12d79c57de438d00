"""The event service over HTTP and the consumer of a stream: intake, and what was just acknowledged.

    python -m benchmarks.event_service [--batches 100] [--singles 2000] [--messages 50000]

Events go to a service in a process of its own, with an SQLite store (WAL, ``synchronous=FULL``),
from one or many connections of the loopback interface: batches of 500, then single events, then
each event followed by a question for the feature that must count it. Then a consumer moves a Redis
stream into an SQLite store, and into one that forgets the events, which is what the consumer itself
costs. Processor time is that of the service, or of the consumer, alone: on a busy machine it says
more than the clock.
"""

import argparse
import http.client
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import msgspec
import numpy as np
import psutil  # type: ignore[import-untyped]
import redis

from aggregators import Event, MemoryEventStore, Source
from aggregators.stores import AppendResult
from benchmarks.measuring import ranges, save, timed
from benchmarks.redis_servers import redis_server
from services.bento.process import ServiceProcess
from services.core.settings.events import EventSettings
from services.event_store.opening import open_event_store
from services.intake import consumer_process as consuming
from services.intake.consumer_process import ConsumerSettings, run_consumer

BATCH = 500
STORES = 200
CONNECTIONS = 32
HEADERS = {"content-type": "application/json"}
STREAM = "happened"
RUNS = 3
"""How often each kind of intake is measured."""

orders = count()


def cloud_event(name: str, order: int, store: str) -> dict[str, Any]:
    """One event of an order, which happened a minute ago."""
    return {
        "specversion": "1.0",
        "id": f"{order}-{name}",
        "source": "orders",
        "type": name,
        "subject": f"o-{order}",
        "time": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
        "data": {
            "store_id": store,
            "city": "BCN",
            "zone": "BCN north",
            "store_category": "BCN pizza",
            "amount": 12.5,
            "products": 3,
        },
    }


def activated() -> dict[str, Any]:
    """The first event of a new order."""
    order = next(orders)
    return cloud_event("activated", order, f"s-{order % STORES}")


class Connection:
    """One kept-alive connection that times what it asks."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._http = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
        self.took_s: list[float] = []

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Ask once; returns the decoded answer."""
        began_s = time.perf_counter()
        self._http.request(method, path, body, HEADERS if body else {})
        response = self._http.getresponse()
        answer = response.read()
        self.took_s.append(time.perf_counter() - began_s)
        assert response.status == 200, answer
        return msgspec.json.decode(answer)


def milliseconds(took_s: Iterable[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    values = np.fromiter(took_s, np.float64) * 1e3
    return {
        "p50_ms": round(float(np.percentile(values, 50)), 3),
        "p99_ms": round(float(np.percentile(values, 99)), 3),
    }


def processor_s(service: ServiceProcess) -> float:
    """Processor time of a service, in all its processes."""
    server = psutil.Process(service.pid)
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def intake(
    service: ServiceProcess, bodies: list[bytes], events: int, connections: int
) -> dict[str, Any]:
    """Send bodies over some connections at once, from a process of its own.

    Its client is lean: one that costs more than the service would measure itself.
    """
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(b"[" + b",".join(bodies) + b"]")
        file.flush()
        program = [sys.executable, "-m", "benchmarks.load", f"{service.url}/events", file.name]
        used_s = processor_s(service)
        done = subprocess.run(
            [*program, "--connections", str(connections), "--once"],
            check=True,
            capture_output=True,
        )
        used_s = processor_s(service) - used_s
    load = msgspec.json.decode(done.stdout)
    assert load["statuses"] == {"200": len(bodies)}, load["statuses"]
    return {
        "connections": connections,
        "events": events,
        "events_per_s": round(events / load["seconds"]),
        "processor_us_per_event": round(used_s / events * 1e6, 1),
        "p50_ms": load["p50_ms"],
        "p99_ms": load["p99_ms"],
    }


def repeated(
    service: ServiceProcess, bodies: Callable[[], list[bytes]], events: int, connections: int
) -> dict[str, Any]:
    """Send new bodies a few times; the run in the middle by events/s, and the range."""
    runs = [intake(service, bodies(), events, connections) for _ in range(RUNS)]
    middle = sorted(runs, key=lambda run: run["events_per_s"])[RUNS // 2]
    return {**middle, "range": ranges([run["events_per_s"] for run in runs], 0)}


def next_read(url: str, rounds: int) -> dict[str, Any]:
    """Send the events of an order, then ask for the queue that it must stand in."""
    writer, reader = Connection(url), Connection(url)
    both_s = []
    for number in range(rounds):
        order, store = next(orders), f"next-{number}"
        body = msgspec.json.encode(
            [cloud_event(n, order, store) for n in ("activated", "dispatched")]
        )
        began_s = time.perf_counter()
        writer.ask("POST", "/events", body)
        answer = reader.ask("GET", f"/features?feature=store_queue_orders&store_id={store}")
        both_s.append(time.perf_counter() - began_s)
        assert answer["features"] == {"store_queue_orders": 1.0}, answer
    return {
        "rounds": rounds,
        "sent": milliseconds(writer.took_s),
        "asked": milliseconds(reader.took_s),
        "sent_and_asked": milliseconds(both_s),
    }


def questions(url: str, rounds: int) -> dict[str, Any]:
    """Ask for all features of a store, a courier and a city."""
    result: dict[str, Any] = {}
    for event_times in (False, True):
        question = {
            "keys": {"store_id": "s-1", "courier_id": "c-1", "city": "BCN"},
            "sample_id": None,
            "event_times": event_times,
        }
        connection = Connection(url)
        body = msgspec.json.encode(question)
        answers = [connection.ask("POST", "/features", body) for _ in range(rounds)]
        name = "with_event_times" if event_times else "values_only"
        result[name] = {"features": len(answers[0]["features"]), **milliseconds(connection.took_s)}
    return result


def over_http(folder: Path, batches: int, singles: int) -> dict[str, Any]:
    """Measure the service."""
    settings = EventSettings(event_store=str(folder / "events.db"), compact_every_s=0.0)
    encode: Callable[[Any], bytes] = msgspec.json.encode

    def bodies(n: int) -> Iterator[bytes]:
        return (encode([activated() for _ in range(BATCH)]) for _ in range(n))

    with ServiceProcess(
        "services.events:EventService", log=folder / "log", settings=settings.to_environment()
    ) as service:
        url = service.url
        intake(service, list(bodies(10)), 10 * BATCH, 1)  # warm-up
        return {
            "batches_of_500": [
                repeated(service, lambda: list(bodies(batches)), batches * BATCH, n) for n in (1, 4)
            ],
            "single_events": [
                repeated(service, lambda: [encode(activated()) for _ in range(singles)], singles, n)
                for n in (1, CONNECTIONS)
            ],
            "acknowledged_is_in_the_next_read": next_read(url, singles // 2),
            "all_features_of_a_request": questions(url, singles // 4),
        }


class ForgetfulStore(MemoryEventStore):
    """Forgets its events: what remains is the consumer's own work."""

    def append(self, events: Iterable[Event]) -> AppendResult:
        return AppendResult.of(bytes(len(list(events))))


def forgetful_store(where: str, sources: Iterable[Source]) -> ForgetfulStore:
    """Open no store."""
    return ForgetfulStore(sources=sources)


def consumed(folder: Path, messages: int) -> dict[str, Any]:
    """Measure consumers of one stream."""
    result: dict[str, Any] = {"messages": messages}
    with redis_server(folder) as address, redis.Redis.from_url(f"redis://{address}/0") as client:
        url = f"redis://{address}/0"
        pipeline = client.pipeline(transaction=False)
        for number in range(messages):
            pipeline.xadd(STREAM, {"event": msgspec.json.encode(activated())})
            if number % BATCH == BATCH - 1:
                pipeline.execute()
        pipeline.execute()
        for name in ("sqlite", "checked_only"):
            settings = ConsumerSettings(
                url=url,
                stream=STREAM,
                event_store=str(folder / "consumed.db"),
                group=name,
                catalog="aggregators.catalog:CATALOG",
                batch=BATCH,
                idle_s=60.0,
                max_clock_skew_s=300.0,
                metrics_host="127.0.0.1",
                metrics_port=0,
                once=True,
            )
            opens = open_event_store if name == "sqlite" else forgetful_store
            with mock.patch.object(consuming, "open_event_store", opens):
                took = timed(partial(run_consumer, settings, ending=threading.Event()))
            result[f"{name}_events_per_s"] = round(messages / took.wall_s)
            result[f"{name}_processor_us_per_event"] = round(took.processor_s / messages * 1e6, 1)
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--singles", type=int, default=2_000)
    parser.add_argument("--messages", type=int, default=50_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "http": over_http(folder, options.batches, options.singles),
            "consumer": consumed(folder, options.messages),
        }
    save("event_service", result)


if __name__ == "__main__":
    main()

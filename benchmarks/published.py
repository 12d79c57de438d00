"""The benchmarks whose figures stand in README.md, in their order, with what makes them.

`python -m benchmarks.run --all` runs them; `STALE` names those whose published figures are of older
definitions. A test fails if another one is, or if one of these is not any more.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import RESULTS
from benchmarks.tables import demo, requests, services, stores, training
from benchmarks.tables.markdown import Result

FOLDER = "FOLDER"
"""Stands for the folder in which models and events of the services are kept for the next one."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark of README.md.

    Args:
        name: of its file in results/.
        minutes: how long it takes on two idle cores, about.
        write: makes its section of its result.
        arguments: of its command.
        uses_features: whether its figures depend on the frozen features and on `aggregators`.
    """

    name: str
    minutes: float
    write: Callable[[Result], str]
    arguments: tuple[str, ...] = ()
    uses_features: bool = True

    @property
    def module(self) -> str:
        return f"benchmarks.{self.name}"

    def result(self) -> Result | None:
        """What was published; None: nothing yet."""
        path = RESULTS / f"{self.name}.json"
        if not path.exists():
            return None
        found: Result = json.loads(path.read_text(encoding="utf-8"))
        return found


BENCHMARKS = (
    Benchmark(name="import_time", minutes=1, write=requests.import_time),
    Benchmark(name="training_vs_peers", minutes=10, write=training.training_vs_peers),
    Benchmark(name="catalog_training", minutes=10, write=training.catalog_training),
    Benchmark(name="function_windows", minutes=10, write=training.function_windows),
    Benchmark(name="inference", minutes=1, write=requests.inference),
    Benchmark(name="hot_group", minutes=6, write=requests.hot_group),
    Benchmark(name="event_store", minutes=18, write=stores.event_store),
    Benchmark(name="event_service", minutes=4, write=stores.event_service),
    Benchmark(name="services", minutes=10, write=services.services, arguments=("--folder", FOLDER)),
    Benchmark(
        name="service_profile",
        minutes=1,
        write=services.service_profile,
        arguments=("--folder", FOLDER),
    ),
    Benchmark(name="start", minutes=5, write=services.start),
    Benchmark(
        name="endpoint_routes", minutes=3, write=services.endpoint_routes, uses_features=False
    ),
    Benchmark(name="demo_seeds", minutes=25, write=demo.demo_seeds, arguments=("--folder", FOLDER)),
    Benchmark(name="quick", minutes=3, write=training.quick),
)

STALE = (
    "event_store",
    "demo_seeds",
)
"""Published figures that are of older definitions, until all figures are made again."""


def differences(made: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    """What has changed since a result was made, of what its figures depend on.

    >>> now = {"aggregators": "2.0.0", "features": {"native": "a", "etp": "b"}}
    >>> differences({"aggregators": "1.0.0", "features": {"native": "a", "etp": "c"}}, now)
    ['aggregators was 1.0.0, is 2.0.0', 'features etp: fingerprint was c, is b']
    >>> differences(None, now)
    ['it does not say what it was made of']
    """
    if made is None:
        return ["it does not say what it was made of"]
    found = []
    if made["aggregators"] != now["aggregators"]:
        found.append(f"aggregators was {made['aggregators']}, is {now['aggregators']}")
    for name in sorted({*made["features"], *now["features"]}):
        was, is_now = made["features"].get(name, "nothing"), now["features"].get(name, "nothing")
        if was != is_now:
            found.append(f"features {name}: fingerprint was {was}, is {is_now}")
    return found

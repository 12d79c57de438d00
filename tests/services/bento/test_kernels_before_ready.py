"""A service that is ready compiles nothing: it has begun with an empty cache of kernels.

Services start one after the other in processes of their own. The first finds an empty folder and
compiles what it needs, each other one what was not needed before, so that all of it takes no longer
than one start of the largest.

Tests `services.bento.kernel_metrics`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from aggregators.catalog import CATALOG
from estimators import Dataset
from estimators.core.stages import LIFE
from services.bento.process import ServiceProcess
from tests.aggregators.stores.servers import RedisServer, needs_redis
from tests.patient_http import http_client
from tests.services.estimator_city import LEGS, City
from tests.services.every_service import EVERY_SERVICE, LONG_S
from tests.soaking import soaked
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

START_TIMEOUT_S = 600.0  # it compiles everything
COUNTED = re.compile(
    r'^doorstep_kernel_compilations_total\{.*phase="(\w+)".*\} (\S+)$', re.MULTILINE
)
DROPPED = re.compile(r"^doorstep_compaction_samples_dropped_total (\S+)$", re.MULTILINE)
MOMENT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for compiled kernels, empty before the first service starts."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def city(saved_eta: str, eta_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> City:
    return City(saved_eta, eta_dataset, tmp_path_factory.mktemp("city"))


@dataclass(frozen=True)
class Asked:
    """A service that is ready, and whether it has compiled anything since."""

    http: httpx.Client

    def post(self, path: str, body: Any) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def examples(self, name: str) -> None:
        """Ask what the service describes as good requests."""
        for path, body in EVERY_SERVICE[name].endpoints().items():
            self.post(path, body)

    def compiled(self, phase: str) -> float:
        counts = dict(COUNTED.findall(self.http.get("/metrics").text))
        assert set(counts) == {"starting", "serving"}
        return float(counts[phase])


@contextmanager
def ready(
    name: str, kernels: Path, folder: Path, settings: dict[str, str], ready_path: str = "/readyz"
) -> Iterator[Asked]:
    """A service in a process of its own; it must not compile a kernel within the block."""
    given = {
        **EVERY_SERVICE[name].settings(folder),
        "DOORSTEP_MAX_CLOCK_SKEW_S": str(LONG_S),
        **settings,
        "NUMBA_CACHE_DIR": str(kernels),
    }
    process = ServiceProcess(
        EVERY_SERVICE[name].target,
        log=folder / f"{name}.log",
        settings=given,
        ready_path=ready_path,
        start_timeout_s=START_TIMEOUT_S,
    )
    with (
        process as service,
        http_client(service.url) as http,
    ):
        asked = Asked(http)
        yield asked
        assert asked.compiled("serving") == 0.0


def store_of(kind: str, folder: Path) -> Iterator[str]:
    """Where a service keeps its events."""
    if kind == "redis":
        needs_redis()
        server = RedisServer(folder / "redis", durable=False)
        yield server.url
        server.stop()
    else:
        yield "memory" if kind == "memory" else str(folder / "events.db")


@pytest.fixture
def event_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from store_of(request.param, tmp_path)


def life_of(orders: int, start: datetime, *, first: int = 0) -> list[dict[str, Any]]:
    """Events of orders of one store, as CloudEvents."""
    known = {"store_id": "s", "city": "BCN", "products": 2}
    steps = (
        ("activated", 0), ("dispatched", 1), ("accepted", 2), ("courier_assigned", 3), ("ready", 9),
        ("courier_at_store", 10), ("picked_up", 12), ("courier_at_customer", 20), ("delivered", 30),
    )  # fmt: skip
    return [
        {
            "specversion": "1.0", "id": f"{i}/{event}", "source": "orders", "type": event,
            "subject": f"o-{i}", "data": known,
            "time": (start + timedelta(minutes=10 * (i - first) + minutes)).isoformat(),
        }
        for i in range(first, first + orders)
        for event, minutes in steps
    ]  # fmt: skip


def ask_for_features(asked: Asked, as_of: datetime) -> None:
    """Ask for every feature of the catalog: of nobody, of one key, of many rows, and why."""
    moment = as_of.isoformat()
    keys = dict.fromkeys({one.dimension for one in CATALOG}, None)
    one = {"sample_id": None, "as_of": moment}
    known = {"store_id": "s", "city": "BCN"}
    row = {**one, "keys": known}
    asked.post("/features", {**one, "keys": keys})
    asked.post("/features", {**row, "sample_id": "o-1"})
    for rows in (1, 40):
        names = [feature.name for feature in CATALOG if feature.dimension in known]
        asked.post("/features_batch", {"features": names, "rows": [row] * rows})
    for feature in CATALOG:
        if feature.dimension == "store_id":
            question = {"feature": feature.name, "keys": {"store_id": "s"}, **one}
            asked.post("/explain", {**question, "why": "o-1", "sample_id": "o-2"})
    params = {"store_id": "s", "sample_id": "", "as_of": moment}
    assert asked.http.get("/features", params=params).status_code == 200
    params |= {"feature": "store_queue_orders"}
    assert asked.http.get("/explain", params=params).status_code == 200


@pytest.mark.parametrize("event_store", soaked(["file", "redis"], always=["file"]), indirect=True)
def test_the_event_service(kernels: Path, tmp_path: Path, event_store: str) -> None:
    settings = {
        "DOORSTEP_STORE": event_store, "DOORSTEP_COMPACT_EVERY_S": "0.2", "DOORSTEP_KEEP": "1h"
    }  # fmt: skip
    with ready("events", kernels, tmp_path, settings) as asked:
        assert asked.compiled("starting") == 0.0  # other processes have compiled
        assert any(kernels.rglob("plan_kernels.aggregate_plans-*.nbi"))
        ask_for_features(asked, datetime.now(UTC))
        asked.examples("events")
        asked.post("/events", life_of(200, datetime.now(UTC) - timedelta(days=30)))
        asked.post("/events", life_of(1, datetime.now(UTC) - timedelta(hours=2), first=200))
        ask_for_features(asked, datetime.now(UTC))
        # What a compaction keeps lies elsewhere in memory, and is read by the same kernels.
        wait_until(lambda: float(DROPPED.findall(asked.http.get("/metrics").text)[0]) > 0.0)
        ask_for_features(asked, datetime.now(UTC))


def ask_for_estimates(asked: Asked, city: City, parts: Sequence[str]) -> None:
    """Ask about orders alone, in batches and in columns: known, unknown, without any fact."""
    for part in parts:
        leg = {"leg": part} if part in LEGS else {}
        one = city.request(part, 0)
        nothing = {**one, "order": {}, "sample_id": None}
        for body in (one, {**one, "sample_id": None, "include_features": True}, nothing):
            asked.post("/predict", body)
        for rows in (1, 3, 40):
            many = [city.request(part, row) for row in range(rows)]
            answer = asked.post("/predict_batch", {"rows": [*many, nothing, {}]})
            assert answer["refused"] == 1
            columns = {name: values[:rows] for name, values in city.columns.items()}
            for given in (columns, {name: [None] * rows for name in columns}, {}):
                body = {
                    **leg, "columns": given, "sample_ids": city.ids[:rows],
                    "as_of": city.as_of.isoformat(),
                }  # fmt: skip
                asked.post("/predict_columns", body)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        pytest.param("etp", ("ready",), marks=pytest.mark.soak),
        ("courier_travel", LEGS),
        pytest.param("wall_eta", ("direct",), marks=pytest.mark.soak),
    ],
)
def test_services_of_estimators(
    name: str, parts: Sequence[str], kernels: Path, tmp_path: Path, city: City
) -> None:
    with ready(name, kernels, tmp_path, city.environment()) as asked:
        ask_for_estimates(asked, city, parts)
        asked.examples(name)
        ask_for_estimates(asked, city, parts)


def test_a_service_without_one_of_its_models(kernels: Path, tmp_path: Path, city: City) -> None:
    settings = {**city.environment(), "DOORSTEP_PARKING_MODEL": "eta_parking:gone"}
    with ready("courier_travel", kernels, tmp_path, settings, ready_path="/livez") as asked:
        wait_until(lambda: "no model" in asked.http.get("/readyz").text)
        assert asked.http.get("/readyz").status_code == 503
        answer = asked.post("/predict", city.request("parking", 0))
        assert answer["status"] == "fallback"
        ask_for_estimates(asked, city, LEGS)


def ask_the_eta(asked: Asked, city: City, *, has_events: bool) -> None:
    """Ask for all callers: orders at every stage, one and many of everything, and reasons."""
    moment = city.as_of.isoformat()
    facts = {name: values[0] for name, values in city.columns.items()}
    past = {
        event: (city.as_of - timedelta(minutes=20 - i)).isoformat()
        for i, event in enumerate(LIFE[:-1])
    }
    for n in range(len(past) + 1):
        happened = dict(list(past.items())[:n])
        for order in (facts, {}):
            for explain in (False, True):
                asked.post(
                    "/eta",
                    {
                        "order_id": None if n == 0 else f"new-{n}", "order": order,
                        "happened": happened, "as_of": moment, "explain": explain,
                    },
                )  # fmt: skip
    if has_events:
        for order_id in city.ids[:8]:
            asked.post("/eta", {"order_id": order_id, "as_of": moment, "explain": True})
    for orders, couriers in ((1, 1), (1, 40), (5, 30)):
        names = ("store_id", "store_category", "city", "zone", "distance_m", "amount", "products")
        body: dict[str, Any] = {
            "orders": {
                "order_id": [*city.ids[: orders - 1], None],
                "facts": {name: city.columns[name][:orders] for name in names},
            },
            "couriers": {
                "courier_id": [f"c-{i}" for i in range(couriers)],
                "facts": {"vehicle": ["bicycle"] * couriers},
            },
            "distance_to_store_m": [[500.0 + 10.0 * i for i in range(couriers)]] * orders,
            "as_of": moment,
        }
        asked.post("/courier_selection", body)
        bare = copy.deepcopy(body)
        del bare["orders"]["facts"], bare["couriers"]["facts"], bare["distance_to_store_m"]
        asked.post("/courier_selection", bare)
    for stores in (1, 40):
        listed = {"store_id": city.columns["store_id"][:stores]}
        order = {name: facts[name] for name in ("city", "zone", "amount", "products")}
        shown = asked.post("/displayed_eta", {"stores": listed, "order": order, "as_of": moment})
        asked.post(
            "/displayed_eta",
            {"stores": listed, "order": order, "shown": shown["shown"], "as_of": moment},
        )
    for n in (1, 40):
        rows = [{"order_id": one} for one in city.ids[:n]]
        told = [
            {"order_id": f"new-{i}", "order": facts, "happened": dict(list(past.items())[:i])}
            for i in range(1, len(past))
        ]
        asked.post("/courier_arrival", {"orders": [*rows, *told], "as_of": moment})


@pytest.mark.parametrize(
    "event_store", soaked(["memory", "file", "redis"], always=["file"]), indirect=True
)
def test_the_eta_service(event_store: str, kernels: Path, tmp_path: Path, city: City) -> None:
    has_events = event_store.endswith("events.db")
    settings = {"DOORSTEP_STORE": str(city.path) if has_events else event_store}
    with ready("eta", kernels, tmp_path, settings) as asked:
        ask_the_eta(asked, city, has_events=has_events)
        asked.post("/events", life_of(20, MOMENT))
        asked.examples("eta")
        ask_the_eta(asked, city, has_events=has_events)

"""How much one question of the routing engine touches: files, reads of the store, distributions."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from aggregators import MemoryEventStore, warm_up
from aggregators.kernels.numba_cache import known_kernels
from estimators import Dataset
from estimators.core.distribution import Distribution
from estimators.registry import models as registry
from services.composition.opening import open_parts, sources_of
from services.composition.parts import Parts
from services.core.settings.parts import PartSettings
from services.estimation.metrics import EstimateMetrics
from services.handlers.assembly import EtaHandlers
from services.handlers.display_metrics import DisplayMetrics
from services.handlers.display_policy import DisplayPolicy
from services.schemas.courier_selection import CourierSelectionAnswer, CourierSelectionRequest
from services.schemas.decoding import decode

FILES_MAX = 47
DISTRIBUTIONS_MAX = 8
COURIERS = 30

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "estimators", "aggregators")
READING = ("read", "read_with_samples", "sample", "samples")


class CountingStore(MemoryEventStore):
    """Counts how often it is asked from outside, however it answers inside."""

    def __init__(self, sources: Any) -> None:
        super().__init__(sources=sources)
        self.calls: Counter[str] = Counter()


def in_background() -> bool:
    """Whether this is the thread that looks once a second how old features are."""
    return threading.current_thread().name == "feature-ages"


def _counted(name: str) -> Any:
    inner = getattr(MemoryEventStore, name)

    def call(self: CountingStore, *arguments: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_code.co_filename
        if "stores" not in Path(caller).parts and not in_background():
            self.calls[name] += 1
        return inner(self, *arguments, **options)

    return call


for _name in READING:
    setattr(CountingStore, _name, _counted(_name))


class Watch:
    """Which files of the project run a function, and how many distributions are made."""

    def __init__(self) -> None:
        self.is_on = False
        self.calls: set[tuple[str, str]] = set()
        self.distributions = 0
        self._made = {getattr(Distribution, name).__code__ for name in ("__init__", "unchecked")}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if not self.is_on or event != "call" or in_background():
            return
        code = frame.f_code
        self.distributions += code in self._made
        self.calls.add((code.co_filename, code.co_name))

    @property
    def files(self) -> set[str]:
        """The project's files of which Python ran.

        Numba says of a compiled kernel that it runs, but none of its Python does.
        """
        codes = (kernel._function.__code__ for kernel in known_kernels())
        compiled = {(code.co_filename, code.co_name) for code in codes}
        paths = (Path(file) for file, _ in self.calls - compiled)
        files = (path.relative_to(ROOT) for path in paths if path.is_relative_to(ROOT))
        return {str(file) for file in files if file.parts[0] in PACKAGES}

    @contextmanager
    def watching(self) -> Iterator[None]:
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False


def question(dataset: Dataset) -> CourierSelectionRequest:
    """One order that was accepted, which the store knows, and couriers of its city."""
    orders = dataset.table
    known = orders[orders["accepted"].notna() & orders["picked_up"].notna()]
    order = known.iloc[len(known) // 2]
    couriers = orders.loc[orders["city"] == order["city"], ["courier_id", "vehicle"]]
    couriers = couriers.dropna().drop_duplicates("courier_id")
    ids = couriers["courier_id"].tolist()[:COURIERS]
    body = {
        "orders": {
            "order_id": [order[dataset.source.sample_id]],
            "facts": {
                "store_zone": [order["store_zone"]],
                "building": [order["building"]],
                "floor": [int(order["floor"])],
            },
        },
        "couriers": {
            "courier_id": ids,
            "facts": {"vehicle": couriers["vehicle"].tolist()[:COURIERS]},
        },
        "distance_to_store_m": [[100.0 + 10.0 * k for k in range(COURIERS)]],
        "as_of": (order["accepted"] + timedelta(seconds=30)).isoformat(),
    }
    return decode(msgspec.json.encode(body), CourierSelectionRequest)


@pytest.fixture(scope="module")
def watched(
    saved_eta: str, eta_dataset: Dataset
) -> tuple[Watch, CountingStore, CourierSelectionAnswer]:
    """A question that was answered twice: the second time it was watched."""
    model = registry.load_eta(saved_eta)
    event_store = CountingStore(sources_of(model))
    tables = {source.name: table for source, table in eta_dataset.others.items()}
    tables[eta_dataset.source.name] = eta_dataset.table
    for source in sources_of(model):
        columns = [source.sample_id, *source.events, *source.columns]
        event_store.append_table(source, tables[source.name][columns])
    watch, asked = Watch(), question(eta_dataset)
    before = threading.getprofile(), sys.getprofile()
    threading.setprofile(watch)  # before the threads begin that answer
    metrics = CollectorRegistry()

    def metrics_of(name: str) -> EstimateMetrics:
        return EstimateMetrics(name, CollectorRegistry())

    async def answer() -> CourierSelectionAnswer:
        parts: Parts = open_parts(
            model,
            event_store=event_store,
            settings=PartSettings(timeout_ms=600_000.0),
            metrics_of=metrics_of,
        )
        with ThreadPoolExecutor(2) as threads, ThreadPoolExecutor(1) as readers:
            callers = EtaHandlers(
                model,
                parts,
                event_store,
                tag="eta:test",
                policy=DisplayPolicy(),
                metrics=EstimateMetrics("eta", metrics),
                log=None,
                threads=threads,
                readers=readers,
                ranges=DisplayMetrics(metrics),
            )
            warm_up(training=False)
            parts.warm_up()
            callers.warm_up()
            await callers.selection.answer(asked, request_id="r-1")
            event_store.calls.clear()
            gc.collect()
            sys.setprofile(watch)
            with watch.watching():
                answered = await callers.selection.answer(asked, request_id="r-2")
            sys.setprofile(None)
            await parts.close()
        return answered

    try:
        answered = asyncio.run(answer())
    finally:
        threading.setprofile(before[0])
        sys.setprofile(before[1])
    return watch, event_store, answered


def test_every_pair_was_answered_by_all_parts(
    watched: tuple[Watch, CountingStore, CourierSelectionAnswer],
) -> None:
    _, _, answer = watched
    assert answer.orders.candidates == [COURIERS]
    assert {"ready", "to_store", "to_customer", "parking", "eta"} <= answer.models.keys()
    assert set(answer.pairs.status) == {"ok"}


def test_the_event_store_is_asked_once(
    watched: tuple[Watch, CountingStore, CourierSelectionAnswer],
) -> None:
    _, event_store, _ = watched
    assert event_store.calls == {"read_with_samples": 1}


def test_few_distributions_are_made(
    watched: tuple[Watch, CountingStore, CourierSelectionAnswer],
) -> None:
    watch, _, _ = watched
    assert 0 < watch.distributions <= DISTRIBUTIONS_MAX


def test_a_question_passes_through_few_files(
    watched: tuple[Watch, CountingStore, CourierSelectionAnswer],
) -> None:
    watch, _, _ = watched
    files = sorted(watch.files)
    assert len(files) <= FILES_MAX, "\n".join(files)
    assert {"services/handlers/courier_selection.py", "estimators/model/base.py"} <= set(files)

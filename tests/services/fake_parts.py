"""Parts of an ETA that need no model: simple functions of what is said of an order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

import numpy as np
from prometheus_client import CollectorRegistry

from aggregators import Event, MemoryEventStore
from estimators.core.distribution import Distribution
from estimators.core.stages import ELAPSED
from estimators.eta.model import EtaModel
from estimators.quantiles.calibration import GRID_LEVELS
from services.composition.composer import Composer
from services.composition.order_book import OrderBook
from services.composition.parts import Parts
from services.estimation.metrics import EstimateMetrics
from services.estimation.results import RowResults, codes_of
from services.estimation.rows import RequestRows
from services.handlers.courier_arrival import CourierArrival
from services.handlers.courier_selection import CourierSelection
from services.handlers.display_metrics import DisplayMetrics
from services.handlers.display_policy import DisplayPolicy
from services.handlers.displayed_eta import DisplayedEta
from services.handlers.handler import Dependencies
from services.handlers.order_eta import OrderEta
from services.prediction_log.log import PredictionLog
from services.prediction_log.table import Served
from services.schemas.common import ModelInfo, Status
from services.schemas.vocabulary import Vocabulary
from simulator import ORDERS
from tests.services.building import NOON

T = TypeVar("T")

INFO = ModelInfo(tag="eta:test", catalog_version="1", fingerprint="f")
VOCABULARY = Vocabulary(
    frozenset((*ORDERS.columns, "vehicle", "floor", "store_zone")),
    frozenset((*ORDERS.attributes, "floor")),
    {"store_id": str, "courier_id": str, "city": str, "vehicle": str},
)
_SPREAD = 0.6 + 0.8 * np.asarray(GRID_LEVELS)


def run(answer: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns."""
    return asyncio.run(answer)


def number(rows: RequestRows, name: str, missing: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column as numbers, with something in place of what is missing."""
    column = rows.columns.get(name, [None] * len(rows))
    values = np.array(list(column), dtype=np.float64)
    return np.where(np.isnan(values), missing, values)


class FakeParts(Parts):
    """Seconds that a human can compute; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, RequestRows]] = []
        self.statuses: dict[str, Status] = {}
        self.notes: dict[str, str] = {}

    def _notes(self, part: str, status: Status) -> list[str]:
        notes = [] if status == "ok" else [f"{part} is not itself"]
        return [*notes, self.notes[part]] if part in self.notes else notes

    async def ask_many(self, asked: Mapping[str, RequestRows]) -> dict[str, RowResults]:
        self.asked.append(dict(asked))
        return {part: self._answer(part, rows) for part, rows in asked.items()}

    def _answer(self, part: str, rows: RequestRows) -> RowResults:
        n = len(rows.sample_ids)
        status = self.statuses.get(part, "ok")
        seconds: Callable[[RequestRows], Any] = SECONDS[part]
        mean_s = seconds(rows)
        return RowResults(
            distribution=Distribution(GRID_LEVELS, mean_s[:, np.newaxis] * _SPREAD),
            codes=codes_of([status] * n),
            notes=dict.fromkeys(range(n), notes) if (notes := self._notes(part, status)) else {},
            model=ModelInfo(tag=f"eta_{part}:test", catalog_version="1", fingerprint=part),
            realtime=np.empty((n, 0)),
        )


def _ready(rows: RequestRows) -> Any:
    return np.maximum(
        150.0 * number(rows, "products", 3.0) - number(rows, "since_accepted_s", 0), 30
    )


def _to_store(rows: RequestRows) -> Any:
    finding = np.where(number(rows, "since_courier_assigned_s", -1.0) < 0.0, 240.0, 0.0)
    return finding + 20.0 + number(rows, "distance_to_store_m", 1_000.0) / 4.0


def _to_customer(rows: RequestRows) -> Any:
    return 60.0 + number(rows, "distance_m", 2_000.0) / 5.0


SECONDS = {
    "ready": _ready,
    "to_store": _to_store,
    "to_customer": _to_customer,
    "parking": lambda rows: np.full(len(rows.sample_ids), 100.0),
    "conditions": lambda rows: np.full(len(rows.sample_ids), 40.0),
    "direct": lambda rows: 600.0 + number(rows, "distance_m", 2_000.0) / 2.0,
}


class BrokenStore(MemoryEventStore):
    """A store that can be told to fail."""

    is_down = False

    def samples(self, source: Any, sample_ids: Any) -> Any:
        if self.is_down:
            raise OSError("connection refused")
        return super().samples(source, sample_ids)


@dataclass
class Logged:
    """A log of predictions that keeps them."""

    rows: list[Served] = field(default_factory=list)

    def add(self, served: Served) -> None:
        self.rows.append(served)


class City:
    """Everything that answers the callers, over a store in memory and parts that need no model."""

    def __init__(self, *, now: datetime = NOON, policy: DisplayPolicy | None = None) -> None:
        self.event_store = BrokenStore(sources=[ORDERS])
        self.parts = FakeParts()
        self.registry = CollectorRegistry()
        self.log = Logged()
        self.threads = ThreadPoolExecutor(2)
        self.now = now
        self.metrics = metrics = EstimateMetrics("eta", self.registry)
        self.book = OrderBook(self.event_store, ORDERS, VOCABULARY, threads=self.threads)
        needs = Dependencies(
            orders=self.book,
            composer=Composer(EtaModel(parts={}), self.parts, self.threads, metrics=metrics),
            metrics=metrics,
            model=INFO,
            threads=self.threads,
            log=cast(PredictionLog, self.log),
            clock=lambda: self.now,
        )
        self.composer = needs.composer
        self.eta = OrderEta(needs)
        self.arrival = CourierArrival(needs)
        self.selection = CourierSelection(needs)
        self.displayed = DisplayedEta(
            needs, policy or DisplayPolicy(), ranges=DisplayMetrics(self.registry)
        )

    def happens(self, order_id: str, event: str, at: datetime, **facts: Any) -> None:
        """Let an event of an order be in the store."""
        self.event_store.append([Event("orders", order_id, event, at, facts)])

    def counted(self, status: str) -> float:
        """How many estimates were counted with a status."""
        labels = {"service": "eta", "status": status}
        return self.registry.get_sample_value("doorstep_estimates_total", labels) or 0.0


def elapsed_of(rows: RequestRows, row: int = 0) -> dict[str, float]:
    """What a part was told about what has happened."""
    found = {name: rows.columns[name][row] for name in ELAPSED}
    return {name: value for name, value in found.items() if value is not None}

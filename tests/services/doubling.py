"""A part of an ETA that a human can compute, and how parts are asked in tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aggregators.times import moment_to_us
from aggregators.typing import SampleId
from estimators.core.distribution import Distribution
from estimators.eta.part_question import PartQuestion
from estimators.fallback.model import Fallback
from estimators.quantiles.calibration import GRID_LEVELS
from services.composition.parts import Parts
from services.core.context import RequestContext, enter_request
from services.core.errors import InvalidRequest
from services.core.trace_context import TraceContext
from services.estimation.results import RowResults
from services.estimation.rows import RequestRows
from services.schemas.common import ModelInfo
from tests.services.building import NOON

INFO = ModelInfo(tag="eta_ready:test", catalog_version="1", fingerprint="f")
USUAL = Fallback.constant([1_000.0 + 10.0 * k for k in range(len(GRID_LEVELS))])
USUAL_S = float(USUAL.distribution({}, 0)[0].quantile(0.5)[0])


class Doubling:
    """Takes twice as many seconds as there are products; refuses a store that is a number."""

    info = INFO
    feature_names = ()
    question: PartQuestion | None = None

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.asked: list[int] = []
        self._before = before

    def takes(self, name: str) -> bool:
        return True

    def check(self, order: Mapping[str, Any]) -> None:
        """Everything is good."""

    def check_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[int, InvalidRequest]:
        return {}

    def use_event_store(self, event_store: Any) -> None:
        """There is none."""

    def close(self) -> None:
        """Nothing runs in the background."""

    def warm_up(self) -> None:
        self.estimate(RequestRows.one({"products": 1}, None, 0))

    def estimate_one(self, order: Any, sample_id: Any, as_of_us: int) -> RowResults:
        return self.estimate(RequestRows.one(order, sample_id, as_of_us))

    def estimate(self, rows: RequestRows, realtime: Any = None) -> RowResults:
        self._before()
        self.asked.append(len(rows))
        if any(isinstance(one, int) for one in rows.columns.get("store_id", ())):
            raise InvalidRequest("a store is a number", field="order")
        mean_s = 2.0 * np.array(list(rows.columns["products"]), np.float64)
        n = len(rows)
        told = Distribution(GRID_LEVELS, mean_s[:, None] * np.array(GRID_LEVELS))
        return RowResults(
            distribution=told,
            codes=np.zeros(n, np.int8),
            notes={},
            model=INFO,
            realtime=np.empty((n, 0)),
        )


def rows_of(products: Sequence[float], **columns: Any) -> RequestRows:
    ids: list[SampleId | None] = [f"o-{k}" for k in range(len(products))]
    return RequestRows(
        columns={"products": list(products), **columns},
        sample_ids=ids,
        as_of_us=np.full(len(ids), moment_to_us(NOON, "noon")),
    )


def ask(
    parts: Parts, timeout_s: float | None = None, **asked: RequestRows
) -> dict[str, RowResults]:
    """What parts answer, within a request that has so much time."""

    async def within() -> dict[str, RowResults]:
        if timeout_s is not None:
            trace = TraceContext.taken("", "")
            enter_request(RequestContext("r-1", trace, time.monotonic() + timeout_s))
        try:
            return await parts.ask_many(asked)
        finally:
            await parts.close()

    return asyncio.run(within())


def medians(answer: RowResults) -> list[float]:
    return [float(one) for one in answer.distribution.quantile(0.5)]


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def go_on(self) -> None:
        self.now_s += 1_000.0

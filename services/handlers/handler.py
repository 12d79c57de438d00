"""Give every handler what it needs: one set of dependencies, injected once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.composition.composer import Composer
from services.composition.order_book import OrderBook
from services.core.clock import utc_now
from services.estimation.metrics import EstimateMetrics
from services.prediction_log.entries import PredictionLogger
from services.prediction_log.log import PredictionLog
from services.schemas.common import ModelInfo

__all__ = ["Dependencies", "Handler"]


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """The dependencies that all handlers of a service share.

    Args:
        orders: looks orders up, and knows what a request may say of them.
        composer: estimates what is still to come.
        metrics: count the estimates.
        model: what composes, for the answers.
        threads: do what takes long, beside the event loop.
        log: takes estimates; None: they are not logged.
        clock: gives the moment of a request that names none; injected in tests.
    """

    orders: OrderBook
    composer: Composer
    metrics: EstimateMetrics
    model: ModelInfo
    threads: Executor
    log: PredictionLog | None = None
    clock: Callable[[], datetime] = utc_now


class Handler:
    """Base class of a handler, which answers one use case.

    Args:
        needs: what it shares with the other handlers.
    """

    logged_as: ClassVar[str] = ""
    """The name under which its estimates are logged."""

    def __init__(self, needs: Dependencies) -> None:
        self._orders = needs.orders
        self._composer = needs.composer
        self._metrics = needs.metrics
        self._model = needs.model
        self._threads = needs.threads
        self._clock = needs.clock
        self._log = PredictionLogger(needs.log, self.logged_as, needs.model)

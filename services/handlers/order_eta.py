"""Answer with the ETA of one order at any stage, and its parts.

Knows nothing of HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from aggregators.errors import AggregatorError
from aggregators.stores.reading import Sample
from aggregators.times import from_us, moment_to_us
from estimators.core.errors import EstimatorError
from estimators.core.stages import OPEN_STAGES, pending_at
from estimators.eta.composition import SHOWN_PARTS
from services.composition.composer import Composition
from services.composition.order_book import KnownOrder, elapsed_columns_of
from services.core.context import in_thread
from services.core.errors import ServiceError
from services.estimation.results import STATUSES
from services.estimation.rows import RequestRows
from services.estimation.shared_features import RowGroups
from services.handlers.handler import Dependencies, Handler
from services.handlers.rounding import add_seconds, quantiles, round_probabilities, round_to_eighths
from services.schemas.eta import EtaAnswer, EtaReasons, EtaRequest
from services.schemas.request_times import moment_of

__all__ = ["OrderEta", "rows_of"]

logger = logging.getLogger("doorstep.services")

Explain = Callable[[KnownOrder, Composition, datetime], EtaReasons]
"""Says in words and seconds what an ETA is made of."""


NOT_EXPLAINED = "it cannot be explained now"


class OrderEta(Handler):
    """Answers for one order.

    Args:
        needs: what it shares with the other handlers.
        explain: explains an estimate; None: nobody can.
    """

    logged_as = "eta"

    def __init__(self, needs: Dependencies, *, explain: Explain | None = None) -> None:
        super().__init__(needs)
        self._explain = explain

    async def answer(self, request: EtaRequest, *, request_id: str) -> EtaAnswer:
        """Answer one request.

        Raises:
            InvalidRequest: a fact or an event that no order has, or a value that cannot be.
            UnknownOrder: nobody knows the order, and nothing is said of it.
        """
        as_of = moment_of(request.as_of, self._clock)
        as_of_us = moment_to_us(as_of, "as_of")
        self._orders.vocabulary.check(request.order, "order")
        order, rows = await self._orders.find(
            [request.order_id],
            as_of_us,
            partial(self._look, request, as_of_us),
            self._composer.parts(OPEN_STAGES),
        )
        answer = _nothing_yet(order, as_of, request_id)
        if order.stage not in OPEN_STAGES:
            return _ended(answer, order)
        if order.stale:
            answer.status, answer.notes = "degraded", [*order.notes, order.stale]
            self._metrics.count_answer(answer.status)
            return answer
        composition = await self._composer.compose(rows[0])
        self._fill(answer, order, composition, request.levels)
        if request.explain:
            await self._explained(answer, order, composition)
        self._metrics.count_answer(answer.status)
        self._write_log(answer, order)
        return answer

    def _look(
        self, request: EtaRequest, as_of_us: int, samples: Sequence[Sample | None] | None
    ) -> tuple[KnownOrder, RowGroups]:
        """Return the known order, and its row if something is left to estimate."""
        order = self._orders.known(
            request.order_id,
            None if samples is None else samples[0],
            request.order,
            request.happened,
            as_of_us,
            was_read=samples is not None,
        )
        if order.stage not in OPEN_STAGES or order.stale:
            return order, ()
        return order, (rows_of([order], as_of_us),)

    def _fill(
        self,
        answer: EtaAnswer,
        order: KnownOrder,
        composition: Composition,
        levels: list[float],
    ) -> None:
        """Write the estimate into the answer."""
        expected_eta_s = composition.expected_eta_s[0].item()
        answer.status = STATUSES[composition.codes[0]]
        answer.expected_eta_s = expected_eta_s
        answer.expected_at = add_seconds(answer.as_of, expected_eta_s)
        answer.expected_s = {name: composition.expected_s[name][0].item() for name in SHOWN_PARTS}
        answer.eta_s = _first(quantiles(composition.distribution, levels))
        pending = pending_at(order.stage)
        if "to_store" in pending:
            answer.at_store_s = _first(quantiles(composition.at_store, levels))
            answer.food_wait_s = round_to_eighths(composition.food_wait_s)[0].item()
        if "to_store" in pending or "ready" in pending:
            answer.ready_on_arrival = round_probabilities(composition.ready_on_arrival)[0].item()
            answer.courier_wait_s = round_to_eighths(composition.courier_wait_s)[0].item()
        answer.models = {"eta": self._model, **composition.models}
        answer.notes = composition.notes_of(0)

    async def _explained(
        self, answer: EtaAnswer, order: KnownOrder, composition: Composition
    ) -> None:
        """Write the explanation into the answer; if it fails, answer without it."""
        if self._explain is None:
            answer.notes = [*answer.notes, NOT_EXPLAINED]
            return
        try:
            answer.explanation = await in_thread(
                self._threads, self._explain, order, composition, answer.as_of
            )
        except (AggregatorError, EstimatorError, ServiceError) as error:
            logger.error("the ETA of %r cannot be explained: %s", order.order_id, error)
            answer.notes = [*answer.notes, NOT_EXPLAINED]
        except Exception:  # whatever it is, the estimate is there
            logger.exception("the ETA of %r cannot be explained", order.order_id)
            answer.notes = [*answer.notes, NOT_EXPLAINED]

    def _write_log(self, answer: EtaAnswer, order: KnownOrder) -> None:
        if not self._log.is_open:
            return
        assert answer.expected_eta_s is not None
        assert answer.eta_s is not None
        self._log.add(
            request_id=answer.request_id,
            row=0,
            order_id=order.order_id,
            as_of=answer.as_of,
            status=answer.status,
            notes=answer.notes,
            order=order.facts,
            mean_s=answer.expected_eta_s,
            quantiles_s={float(level): s for level, s in answer.eta_s.items()},
        )


def rows_of(orders: Sequence[KnownOrder], as_of_us: int) -> RequestRows:
    """Return orders in open stages as rows."""
    names = dict.fromkeys(name for one in orders for name in one.facts)
    columns: dict[str, Any] = {name: [one.facts.get(name) for one in orders] for name in names}
    columns.update(elapsed_columns_of([one.happened_us for one in orders], as_of_us))
    return RequestRows(
        columns=columns,
        sample_ids=[one.sample_id for one in orders],
        as_of_us=np.full(len(orders), as_of_us, np.int64),
        stages=np.array([one.stage for one in orders], dtype=np.str_),
        notes={row: one.notes for row, one in enumerate(orders) if one.notes},
    )


def _nothing_yet(order: KnownOrder, as_of: datetime, request_id: str) -> EtaAnswer:
    return EtaAnswer(
        request_id=request_id,
        status="ok",
        as_of=as_of,
        order_id=order.order_id,
        stage=order.stage,
        expected_eta_s=None,
        expected_at=None,
        expected_s=None,
        eta_s=None,
        at_store_s=None,
        ready_on_arrival=None,
        courier_wait_s=None,
        food_wait_s=None,
        happened={name: from_us(us) for name, us in order.happened_us.items()},
        models={},
    )


def _ended(answer: EtaAnswer, order: KnownOrder) -> EtaAnswer:
    """Return the answer for an order that has ended."""
    answer.ended_at = from_us(order.happened_us[order.stage])
    answer.notes = [f"the order is {order.stage}: there is nothing to estimate"]
    return answer


def _first(columns: dict[str, list[float]]) -> dict[str, float]:
    return {name: values[0] for name, values in columns.items()}

"""Answer when couriers arrive at a store: estimates before the arrival, facts afterwards.

Knows nothing of HTTP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec

from aggregators.stores.reading import Sample
from aggregators.times import from_us, moment_to_us
from estimators.core.stages import OPEN_STAGES
from services.composition.composer import Composition
from services.composition.order_book import KnownOrder
from services.core.errors import InvalidRequest
from services.estimation.results import STATUSES
from services.estimation.shared_features import RowGroups
from services.handlers.handler import Handler
from services.handlers.order_eta import rows_of
from services.handlers.rounding import add_seconds, quantiles, round_probabilities, round_to_eighths
from services.schemas.common import ModelInfo, Problem
from services.schemas.decoding import decode
from services.schemas.eta import (
    ArrivalAnswer,
    ArrivalRow,
    ArrivalRowAnswer,
    CourierArrivalAnswer,
    CourierArrivalRequest,
    CourierState,
)
from services.schemas.request_times import moment_of

__all__ = ["CourierArrival"]

_MEETING = ("to_store", "ready")
"""The parts that say when courier and order are at the store."""

_FOOD_READY = frozenset(("ready", "picked_up", "courier_at_customer", "delivered"))
_CAME = ("courier_at_store", "picked_up", "courier_at_customer", "delivered")
"""Events that say the courier has been at the store; the first of them says when."""


class CourierArrival(Handler):
    """Answers for the orders of a store."""

    logged_as = "eta/courier_arrival"

    async def answer(
        self, request: CourierArrivalRequest, *, request_id: str
    ) -> CourierArrivalAnswer:
        """Answer many orders. An order without an answer has a reason and affects no other."""
        as_of = moment_of(request.as_of, self._clock)
        as_of_us = moment_to_us(as_of, "as_of")
        asked, problems = self._decoded(request.orders)
        (known, unknown), rows = await self._orders.find(
            [row.order_id for row in asked.values()],
            as_of_us,
            partial(self._look, asked, as_of_us),
            self._composer.parts(OPEN_STAGES, _MEETING),
        )
        answers = [ArrivalRowAnswer(row=row) for row in range(len(request.orders))]
        for row, error in (problems | unknown).items():
            answers[row].problem = _problem(error, request_id)
        coming: list[tuple[ArrivalAnswer, KnownOrder]] = []
        for row, order in known.items():
            answer = answers[row].answer = _facts(order)
            if order.stale and answer.courier not in ("delivered", "cancelled"):
                answer.status = "degraded"
                answer.notes.append(order.stale)
                self._metrics.count_answer(answer.status)
            elif _is_coming(order):
                coming.append((answer, order))
        models: dict[str, ModelInfo] = {}
        if coming:
            composition = await self._composer.compose(rows[0], only=_MEETING)
            _fill([answer for answer, _ in coming], composition, as_of, request.levels)
            models = {"eta": self._model, **composition.models}
            self._write_log(coming, request, as_of, request_id)
        refused = len(answers) - len(known)
        if refused:
            self._metrics.count_answers("refused", refused)
        for status, count in Counter(answer.status for answer, _ in coming).items():
            self._metrics.count_answers(status, count)
        return CourierArrivalAnswer(
            request_id=request_id, as_of=as_of, refused=refused, rows=answers, models=models
        )

    def _decoded(
        self, raws: Sequence[msgspec.Raw]
    ) -> tuple[dict[int, ArrivalRow], dict[int, InvalidRequest]]:
        """Return the decoded rows, and the problems by row."""
        asked: dict[int, ArrivalRow] = {}
        problems: dict[int, InvalidRequest] = {}
        for i, raw in enumerate(raws):
            try:
                row = decode(raw, ArrivalRow)
                self._orders.vocabulary.check(row.order, "order")
                asked[i] = row
            except InvalidRequest as error:
                problems[i] = error
        return asked, problems

    def _look(
        self,
        asked: Mapping[int, ArrivalRow],
        as_of_us: int,
        samples: Sequence[Sample | None] | None,
    ) -> tuple[tuple[dict[int, KnownOrder], dict[int, InvalidRequest]], RowGroups]:
        """Return what is known of each order, or why nothing is, and the rows of those to come."""
        known: dict[int, KnownOrder] = {}
        problems: dict[int, InvalidRequest] = {}
        for k, (i, row) in enumerate(asked.items()):
            try:
                known[i] = self._known_one(row, samples, k, as_of_us)
            except InvalidRequest as error:
                problems[i] = error
        coming = [order for order in known.values() if _is_coming(order)]
        return (known, problems), ((rows_of(coming, as_of_us),) if coming else ())

    def _known_one(
        self, row: ArrivalRow, samples: Sequence[Sample | None] | None, k: int, as_of_us: int
    ) -> KnownOrder:
        sample = None if samples is None else samples[k]
        return self._orders.known(
            row.order_id, sample, row.order, row.happened, as_of_us, was_read=samples is not None
        )

    def _write_log(
        self,
        coming: Sequence[tuple[ArrivalAnswer, KnownOrder]],
        request: CourierArrivalRequest,
        as_of: datetime,
        request_id: str,
    ) -> None:
        if not self._log.is_open:
            return
        for row, (answer, order) in enumerate(coming):
            assert answer.expected_in_s is not None
            assert answer.arrival_s is not None
            self._log.add(
                request_id=request_id,
                row=row,
                order_id=order.order_id,
                as_of=as_of,
                status=answer.status,
                notes=answer.notes,
                order=order.facts,
                mean_s=answer.expected_in_s,
                quantiles_s=dict(zip(request.levels, answer.arrival_s.values(), strict=True)),
            )


def _facts(order: KnownOrder) -> ArrivalAnswer:
    """Return the known facts about the courier of an order."""
    assert order.order_id is not None, "orders of a store have ids"
    happened = order.happened_us
    courier = _courier_of(order)
    answer = ArrivalAnswer(
        order_id=order.order_id,
        courier=courier,
        status="ok",
        food_ready=not _FOOD_READY.isdisjoint(happened),
        notes=list(order.notes),
    )
    arrived = [happened[event] for event in _CAME if event in happened]
    if arrived:
        answer.arrived_at = from_us(arrived[0])
        if "courier_at_store" not in happened:
            answer.notes.append("nobody recorded when the courier came; it was then at the latest")
    if courier == "cancelled":
        answer.notes.append("the order is cancelled: no courier comes for it")
    return answer


def _is_coming(order: KnownOrder) -> bool:
    """Return whether a courier is expected, as far as the events show."""
    if order.stale:
        return False
    return order.stage in OPEN_STAGES and _courier_of(order) in ("not_assigned", "on_the_way")


def _courier_of(order: KnownOrder) -> CourierState:
    stage = order.stage
    if stage == "delivered":
        return "delivered"
    if stage == "cancelled":
        return "cancelled"
    if stage in ("picked_up", "courier_at_customer"):
        return "picked_up"
    if stage in ("courier_at_store", "both_at_store"):
        return "at_store"
    assert stage in OPEN_STAGES, stage
    return "on_the_way" if "courier_assigned" in order.happened_us else "not_assigned"


def _fill(
    answers: Sequence[ArrivalAnswer],
    composition: Composition,
    as_of: datetime,
    levels: Sequence[float],
) -> None:
    """Write the estimates into the answers."""
    expected_s = round_to_eighths(composition.at_store.mean()).tolist()
    arrival_s = quantiles(composition.at_store, levels)
    ready = round_probabilities(composition.ready_on_arrival).tolist()
    wait_s = round_to_eighths(composition.courier_wait_s).tolist()
    for row, answer in enumerate(answers):
        answer.status = STATUSES[composition.codes[row]]
        answer.notes = composition.notes_of(row)
        answer.expected_in_s = expected_s[row]
        answer.expected_at = add_seconds(as_of, expected_s[row])
        answer.arrival_s = {level: seconds[row] for level, seconds in arrival_s.items()}
        answer.arrival_at = {level: add_seconds(as_of, s) for level, s in answer.arrival_s.items()}
        answer.ready_on_arrival = ready[row]
        answer.courier_wait_s = wait_s[row]


def _problem(error: InvalidRequest, request_id: str) -> Problem:
    return Problem(error=error.error, field=error.field, reason=error.reason, request_id=request_id)

"""Answer which courier should take which order: estimate each pair as if assigned now.

Knows nothing of HTTP. Orders are looked up once; what does not depend on the courier is estimated
once per order, the rest once per pair, a few thousand pairs at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import numpy as np

from aggregators.stores.reading import Sample
from aggregators.times import moment_to_us
from estimators.core.typing import IntArray
from services.core.context import in_thread
from services.estimation.shared_features import RowGroups
from services.handlers.candidates import CANDIDATE_STAGES, Candidates, candidates_of
from services.handlers.handler import Handler
from services.handlers.pair_cost import CostWeights
from services.handlers.ranked_pairs import Selection
from services.schemas.courier_selection import CourierSelectionAnswer, CourierSelectionRequest
from services.schemas.request_times import moment_of

__all__ = ["CHUNK_PAIRS", "FEW_PAIRS", "CourierSelection", "n_pairs_of"]


T = TypeVar("T")

FEW_PAIRS = 512
"""So many pairs take a millisecond or two: handing them to a thread would cost as much."""

CHUNK_PAIRS = 4_096
"""Pairs that are estimated together; others have their turn in between."""


class CourierSelection(Handler):
    """Answers which courier should take which order."""

    logged_as = "eta/courier_selection"

    async def answer(
        self, request: CourierSelectionRequest, *, request_id: str
    ) -> CourierSelectionAnswer:
        """Answer one request.

        Raises:
            InvalidRequest: columns of other lengths, of unknown names, or too many pairs.
        """
        as_of = moment_of(request.as_of, self._clock)
        given = request.weights
        weights = CostWeights(
            courier_wait=given.courier_wait,
            food_wait=given.food_wait,
            eta=given.eta,
            lateness=given.lateness,
        )
        parts = self._composer.parts(CANDIDATE_STAGES)
        (candidates, chunks), groups = await self._orders.find(
            request.orders.order_id,
            moment_to_us(as_of, "as_of"),
            partial(self._look, request, as_of),
            parts,
        )
        selection = Selection(candidates, weights, request.levels)
        for k, pairs in enumerate(chunks):
            if k:
                chunk = candidates.rows.take(pairs), candidates.order_rows
                groups = await self._orders.with_features(chunk, parts)
            rows, orders = groups
            composition = await self._composer.compose(
                rows, orders=orders, order_of=candidates.order[pairs]
            )
            await self._do(len(pairs), selection.take, pairs, composition)
        answer = await self._do(len(candidates), selection.answer, request.top, as_of, request_id)
        answer.models["eta"] = self._model
        for status, count in selection.counts().items():
            self._metrics.count_answers(status, count)
        self._write_log(selection, as_of, request_id)
        return answer

    def _look(
        self,
        request: CourierSelectionRequest,
        as_of: datetime,
        samples: Sequence[Sample | None] | None,
    ) -> tuple[tuple[Candidates, list[IntArray]], RowGroups]:
        """Return the pairs, in chunks, and the rows of the first chunk with their orders."""
        candidates = candidates_of(request, self._orders, samples, as_of)
        chunks = list(_chunks(candidates))
        if not chunks:
            return (candidates, chunks), ()
        return (candidates, chunks), (candidates.rows.take(chunks[0]), candidates.order_rows)

    async def _do(self, n_pairs: int, function: Callable[..., T], *arguments: Any) -> T:
        """Process pairs: few of them in the event loop, many in a thread."""
        if n_pairs <= FEW_PAIRS:
            return function(*arguments)
        return await in_thread(self._threads, function, *arguments)

    def _write_log(self, selection: Selection, as_of: datetime, request_id: str) -> None:
        if self._log.is_open:
            for best in selection.best():
                self._log.add(request_id=request_id, as_of=as_of, **best)


def n_pairs_of(request: CourierSelectionRequest) -> int:
    """Return the number of pairs in a request."""
    if request.pairs is not None:
        return len(request.pairs.order)
    return len(request.orders.order_id) * len(request.couriers.courier_id)


def _chunks(candidates: Candidates) -> Iterator[IntArray]:
    """Yield the pairs, a few thousand at a time, those of an order together where they fit."""
    order_of = candidates.order
    sequence = np.argsort(order_of, kind="stable")
    ends = np.flatnonzero(np.diff(order_of[sequence])) + 1
    start = 0
    while start < len(sequence):
        stop = start + CHUNK_PAIRS
        if stop < len(sequence):
            fitting = ends[(ends > start) & (ends <= stop)]
            stop = int(fitting[-1]) if len(fitting) else stop
        yield sequence[start:stop]
        start = stop

"""Collect the estimates of pairs chunk by chunk, then rank them as columns of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from estimators.core.typing import IntArray
from services.composition.composer import Composition
from services.core.limits import MAX_NOTES, MAX_PROBLEMS
from services.estimation.results import STATUSES, statuses_of
from services.handlers.candidates import Candidates
from services.handlers.pair_cost import CostWeights, cost_s, ranks
from services.handlers.rounding import round_probabilities, round_to_eighths
from services.schemas.common import ModelInfo, Status
from services.schemas.courier_selection import (
    CourierSelectionAnswer,
    RankedPairs,
    SelectionOrders,
    SelectionProblem,
)

__all__ = ["Selection"]


_COLUMNS = ("cost", "ready_on_arrival", "courier_wait_s", "food_wait_s", "expected_eta_s")


class Selection:
    """The estimates of a request's pairs.

    Args:
        candidates: the pairs.
        weights: of their costs.
        levels: of the quantiles that are answered.
    """

    def __init__(
        self, candidates: Candidates, weights: CostWeights, levels: Sequence[float]
    ) -> None:
        self._candidates = candidates
        self._weights = weights
        self._levels = list(levels)
        n = len(candidates)
        self._values = {name: np.empty(n) for name in _COLUMNS}
        self._at_store_s = np.empty((len(self._levels), n))
        self._eta_s = np.empty((len(self._levels), n))
        self._codes = np.zeros(n, dtype=np.int8)
        self._notes: dict[int, list[str]] = {}
        self._models: dict[str, ModelInfo] = {}
        self._ranks: IntArray | None = None

    def take(self, pairs: IntArray, composition: Composition) -> None:
        """Take the estimates of some pairs."""
        candidates = self._candidates
        promised_s = candidates.promised_s
        if promised_s is not None:
            promised_s = promised_s[candidates.order[pairs]]
        # What is answered is what is ranked: ties and costs can be followed from the answer.
        values = self._values
        values["cost"][pairs] = round_to_eighths(cost_s(composition, self._weights, promised_s))
        values["ready_on_arrival"][pairs] = round_probabilities(composition.ready_on_arrival)
        values["courier_wait_s"][pairs] = round_to_eighths(composition.courier_wait_s)
        values["food_wait_s"][pairs] = round_to_eighths(composition.food_wait_s)
        values["expected_eta_s"][pairs] = composition.expected_eta_s
        for k, level in enumerate(self._levels):
            self._at_store_s[k, pairs] = round_to_eighths(composition.at_store.quantile(level))
            self._eta_s[k, pairs] = round_to_eighths(composition.distribution.quantile(level))
        self._codes[pairs] = composition.codes
        self._models.update(composition.models)
        orders = candidates.order[pairs]
        for row, notes in composition.notes.items():
            known = self._notes.setdefault(int(orders[row]), [])
            if len(known) < MAX_NOTES:
                known.extend(one for one in notes if one not in known)

    def counts(self) -> dict[str, int]:
        """Return the number of pairs by status; refused pairs count as ``refused``."""
        of_code = np.bincount(self._codes, minlength=len(STATUSES)).tolist()
        counts: dict[str, int] = {s: n for s, n in zip(STATUSES, of_code, strict=True) if n}
        refused = self._candidates.refused
        if refused:
            counts["refused"] = refused
        return counts

    def answer(self, top: int | None, as_of: datetime, request_id: str) -> CourierSelectionAnswer:
        """Return the answer after all pairs have been taken."""
        rank = self._ranked()
        shown = np.arange(len(rank))
        if top is not None:
            shown = np.flatnonzero(rank <= top)
            shown = shown[np.lexsort((rank[shown], self._candidates.order[shown]))]
        return CourierSelectionAnswer(
            request_id=request_id,
            as_of=as_of,
            orders=self._orders(rank),
            pairs=self._pairs(shown, rank),
            refused=self._candidates.refused,
            problems=self._problems(),
            models=dict(self._models),
        )

    def best(self) -> Iterator[dict[str, Any]]:
        """Yield the best pair of each order, for the log of predictions."""
        rank, candidates = self._ranked(), self._candidates
        for pair in np.flatnonzero(rank == 1).tolist():
            place, courier = int(candidates.order[pair]), int(candidates.courier[pair])
            order = candidates.orders[place]
            assert order is not None, "refused orders have no pairs"
            of_courier = {k: column[courier] for k, column in candidates.courier_columns.items()}
            yield {
                "row": place,
                "order_id": order.order_id,
                "status": STATUSES[self._codes[pair]],
                "notes": self._notes.get(place, []),
                "order": {**order.facts, **of_courier},
                "mean_s": self._values["expected_eta_s"][pair].item(),
                "quantiles_s": dict(zip(self._levels, self._eta_s[:, pair].tolist(), strict=True)),
            }

    def _ranked(self) -> IntArray:
        if self._ranks is None:
            candidates = self._candidates
            self._ranks = ranks(self._values["cost"], candidates.order, candidates.courier)
        return self._ranks

    def _pairs(self, shown: IntArray, rank: IntArray) -> RankedPairs:
        candidates = self._candidates
        values = {name: column[shown].tolist() for name, column in self._values.items()}
        names = [repr(level) for level in self._levels]
        at_store_s, eta_s = (grid[:, shown].tolist() for grid in (self._at_store_s, self._eta_s))
        return RankedPairs(
            order=candidates.order[shown].tolist(),
            courier=candidates.courier[shown].tolist(),
            rank=rank[shown].tolist(),
            cost=values["cost"],
            status=statuses_of(self._codes[shown]),
            at_store_s=dict(zip(names, at_store_s, strict=True)),
            ready_on_arrival=values["ready_on_arrival"],
            courier_wait_s=values["courier_wait_s"],
            food_wait_s=values["food_wait_s"],
            expected_eta_s=values["expected_eta_s"],
            eta_s=dict(zip(names, eta_s, strict=True)),
        )

    def _orders(self, rank: IntArray) -> SelectionOrders:
        candidates = self._candidates
        n = len(candidates.orders)
        worst = np.full(n, -1)
        np.maximum.at(worst, candidates.order, self._codes)
        best: list[int | None] = [None] * n
        first = rank == 1
        for place, courier in zip(
            candidates.order[first].tolist(), candidates.courier[first].tolist(), strict=True
        ):
            best[place] = courier
        status: list[Status | None] = [
            None if code < 0 else STATUSES[code] for code in worst.tolist()
        ]
        return SelectionOrders(
            order_id=list(candidates.order_ids),
            stage=[None if one is None else one.stage for one in candidates.orders],
            candidates=np.bincount(candidates.order, minlength=n).tolist(),
            best_courier=best,
            status=status,
            notes=[self._notes.get(place, []) for place in range(n)],
        )

    def _problems(self) -> list[SelectionProblem]:
        problems = [
            SelectionProblem(kind=kind, row=row, field=error.field, reason=error.reason)
            for kind, errors in self._candidates.errors.items()
            for row, error in sorted(errors.items())
        ]
        return problems[:MAX_PROBLEMS]

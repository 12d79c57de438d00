"""Assign couriers in the demo, with the answers of the routing engine's endpoint.

In each round it asks about all orders that wait and the couriers near them, and then

1. puts off an order that the courier who would be there first would have to wait for. Once the
   store's usual lead time is over, that must be nearly sure; before, an order is given only if it
   may well be ready by then. It is asked about again some seconds later;
2. matches the others with couriers at the least cost in all, as the service weighs the pairs, in
   comparison with the best pair of each order. Where couriers are short, older orders come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from commands.live_demo.city import DemoCity
from commands.live_demo.retrying_client import RetryingClient
from services.client import EtaClient
from services.schemas.courier_selection import (
    CourierColumns,
    CourierSelectionAnswer,
    CourierSelectionRequest,
    OrderColumns,
    PairColumns,
    SelectionWeights,
)
from simulator.dispatch import Round

if TYPE_CHECKING:
    from estimators.core.typing import BoolArray, FloatArray, IntArray

__all__ = ["Assignment", "Routing"]

LEVELS = [0.1, 0.5, 0.9]
MEDIAN = "0.5"
CANDIDATES = 6
"""Idle couriers who are looked at for an order: the nearest ones."""
READY_SHARE = 0.03
"""A courier is sent once the order is so likely to be ready on arrival, where the store's usual
lead time is over: that follows the store's own work, and tells something by itself."""
EARLY_SHARE = 0.35
"""Before that, a courier is sent if the order is so likely to be ready."""
PATIENCE = 0.2
"""Seconds of cost that a second since the order was placed makes up for."""
LOOK_AGAIN_SHARE, LOOK_AGAIN_MAX_S = 0.25, 20.0
"""An order that is put off is looked at again after this share of the courier's expected wait."""
NOT_ALLOWED = 1e6
"""Costs more than every allowed choice together."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A courier who was offered an order, and what was expected of the two."""

    order_id: str
    courier_id: str
    at: datetime
    candidates: int
    at_store_s: float
    ready_on_arrival: float
    courier_wait_s: float
    food_wait_s: float


class Routing:
    """A dispatcher that assigns couriers at the least total cost to orders that will be ready."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: RetryingClient) -> None:
        self._demo = demo
        self._client = client
        self._asked = asked
        self._again: dict[int, float] = {}
        self.chosen: list[Assignment] = []

    def decide(self) -> list[Assignment]:
        """Ask about all waiting orders and couriers, offer orders, and return the offers."""
        waiting = self._demo.running.round()
        now_s = waiting.as_of.timestamp()
        due = [self._again.get(int(order), 0.0) <= now_s for order in waiting.orders]
        rows = np.flatnonzero(np.array(due, dtype=np.bool_))
        if not len(rows) or not len(waiting.couriers):
            return []
        near, pairs_asked = _nearest(waiting, rows)
        answer = self._ask(waiting, rows, near, pairs_asked)
        for status, notes in zip(answer.orders.status, answer.orders.notes, strict=True):
            self._asked.note(status, notes)
        pairs = _Pairs.of(answer, len(rows), len(near))
        wanted = pairs.wanted(waiting.requested[rows])
        for row in np.flatnonzero(~wanted).tolist():
            pause_s = min(LOOK_AGAIN_SHARE * pairs.first_wait_s(row), LOOK_AGAIN_MAX_S)
            self._again[int(waiting.orders[rows[row]])] = now_s + pause_s
        age_s = now_s - self._demo.placed_s(waiting.orders[rows])
        places = pairs.matched(np.flatnonzero(wanted), age_s)
        found = [self._chosen(answer, waiting, near, place) for place in places]
        self._demo.running.offer(
            [
                (int(rows[answer.pairs.order[p]]), int(near[answer.pairs.courier[p]]))
                for p in places
            ],
            waiting,
        )
        self.chosen += found
        return found

    def _ask(
        self, waiting: Round, rows: IntArray, near: IntArray, pairs: PairColumns
    ) -> CourierSelectionAnswer:
        ids = [self._order_id(int(order)) for order in waiting.orders[rows]]
        couriers = [self._courier_id(waiting, int(place)) for place in near]
        facts = [self._demo.facts(order_id) for order_id in ids]
        request = CourierSelectionRequest(
            orders=OrderColumns(
                order_id=list(ids),
                facts={name: [one[name] for one in facts] for name in facts[0]},
            ),
            couriers=CourierColumns(
                courier_id=list(couriers),
                facts={"vehicle": [self._demo.vehicle(courier) for courier in couriers]},
            ),
            pairs=pairs,
            weights=SelectionWeights(courier_wait=0.0, food_wait=1.0, eta=1.0, lateness=0.0),
            levels=LEVELS,
            as_of=waiting.as_of,
        )
        return self._asked.ask(
            "/courier_selection",
            lambda: self._client.courier_selection(request),
            lambda answer: [note for notes in answer.orders.notes for note in notes],
        )

    def _chosen(
        self, answer: CourierSelectionAnswer, waiting: Round, near: IntArray, place: int
    ) -> Assignment:
        order, courier = answer.pairs.order[place], answer.pairs.courier[place]
        return Assignment(
            order_id=str(answer.orders.order_id[order]),
            courier_id=self._courier_id(waiting, int(near[courier])),
            at=answer.as_of,
            candidates=answer.orders.candidates[order],
            at_store_s=answer.pairs.at_store_s[MEDIAN][place],
            ready_on_arrival=answer.pairs.ready_on_arrival[place],
            courier_wait_s=answer.pairs.courier_wait_s[place],
            food_wait_s=answer.pairs.food_wait_s[place],
        )

    def _order_id(self, number: int) -> str:
        return f"{self._demo.city.name}-{number:07d}"

    def _courier_id(self, waiting: Round, place: int) -> str:
        return f"{self._demo.city.name}-c{int(waiting.couriers[place]):05d}"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pairs:
    """An answer's pairs as tables of shape (n_orders, n_couriers); NaN and -1: no such pair."""

    place: IntArray
    cost: FloatArray
    at_store_s: FloatArray
    ready: FloatArray
    wait_s: FloatArray

    @classmethod
    def of(cls, answer: CourierSelectionAnswer, n_orders: int, n_couriers: int) -> _Pairs:
        at = (np.array(answer.pairs.order, dtype=int), np.array(answer.pairs.courier, dtype=int))

        def table(values: Any, nothing: float) -> Any:
            found = np.full((n_orders, n_couriers), nothing)
            found[at] = values
            return found

        pairs = answer.pairs
        return cls(
            place=table(np.arange(len(pairs.cost)), -1).astype(np.int64),
            cost=table(pairs.cost, np.nan),
            at_store_s=table(pairs.at_store_s[MEDIAN], np.inf),
            ready=table(pairs.ready_on_arrival, 0.0),
            wait_s=table(pairs.courier_wait_s, 0.0),
        )

    def wanted(self, requested: BoolArray) -> BoolArray:
        """Return which orders are likely enough to be ready for the courier who comes first.

        Args:
            requested: whether the usual lead time of each order's store is over.
        """
        ready = self.ready[np.arange(len(self.ready)), self._first]
        return np.asarray(ready >= np.where(requested, READY_SHARE, EARLY_SHARE))

    def first_wait_s(self, row: int) -> float:
        """Return how long the courier who comes first would wait for an order."""
        return float(self.wait_s[row, self._first[row]])

    def matched(self, rows: IntArray, age_s: FloatArray) -> list[int]:
        """Return the places of pairs to offer; no order and no courier stands in two.

        Args:
            rows: the orders to match.
            age_s: of all orders, since they were placed.
        """
        cost = np.nan_to_num(self.cost[rows], nan=NOT_ALLOWED)
        if not len(rows):
            return []
        # The cost of an order with any courier must not decide which of two orders has to wait.
        cost -= cost.min(axis=1, keepdims=True) + PATIENCE * age_s[rows, np.newaxis]
        order, courier = linear_sum_assignment(cost)
        places = self.place[rows[order], courier]
        return [int(place) for place in places[places >= 0]]

    @property
    def _first(self) -> IntArray:
        return np.asarray(self.at_store_s.argmin(axis=1))


def _nearest(waiting: Round, rows: IntArray) -> tuple[IntArray, PairColumns]:
    """Return the couriers who are among the nearest of some order, and the pairs to ask about.

    Each order is asked about with its own nearest couriers alone. One from afar may cost no more
    where the kitchen is slow, but a long way is a less certain one.
    """
    n = min(CANDIDATES, len(waiting.couriers))
    of_order = np.argpartition(waiting.distance_m[rows], n - 1, axis=1)[:, :n]
    near, courier = np.unique(of_order, return_inverse=True)
    distance_m: list[float | None] = []
    distance_m += np.take_along_axis(waiting.distance_m[rows], of_order, axis=1).ravel().tolist()
    return near, PairColumns(
        order=np.repeat(np.arange(len(rows)), n).tolist(),
        courier=courier.ravel().tolist(),
        distance_to_store_m=distance_m,
    )

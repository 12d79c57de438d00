"""Who is sent in the demo, given what the service says of the pairs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from commands.live_demo.retrying_client import RetryingClient
from commands.live_demo.routing import (
    CANDIDATES,
    EARLY_SHARE,
    LOOK_AGAIN_MAX_S,
    READY_SHARE,
    Routing,
    _nearest,
)
from simulator.dispatch import Round

NOW = datetime(2026, 3, 12, 19, tzinfo=UTC)


class Client:
    """Says of every pair what the tables have, and keeps what it was asked."""

    def __init__(self, cost: Any, ready: Any) -> None:
        self.cost, self.ready = np.array(cost, float), np.array(ready, float)
        self.asked: list[list[str]] = []

    def courier_selection(self, request: Any) -> Any:
        ids = request.orders.order_id
        self.asked.append(list(ids))
        order, courier = np.divmod(np.arange(self.cost.size), self.cost.shape[1])
        n = len(order)
        pairs = SimpleNamespace(
            order=order.tolist(), courier=courier.tolist(), cost=self.cost.ravel().tolist(),
            at_store_s={"0.5": self.cost.ravel().tolist()},
            ready_on_arrival=self.ready.ravel().tolist(),
            courier_wait_s=[1_000.0] * n, food_wait_s=[0.0] * n,
        )  # fmt: skip
        orders = SimpleNamespace(
            order_id=ids, status=["ok"] * len(ids), notes=[[]] * len(ids),
            candidates=[self.cost.shape[1]] * len(ids),
        )  # fmt: skip
        return SimpleNamespace(orders=orders, pairs=pairs, as_of=request.as_of)


class City:
    """Orders that wait, placed at the same time unless it says otherwise."""

    def __init__(self, requested: Sequence[bool], couriers: int, age_s: Sequence[float]) -> None:
        n = len(requested)
        self.offered: list[tuple[int, int]] = []
        self.city = SimpleNamespace(name="BCN")
        self.age_s = np.array(age_s)
        self.running = SimpleNamespace(
            round=lambda: Round(
                as_of=NOW, orders=np.arange(n), requested=np.array(requested),
                couriers=np.arange(couriers), idle_s=np.zeros(couriers),
                distance_m=np.ones((n, couriers)),
            ),
            offer=lambda pairs, _: self.offered.extend(pairs),
        )  # fmt: skip

    def facts(self, _order_id: str) -> dict[str, Any]:
        return {"store_id": "s1"}

    def vehicle(self, _courier_id: str) -> str:
        return "bike"

    def placed_s(self, orders: Any) -> Any:
        return NOW.timestamp() - self.age_s[orders]


def sent(
    cost: Any, ready: Any, requested: Sequence[bool], age_s: Sequence[float] = (0.0, 0.0)
) -> list[tuple[int, int]]:
    city = City(requested, len(cost[0]), age_s)
    Routing(cast(Any, city), cast(Any, Client(cost, ready)), RetryingClient()).decide()
    return sorted(city.offered)


SURE = [[0.9, 0.9], [0.9, 0.9]]


def test_all_together_cost_least() -> None:
    """The first order leaves its best courier to the one that has no other good one."""
    assert sent([[100.0, 110.0], [100.0, 900.0]], SURE, [True, True]) == [(0, 1), (1, 0)]


def test_an_order_that_will_not_be_ready_is_put_off() -> None:
    unlikely = [[0.9, 0.9], [READY_SHARE / 2.0] * 2]
    cost = [[100.0, 110.0], [100.0, 900.0]]
    assert sent(cost, unlikely, [True, True]) == [(0, 0)]
    perhaps = [[0.9, 0.9], [EARLY_SHARE - 0.1] * 2]
    assert sent(cost, perhaps, [True, True]) == [(0, 1), (1, 0)]
    assert sent(cost, perhaps, [True, False]) == [(0, 0)], "its lead time is not over"
    assert sent(cost, SURE, [False, False]) == [(0, 1), (1, 0)]


def test_who_is_put_off_is_not_asked_about_at_once() -> None:
    city = City([True], 1, [0.0])
    client = Client([[100.0]], [[0.0]])
    routing = Routing(cast(Any, city), cast(Any, client), RetryingClient())
    assert routing.decide() == []
    assert routing.decide() == []
    assert client.asked == [["BCN-0000000"]]
    later = NOW.fromtimestamp(NOW.timestamp() + LOOK_AGAIN_MAX_S, UTC)
    before = city.running.round()
    city.running.round = lambda: SimpleNamespace(**{**vars(before), "as_of": later})
    routing.decide()
    assert len(client.asked) == 2


def test_where_couriers_are_short_the_older_order_comes_first() -> None:
    cost, ready = [[500.0], [100.0]], [[0.9], [0.9]]
    assert sent(cost, ready, [True, True], [900.0, 0.0]) == [(0, 0)]
    assert sent(cost, ready, [True, True], [0.0, 900.0]) == [(1, 0)]


def test_each_order_is_asked_about_with_its_own_nearest_couriers() -> None:
    distance_m = np.array([np.arange(20.0), np.arange(20.0)[::-1]])
    waiting = Round(
        as_of=NOW, orders=np.arange(2), requested=np.array([True, True]),
        couriers=np.arange(20), idle_s=np.zeros(20), distance_m=distance_m,
    )  # fmt: skip
    near, pairs = _nearest(waiting, np.array([0, 1]))
    assert near.tolist() == [*range(CANDIDATES), *range(20 - CANDIDATES, 20)]
    for order, courier, asked_m in zip(
        pairs.order, pairs.courier, pairs.distance_to_store_m or [], strict=True
    ):
        assert distance_m[order, near[courier]] == asked_m
        assert asked_m is not None
        assert asked_m < CANDIDATES
    assert len(pairs.order) == 2 * CANDIDATES
    one, _ = _nearest(waiting, np.array([1]))
    assert one.tolist() == [*range(20 - CANDIDATES, 20)]

"""The choice of a courier: every pair as if assigned now, ranked, and each bad row on its own.

Tests `services.handlers.ranked_pairs`.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from services.core.errors import InvalidRequest
from services.core.limits import MAX_COURIERS, MAX_ORDERS
from services.handlers import courier_selection
from services.handlers.courier_selection import FEW_PAIRS
from services.handlers.ranked_pairs import Selection
from services.schemas.courier_selection import CourierSelectionAnswer, CourierSelectionRequest
from services.schemas.decoding import decode
from services.schemas.eta import EtaRequest
from tests.services import fake_parts
from tests.services.building import NOON, at
from tests.services.fake_parts import City, elapsed_of, run

WEIGHTS = ("courier_wait", "food_wait", "eta", "lateness")
FACTS = {"store_id": ["s-1", "s-2"], "products": [2, 4], "distance_m": [1_000.0, 3_000.0]}


def request(**changes: Any) -> CourierSelectionRequest:
    """Two orders that nobody recorded, three couriers, all pairs."""
    body: dict[str, Any] = {
        "orders": {"order_id": [None, None], "facts": FACTS},
        "couriers": {"courier_id": ["c-1", "c-2", "c-3"], "facts": {"vehicle": ["bike"] * 3}},
        "distance_to_store_m": [[100.0, 900.0, 2_500.0], [2_000.0, 50.0, 1_200.0]],
        "levels": [0.1, 0.5, 0.9],
    }
    return decode(msgspec.json.encode({**body, **changes}), CourierSelectionRequest)


def answer_of(asked: CourierSelectionRequest, city: City | None = None) -> CourierSelectionAnswer:
    return run((city or City()).selection.answer(asked, request_id="r"))


def test_every_pair_is_what_the_eta_of_that_order_with_that_courier_is() -> None:
    city = City()
    city.happens("o-1", "activated", at(-6), store_id="s-1", products=2, distance_m=1_000.0)
    city.happens("o-1", "accepted", at(-4))
    found = answer_of(
        request(orders={"order_id": ["o-1", None], "facts": {"products": [None, 4]}}), city
    )
    for pair, (order, courier) in enumerate(
        zip(found.pairs.order, found.pairs.courier, strict=True)
    ):
        asked = EtaRequest(
            order_id=["o-1", None][order],
            order={
                "products": [2, 4][order],
                "courier_id": f"c-{courier + 1}",
                "vehicle": "bike",
                "distance_to_store_m": request().distance_to_store_m[order][courier],  # type: ignore[index]
            },
            happened={"courier_assigned": NOON - timedelta(seconds=1)},
        )
        alone = run(city.eta.answer(asked, request_id="r"))
        assert alone.expected_eta_s == found.pairs.expected_eta_s[pair]
        assert alone.eta_s == {name: column[pair] for name, column in found.pairs.eta_s.items()}
        assert alone.at_store_s == {k: column[pair] for k, column in found.pairs.at_store_s.items()}
        assert alone.ready_on_arrival == found.pairs.ready_on_arrival[pair]
        assert alone.courier_wait_s == found.pairs.courier_wait_s[pair]
        assert alone.food_wait_s == found.pairs.food_wait_s[pair]


def test_what_does_not_depend_on_the_courier_is_asked_once_per_order() -> None:
    city = City()
    answer_of(request(), city)
    (asked,) = city.parts.asked
    assert {part: len(rows.sample_ids) for part, rows in asked.items()} == {
        "ready": 2,
        "conditions": 2,
        "to_store": 6,
        "to_customer": 6,
        "parking": 6,
    }


def test_a_courier_of_the_past_says_nothing_of_a_candidate() -> None:
    city = City()
    city.happens("o-1", "activated", at(-9), store_id="s-1", products=2)
    city.happens("o-1", "courier_assigned", at(-5), courier_id="c-9", distance_to_store_m=5.0)
    city.happens("o-1", "courier_at_store", at(-1))
    found = answer_of(request(orders={"order_id": ["o-1", None]}), city)
    rows = city.parts.asked[0]["to_store"]
    assert elapsed_of(rows) == {"since_activated_s": 540.0, "since_courier_assigned_s": 1.0}
    assert list(rows.columns["courier_id"]) == ["c-1", "c-2", "c-3"] * 2
    assert list(rows.columns["distance_to_store_m"][:3]) == [100.0, 900.0, 2_500.0]
    assert found.orders.stage == ["courier_at_store", "not_placed"]


def test_ready_food_waits_and_a_slow_kitchen_lets_couriers_wait() -> None:
    city = City()
    city.happens("o-1", "activated", at(-9), store_id="s-1", products=2)
    city.happens("o-1", "ready", at(-1))
    found = answer_of(request(orders={"order_id": ["o-1", None], "facts": {}}), city).pairs
    assert found.ready_on_arrival[:3] == [1.0, 1.0, 1.0]
    assert found.courier_wait_s[:3] == [0.0, 0.0, 0.0]
    assert found.food_wait_s[0] == pytest.approx(45.0, abs=1.0)
    assert found.courier_wait_s[4] > 300.0


def test_weights_decide() -> None:
    def first(**weights: float) -> list[int | None]:
        return answer_of(request(weights=weights)).orders.best_courier

    only = dict.fromkeys(WEIGHTS, 0.0)
    assert first(**{**only, "food_wait": 1.0}) == [0, 1]
    assert first(**{**only, "courier_wait": 1.0}) == [2, 0]


def test_what_was_promised_counts() -> None:
    orders = {"order_id": [None, None], "facts": FACTS}
    promised = [(NOON + timedelta(minutes=3)).isoformat(), None]
    without = answer_of(request(orders=orders)).pairs
    late = answer_of(request(orders={**orders, "promised_at": promised})).pairs
    assert all(more > less for more, less in zip(late.cost[:3], without.cost[:3], strict=True))
    assert late.cost[3:] == without.cost[3:]


def test_top_gives_the_best_couriers_of_each_order_by_rank() -> None:
    whole, best = answer_of(request()), answer_of(request(top=2))
    assert best.pairs.order == [0, 0, 1, 1]
    assert best.pairs.rank == [1, 2, 1, 2]
    assert best.orders == whole.orders
    places = [
        next(k for k in range(6) if (whole.pairs.order[k], whole.pairs.rank[k]) == (order, rank))
        for order, rank in zip(best.pairs.order, best.pairs.rank, strict=True)
    ]
    assert best.pairs.cost == [whole.pairs.cost[k] for k in places]
    assert best.pairs.eta_s["0.9"] == [whole.pairs.eta_s["0.9"][k] for k in places]


def test_pairs_by_their_places_are_the_same_pairs() -> None:
    whole = answer_of(request()).pairs
    pairs = {"order": [1, 0], "courier": [2, 1], "distance_to_store_m": [1_200.0, 900.0]}
    some = answer_of(request(pairs=pairs, distance_to_store_m=None)).pairs
    assert some.expected_eta_s == [whole.expected_eta_s[5], whole.expected_eta_s[1]]
    assert some.rank == [1, 1]


def test_many_chunks_are_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    city, whole = City(), answer_of(request())
    monkeypatch.setattr("services.handlers.courier_selection.CHUNK_PAIRS", 2)
    chunked = answer_of(request(), city)
    assert len(city.parts.asked) > 2
    assert msgspec.json.encode(chunked) == msgspec.json.encode(whole)


def test_as_many_as_the_limit_allows() -> None:
    rng = np.random.default_rng(0)
    asked = request(
        orders={"order_id": [None] * MAX_ORDERS},
        couriers={"courier_id": [f"c-{k}" for k in range(MAX_COURIERS)]},
        distance_to_store_m=rng.integers(50, 4_000, (MAX_ORDERS, MAX_COURIERS)).tolist(),
        top=1,
    )
    city = City()
    found = answer_of(asked, city)
    assert found.orders.candidates == [MAX_COURIERS] * MAX_ORDERS
    assert city.counted("ok") == MAX_ORDERS * MAX_COURIERS
    assert len(city.log.rows) == MAX_ORDERS


def test_bad_rows_refuse_themselves_alone() -> None:
    city = City()
    city.happens("o-1", "activated", at(-9), store_id="s-1")
    city.happens("o-1", "picked_up", at(-1))
    found = answer_of(
        request(
            orders={
                "order_id": ["o-1", None, None],
                "facts": {"products": [1, "two", 3], "store_id": ["s-1", "s-1", "s-2"]},
            },
            couriers={"courier_id": ["c-1", "c-2"], "facts": {"vehicle": ["bike", True]}},
            pairs={
                "order": [0, 1, 2, 2, 2, 2, 7],
                "courier": [0, 0, 0, 1, 0, 9, 0],
                "distance_to_store_m": [1.0, 1.0, 10.0, 10.0, -3.0, 1.0, 1.0],
            },
            distance_to_store_m=None,
        ),
        city,
    )
    assert found.refused == 6
    assert (found.pairs.order, found.pairs.courier) == ([2], [0])
    assert found.orders.candidates == [0, 0, 1]
    assert found.orders.status == [None, None, "ok"]
    reasons = {(one.kind, one.row): f"{one.field}: {one.reason}" for one in found.problems}
    assert "is picked_up already" in reasons["order", 0]
    assert reasons["order", 1].startswith("orders.facts.products[1]: expected a number")
    assert reasons["courier", 1].startswith("couriers.facts.vehicle[1]: expected a string")
    assert "metres" in reasons["pair", 4]
    assert reasons["pair", 5].startswith("pairs.courier[5]: there is no courier")
    assert reasons["pair", 6].startswith("pairs.order[6]: there is no order")
    assert city.counted("refused") == 6


def test_nothing_to_choose_from_is_an_answer() -> None:
    city = City()
    city.happens("o-1", "cancelled", at(-1))
    found = answer_of(
        request(orders={"order_id": ["o-1"]}, distance_to_store_m=[[1.0, 2.0, 3.0]]), city
    )
    assert found.pairs.order == []
    assert found.orders.best_courier == [None]
    assert found.refused == 3


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orders": {"order_id": [None], "facts": {"prodcts": [1]}}}, "orders.facts.prodcts"),
        ({"orders": {"order_id": [None], "facts": {"products": [1, 2]}}}, "orders.facts.products"),
        ({"orders": {"order_id": [None], "promised_at": []}}, "orders.promised_at"),
        ({"distance_to_store_m": [[1.0] * 3]}, "distance_to_store_m"),
        ({"distance_to_store_m": [[1.0] * 3, [1.0]]}, "distance_to_store_m[1]"),
        ({"pairs": {"order": [0], "courier": [0]}}, "distance_to_store_m"),
        (
            {"pairs": {"order": [0], "courier": [0, 1]}, "distance_to_store_m": None},
            "pairs.courier",
        ),
        ({"weights": dict.fromkeys(WEIGHTS, 0.0)}, "weights"),
    ],
)
def test_columns_that_do_not_fit_refuse_the_request(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        answer_of(request(**changes))
    assert refusal.value.field == field


def test_a_store_that_is_down_is_said_of_every_order() -> None:
    city = City()
    city.event_store.is_down = True
    found = answer_of(request(orders={"order_id": ["o-1", None], "facts": FACTS}), city)
    assert found.orders.status == ["degraded", "ok"]
    assert "cannot be read now" in found.orders.notes[0][0]
    assert found.pairs.status == ["degraded"] * 3 + ["ok"] * 3
    assert city.counted("degraded") == 3


def test_a_part_that_fell_back_is_said_of_its_pairs() -> None:
    city = City()
    city.parts.statuses = {"to_store": "fallback", "ready": "degraded"}
    found = answer_of(request(), city)
    assert found.pairs.status == ["fallback"] * 6
    assert sorted(found.orders.notes[0]) == ["ready is not itself", "to_store is not itself"]


def test_the_best_pair_of_each_order_is_logged() -> None:
    city = City()
    found = answer_of(request(), city)
    assert [row.row for row in city.log.rows] == [0, 1]
    first = city.log.rows[0]
    best = found.orders.best_courier[0]
    assert first.order["courier_id"] == f"c-{best + 1}"  # type: ignore[operator]
    assert first.mean_s == found.pairs.expected_eta_s[best]  # type: ignore[index]
    assert first.request_id == "r"


def test_models_of_all_parts_are_named() -> None:
    assert set(answer_of(request()).models) == {"eta", *fake_parts.SECONDS} - {"direct"}


def test_pairs_are_not_made_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[str]] = {}

    def noting(name: str) -> Any:
        real = getattr(courier_selection, name)

        def call(*arguments: Any) -> Any:
            seen.setdefault(name, set()).add(threading.current_thread().name)
            return real(*arguments)

        return call

    monkeypatch.setattr(courier_selection, "candidates_of", noting("candidates_of"))
    taken: dict[int, str] = {}
    take = Selection.take

    def noted(selection: Selection, pairs: Any, composition: Any) -> None:
        taken[len(pairs)] = threading.current_thread().name
        take(selection, pairs, composition)

    monkeypatch.setattr(Selection, "take", noted)
    city = City()
    answer_of(request(), city)
    many = 2 * FEW_PAIRS
    asked = request(
        orders={"order_id": [None] * 4},
        couriers={"courier_id": [f"c-{k}" for k in range(many // 4)]},
        distance_to_store_m=None,
    )
    answer_of(asked, city)
    here = threading.current_thread().name
    assert here not in seen["candidates_of"]
    assert taken[6] == here, "a few take less time than handing them to a thread"
    assert taken[many] != here

"""What the choice of a courier takes and gives: columns, because there are many pairs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

from services.core.limits import MAX_COURIERS, MAX_ORDERS, MAX_PAIRS
from services.schemas.common import DEFAULT_LEVELS, Levels, ModelInfo, SampleId, Status, Time

__all__ = [
    "CourierColumns",
    "CourierSelectionAnswer",
    "CourierSelectionRequest",
    "OrderColumns",
    "PairColumns",
    "RankedPairs",
    "SelectionOrders",
    "SelectionProblem",
    "SelectionWeights",
]

Columns: TypeAlias = dict[str, list[Any]]
Place: TypeAlias = Annotated[int, Meta(ge=0)]
Weight: TypeAlias = Annotated[float, Meta(ge=0.0, le=1_000.0)]


class OrderColumns(Struct, kw_only=True, forbid_unknown_fields=True):
    """Orders that need a courier, one per place of every list.

    ``order_id`` is null where the event store does not know the order. ``facts`` has columns of
    the orders' source, such as ``store_id`` and ``distance_m``; of an order that the event store
    knows they may be left out, or null. ``promised_at`` is what the customer was promised.
    """

    order_id: Annotated[list[SampleId | None], Meta(min_length=1, max_length=MAX_ORDERS)]
    facts: Columns = field(default_factory=dict)
    promised_at: list[Time | None] | None = None


class CourierColumns(Struct, kw_only=True, forbid_unknown_fields=True):
    """Couriers who could take them; ``facts`` has columns such as ``vehicle``."""

    courier_id: Annotated[list[SampleId], Meta(min_length=1, max_length=MAX_COURIERS)]
    facts: Columns = field(default_factory=dict)


class PairColumns(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which courier could take which order: places in the lists of orders and couriers, from 0."""

    order: Annotated[list[Place], Meta(min_length=1, max_length=MAX_PAIRS)]
    courier: Annotated[list[Place], Meta(min_length=1, max_length=MAX_PAIRS)]
    distance_to_store_m: list[float | None] | None = None


class SelectionWeights(Struct, kw_only=True, forbid_unknown_fields=True):
    """What an expected second is worth; only the ratios decide who comes first.

    Of a courier who waits in the store, of ready food that waits for its courier, until delivery,
    and after what the customer was promised.
    """

    courier_wait: Weight = 1.0
    food_wait: Weight = 1.0
    eta: Weight = 1.0
    lateness: Weight = 1.0


class CourierSelectionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which courier should take which order?

    Without ``pairs``, every courier is considered for every order, and ``distance_to_store_m`` has
    a row per order with the street distance of every courier to its store. ``top`` asks for the
    best couriers of each order alone.
    """

    orders: OrderColumns
    couriers: CourierColumns
    pairs: PairColumns | None = None
    distance_to_store_m: list[list[float | None]] | None = None
    weights: SelectionWeights = field(default_factory=SelectionWeights)
    levels: Levels = field(default_factory=lambda: list(DEFAULT_LEVELS))
    as_of: Time | None = None
    top: Annotated[int, Meta(ge=1, le=MAX_COURIERS)] | None = None


class SelectionOrders(Struct, kw_only=True):
    """What became of each order, in the order of the request.

    ``stage`` is how far the order is (null where it was refused), ``candidates`` how many couriers
    were ranked for it, ``best_courier`` the place of the first of them, ``status`` the worst of
    their statuses (null without any) and ``notes`` what made it other than ok.
    """

    order_id: list[SampleId | None]
    stage: list[str | None]
    candidates: list[int]
    best_courier: list[int | None]
    status: list[Status | None]
    notes: list[list[str]]


class RankedPairs(Struct, kw_only=True):
    """Estimates of pairs, one per place of every list; seconds from ``as_of``.

    ``order`` and ``courier`` are places in the request's lists. ``rank`` is 1 for the pair of least
    ``cost`` (weighted seconds) of its order. ``at_store_s`` and ``eta_s`` have a list per level.
    ``ready_on_arrival`` is the probability that the order is ready when the courier arrives.
    """

    order: list[int]
    courier: list[int]
    rank: list[int]
    cost: list[float]
    status: list[Status]
    at_store_s: dict[str, list[float]]
    ready_on_arrival: list[float]
    courier_wait_s: list[float]
    food_wait_s: list[float]
    expected_eta_s: list[float]
    eta_s: dict[str, list[float]]


class SelectionProblem(Struct, kw_only=True):
    """Why an order, a courier or a pair was left out; all others are answered."""

    kind: Literal["order", "courier", "pair"]
    row: int
    field: str
    reason: str


class CourierSelectionAnswer(Struct, kw_only=True):
    """Ranked pairs: with ``top`` by order and rank, otherwise as they stood in the request.

    ``refused`` counts the pairs that were left out, ``problems`` says why, the first thousand.
    """

    request_id: str
    as_of: datetime
    orders: SelectionOrders
    pairs: RankedPairs
    refused: int
    problems: list[SelectionProblem]
    models: dict[str, ModelInfo]

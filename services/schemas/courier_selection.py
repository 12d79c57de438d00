"""Define the requests and answers of courier selection as columns, because there are many pairs."""

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
    """List orders that need a courier, as columns.

    ``order_id`` is null if the event store does not know the order. ``facts`` has columns of the
    orders' source, such as ``store_id`` and ``distance_m``; they can be missing or null for an
    order that the event store knows. ``promised_at`` is the time promised to the customer.
    """

    order_id: Annotated[list[SampleId | None], Meta(min_length=1, max_length=MAX_ORDERS)]
    facts: Columns = field(default_factory=dict)
    promised_at: list[Time | None] | None = None


class CourierColumns(Struct, kw_only=True, forbid_unknown_fields=True):
    """List the candidate couriers; ``facts`` has columns such as ``vehicle``."""

    courier_id: Annotated[list[SampleId], Meta(min_length=1, max_length=MAX_COURIERS)]
    facts: Columns = field(default_factory=dict)


class PairColumns(Struct, kw_only=True, forbid_unknown_fields=True):
    """List pairs of an order and a courier: positions in their lists, from 0."""

    order: Annotated[list[Place], Meta(min_length=1, max_length=MAX_PAIRS)]
    courier: Annotated[list[Place], Meta(min_length=1, max_length=MAX_PAIRS)]
    distance_to_store_m: list[float | None] | None = None


class SelectionWeights(Struct, kw_only=True, forbid_unknown_fields=True):
    """Weight the expected seconds; only the ratios of the weights change the ranking.

    The seconds are those of a courier who waits in the store, of ready food that waits for its
    courier, until the delivery, and after the promised time.
    """

    courier_wait: Weight = 1.0
    food_wait: Weight = 1.0
    eta: Weight = 1.0
    lateness: Weight = 1.0


class CourierSelectionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask which courier should take which order.

    Without ``pairs``, every courier is a candidate for every order, and ``distance_to_store_m`` has
    a row per order with the street distance of every courier to its store. ``top`` limits the
    answer to the best couriers of each order.
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
    """List the result of each order, in the order of the request.

    ``stage`` is the progress of the order (null if it was refused), ``candidates`` the number of
    ranked couriers, ``best_courier`` the position of the first one, ``status`` the worst status of
    its pairs (null without pairs), and ``notes`` say why it is not ok.
    """

    order_id: list[SampleId | None]
    stage: list[str | None]
    candidates: list[int]
    best_courier: list[int | None]
    status: list[Status | None]
    notes: list[list[str]]


class RankedPairs(Struct, kw_only=True):
    """List the estimates of pairs as columns; seconds from ``as_of``.

    ``order`` and ``courier`` are positions in the request's lists. ``rank`` is 1 for the pair of
    least ``cost`` (weighted seconds) of its order. ``at_store_s`` and ``eta_s`` have a list per
    level. ``ready_on_arrival`` is the probability that the order is ready when the courier arrives.
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
    """State why an order, a courier or a pair was left out; all others are answered."""

    kind: Literal["order", "courier", "pair"]
    row: int
    field: str
    reason: str


class CourierSelectionAnswer(Struct, kw_only=True):
    """List ranked pairs: with ``top`` by order and rank, otherwise in the order of the request.

    ``refused`` counts the pairs that were left out; ``problems`` has the first thousand reasons.
    """

    request_id: str
    as_of: datetime
    orders: SelectionOrders
    pairs: RankedPairs
    refused: int
    problems: list[SelectionProblem]
    models: dict[str, ModelInfo]

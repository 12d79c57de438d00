"""What the ETA service takes and gives, as typed JSON: one order, and the orders of a store.

What is said of an order are its *facts*: columns of the orders' source such as ``store_id``,
``amount`` or ``distance_m``. What the event store knows of an order by its id need not be said;
what is said counts more. ``happened`` gives times of events that the event store may not have.

Seconds in answers are multiples of an eighth: they add up exactly, in binary and in decimals.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field

from services.core.limits import MAX_ARRIVALS
from services.schemas.common import (
    DEFAULT_LEVELS,
    Levels,
    ModelInfo,
    Problem,
    SampleId,
    Status,
    Time,
)

__all__ = [
    "ArrivalAnswer",
    "ArrivalRow",
    "ArrivalRowAnswer",
    "CourierArrivalAnswer",
    "CourierArrivalRequest",
    "CourierState",
    "EtaAnswer",
    "EtaReasons",
    "EtaRequest",
    "ExplainedPart",
    "Facts",
    "Happened",
    "Reason",
    "WhatIf",
]

Facts: TypeAlias = dict[str, Any]
Happened: TypeAlias = dict[str, Time | None]


class EtaRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask for the ETA of one order.

    ``order_id`` is its id in the event store, or null if the order does not exist yet. ``order``
    has facts and ``happened`` has times of events (null: it has not happened). Both add to what
    the event store knows.
    """

    order_id: SampleId | None
    order: Facts = field(default_factory=dict)
    happened: Happened = field(default_factory=dict)
    as_of: Time | None = None
    levels: Levels = field(default_factory=lambda: list(DEFAULT_LEVELS))
    explain: bool = False


class Reason(Struct, kw_only=True):
    """State the seconds that one input adds to a part, and its value (null: missing)."""

    name: str
    words: str
    value: float | int | str | None
    unit: str
    seconds: float


class ExplainedPart(Struct, kw_only=True):
    """Explain one part: ``usual_s``, the ``reasons`` and ``other_s`` sum to ``seconds``.

    ``usual_s`` is the estimate without any input, ``other_s`` the sum of all other contributions.
    """

    name: str
    words: str
    seconds: float
    usual_s: float
    reasons: list[Reason]
    other_s: float


class WhatIf(Struct, kw_only=True):
    """State the ETA under a change of the inputs: without rain, with an empty kitchen."""

    name: str
    words: str
    sentence: str
    expected_eta_s: float
    difference_s: float
    replaced: dict[str, float | int | str | None]


class EtaReasons(Struct, kw_only=True):
    """Explain an ETA: a ``sentence`` in minutes, the parts with their reasons, and what-ifs."""

    sentence: str
    expected_eta_s: float
    parts: list[ExplainedPart]
    counterfactuals: list[WhatIf]


class EtaAnswer(Struct, kw_only=True):
    """State the seconds until an order is with its customer, and its parts.

    ``stage`` is the progress of the order. ``expected_s`` has the expected seconds of each part;
    their sum is ``expected_eta_s``; a part that is past is 0. ``eta_s`` and ``at_store_s`` map
    levels to seconds: with probability 0.9 the order is delivered within ``eta_s["0.9"]``;
    ``at_store_s`` is null once the courier is at the store. For a delivered or cancelled order
    there is nothing to estimate: all of these are null, and ``ended_at`` is the time of its end.
    They are null as well for a stale order: it has not ended, and its last event is more than a
    day ago; ``notes`` say so.

    ``models`` names the model of each part; a part without an entry was answered by a fallback.
    ``expected_at`` is ``as_of`` plus the expected ETA. ``explanation`` is present if the request
    has ``explain``.
    """

    request_id: str
    status: Status
    as_of: datetime
    order_id: SampleId | None
    stage: str
    expected_eta_s: float | None
    expected_at: datetime | None
    expected_s: dict[str, float] | None
    eta_s: dict[str, float] | None
    at_store_s: dict[str, float] | None
    ready_on_arrival: float | None
    courier_wait_s: float | None
    food_wait_s: float | None
    happened: dict[str, datetime]
    models: dict[str, ModelInfo]
    notes: list[str] = field(default_factory=list)
    ended_at: datetime | None = None
    explanation: EtaReasons | None = None


CourierState: TypeAlias = Literal[
    "not_assigned", "on_the_way", "at_store", "picked_up", "delivered", "cancelled"
]
"""Where the courier of an order is, relative to its store."""


class ArrivalRow(Struct, kw_only=True, forbid_unknown_fields=True):
    """Name one order of a store; ``order`` and ``happened`` are those of ``/eta``."""

    order_id: SampleId
    order: Facts = field(default_factory=dict)
    happened: Happened = field(default_factory=dict)


class CourierArrivalRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask when the couriers of these orders arrive at the store.

    Each order is answered alone; an invalid one has a problem.
    """

    orders: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_ARRIVALS)]
    as_of: Time | None = None
    levels: Levels = field(default_factory=lambda: list(DEFAULT_LEVELS))


class ArrivalAnswer(Struct, kw_only=True):
    """State when the courier of one order is at the store.

    Before the arrival: ``expected_in_s`` and ``arrival_s`` (level -> seconds from ``as_of``);
    ``expected_at`` and ``arrival_at`` are the same as times. After it these are null, and
    ``arrived_at`` is its time. They are null for a stale order as well. While the courier is
    ``not_assigned``, the estimate includes the time to find one. ``food_ready`` says whether the
    order is ready, ``ready_on_arrival`` is the probability that it is ready at the arrival.
    """

    order_id: SampleId
    courier: CourierState
    status: Status
    food_ready: bool
    expected_in_s: float | None = None
    expected_at: datetime | None = None
    arrival_s: dict[str, float] | None = None
    arrival_at: dict[str, datetime] | None = None
    arrived_at: datetime | None = None
    ready_on_arrival: float | None = None
    courier_wait_s: float | None = None
    notes: list[str] = field(default_factory=list)


class ArrivalRowAnswer(Struct, kw_only=True):
    """Answer one row: either ``answer`` or ``problem``; the other is null."""

    row: int
    answer: ArrivalAnswer | None = None
    problem: Problem | None = None


class CourierArrivalAnswer(Struct, kw_only=True):
    """List the rows in the order of the request; ``refused`` counts those with a problem."""

    request_id: str
    as_of: datetime
    refused: int
    rows: list[ArrivalRowAnswer]
    models: dict[str, ModelInfo]

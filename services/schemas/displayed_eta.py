"""Define the requests and answers of displayed ranges: stores as columns, and shown ranges."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, field

from services.core.limits import MAX_STORES
from services.schemas.common import ModelInfo, SampleId, Status, Time

__all__ = [
    "DisplayedEtaAnswer",
    "DisplayedEtaRequest",
    "PolicyChanges",
    "Ranges",
    "RowRefusal",
    "Shown",
    "StoreColumns",
]

Seconds: TypeAlias = Annotated[float, Meta(ge=0.0, le=86_400.0)]


class StoreColumns(Struct, kw_only=True, forbid_unknown_fields=True):
    """List stores as columns; ``facts`` has one value per store, such as ``distance_m``."""

    store_id: Annotated[list[SampleId], Meta(min_length=1, max_length=MAX_STORES)]
    facts: dict[str, list[Any]] = field(default_factory=dict)


class Shown(Struct, kw_only=True, forbid_unknown_fields=True):
    """List the ranges that a customer sees, as columns; seconds.

    An answer has them in ``shown``; the next request of the same session returns them unchanged.
    """

    store_id: Annotated[list[SampleId], Meta(max_length=MAX_STORES)]
    low_s: Annotated[list[Seconds], Meta(max_length=MAX_STORES)]
    high_s: Annotated[list[Seconds], Meta(max_length=MAX_STORES)]


class PolicyChanges(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Change the display policy for this request; null: the policy of the service.

    ``docs/callers.md`` describes each field and its bounds.
    """

    level: float | None = None
    lateness_cost: float | None = None
    step_s: float | None = None
    least_width_s: float | None = None
    greatest_width_s: float | None = None
    hysteresis_s: float | None = None


class DisplayedEtaRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask for the ranges of these stores for one customer.

    ``order`` has the facts that all stores share: the address (``zone``, ``city``, ``floor``) and
    the basket (``amount``, ``products``). ``shown`` has the ranges that this session saw before.
    """

    stores: StoreColumns
    order: dict[str, Any] = field(default_factory=dict)
    shown: Shown | None = None
    policy: PolicyChanges = field(default_factory=PolicyChanges)
    as_of: Time | None = None


class Ranges(Struct, kw_only=True):
    """List the range of each store, in the order of the request; null for a refused store.

    The customer sees ``low_s`` to ``high_s``. The delivery lies in the range with probability
    ``inside``, comes after it with probability ``late``, and takes ``mean_s`` on average.
    ``changed``: the session saw another range before.
    """

    store_id: list[SampleId]
    low_s: list[float | None]
    high_s: list[float | None]
    mean_s: list[float | None]
    inside: list[float | None]
    late: list[float | None]
    changed: list[bool]
    status: list[Status | None]
    notes: list[list[str]]


class RowRefusal(Struct, kw_only=True):
    """State why a store has no range; all others have one."""

    row: int
    field: str
    reason: str


class DisplayedEtaAnswer(Struct, kw_only=True):
    """List ranges, and count how many of them changed in the session.

    ``seen`` counts the stores that the session saw before, ``changed`` those of them with another
    range now; ``jump_rate`` is their ratio, 0 if none was seen. ``policy`` is the applied policy.
    """

    request_id: str
    as_of: datetime
    ranges: Ranges
    shown: Shown
    seen: int
    changed: int
    jump_rate: float
    policy: dict[str, float]
    problems: list[RowRefusal]
    models: dict[str, ModelInfo]

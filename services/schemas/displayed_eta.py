"""What ranges for customers take and give: a list of stores as columns, and what was shown."""

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
    """Stores of a list; ``facts`` has columns that differ between them, such as ``distance_m``."""

    store_id: Annotated[list[SampleId], Meta(min_length=1, max_length=MAX_STORES)]
    facts: dict[str, list[Any]] = field(default_factory=dict)


class Shown(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ranges that a customer sees, one per place of every list; seconds.

    An answer has them under ``shown``; the next request of the same session gives them back as they
    are.
    """

    store_id: Annotated[list[SampleId], Meta(max_length=MAX_STORES)]
    low_s: Annotated[list[Seconds], Meta(max_length=MAX_STORES)]
    high_s: Annotated[list[Seconds], Meta(max_length=MAX_STORES)]


class PolicyChanges(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What this request wants shown otherwise than the service's policy; null: as it is there.

    See ``docs/callers.md`` for what each means, and its bounds.
    """

    level: float | None = None
    lateness_cost: float | None = None
    step_s: float | None = None
    least_width_s: float | None = None
    greatest_width_s: float | None = None
    hysteresis_s: float | None = None


class DisplayedEtaRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which delivery times do we show for these stores, to this customer?

    ``order`` has what is the same for all stores: the address (``zone``, ``city``, ``floor``) and
    the basket (``amount``, ``products``). ``shown`` is what this session has seen before.
    """

    stores: StoreColumns
    order: dict[str, Any] = field(default_factory=dict)
    shown: Shown | None = None
    policy: PolicyChanges = field(default_factory=PolicyChanges)
    as_of: Time | None = None


class Ranges(Struct, kw_only=True):
    """The range of each store, in the order of the request; null where a store was refused.

    The customer sees ``low_s`` to ``high_s``. The delivery falls into it with probability
    ``inside``, comes after it with ``late``, and takes ``mean_s`` on average. ``changed`` says that
    the session saw another range before.
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
    """Why a store has no range; all others have one."""

    row: int
    field: str
    reason: str


class DisplayedEtaAnswer(Struct, kw_only=True):
    """Ranges, what was shown, and how much of it changed.

    ``seen`` counts the stores that the session had seen before, ``changed`` those of them whose
    range is another now; ``jump_rate`` is their ratio, 0 where nothing had been seen. ``policy`` is
    the one that was applied.
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

"""What the services take and give, as typed JSON.

Requests refuse unknown fields. Numbers are finite; a missing number in an answer (a feature without
a value) is null. Times are RFC 3339 with an offset; answers use UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field

from services.core.legs import Leg
from services.core.limits import (
    MAX_COLUMN_ROWS,
    MAX_EVENTS,
    MAX_LEVELS,
    MAX_ROWS,
    MAX_TEXT_CHARACTERS,
)

__all__ = [
    "CloudEvent",
    "EventStatus",
    "EventsAnswer",
    "ModelInfo",
    "OpenCloudEvent",
    "PredictAnswer",
    "PredictBatchAnswer",
    "PredictBatchRequest",
    "PredictColumnsAnswer",
    "PredictColumnsRequest",
    "PredictRequest",
    "Problem",
    "Question",
    "RowAnswer",
    "RowProblem",
    "Status",
    "TravelColumnsRequest",
    "TravelRequest",
]

DEFAULT_LEVELS = (0.1, 0.5, 0.9)

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS)]
SampleId: TypeAlias = Text | int
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
Level: TypeAlias = Annotated[float, Meta(gt=0.0, lt=1.0)]
Levels: TypeAlias = Annotated[list[Level], Meta(min_length=1, max_length=MAX_LEVELS)]

Status: TypeAlias = Literal["ok", "input_clipped", "degraded", "fallback"]
"""How an estimate came about: as it should be; with an input moved into the range that the model
has seen; without something that it should have had; or without the model."""


"""A part of the courier's way: to the store; from when courier and order are there to the customer;
from then on until the order is handed over."""


class PredictRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask how long one order takes.

    ``order`` has its facts: any of the source's columns, and the seconds since its events
    (``since_accepted_s``; null: it has not happened). The answer is ``degraded`` if the model lacks
    a fact that it needs; missing seconds since events are looked up in the event store.
    ``sample_id`` is the order's id, so that it is not counted in its own features, or null if the
    order does not exist yet.
    """

    order: dict[str, Any]
    sample_id: SampleId | None
    as_of: Time | None = None
    levels: Levels = field(default_factory=lambda: list(DEFAULT_LEVELS))
    include_features: bool = False


class TravelRequest(PredictRequest, kw_only=True, forbid_unknown_fields=True):
    """Ask how long one leg of a courier's way takes.

    ``leg`` names it; ``PredictRequest`` describes the other fields.
    """

    leg: Leg


class PredictBatchRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask about many orders; each row is a request and is answered alone."""

    rows: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_ROWS)]


class PredictColumnsRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ask about many orders at one moment, as columns; the composed service uses it.

    ``columns`` has for each field of ``PredictRequest.order`` a list with one value per
    ``sample_ids``, or one value for all. Several models get the same columns, so a model ignores
    unknown ones and lists them in the answer.
    """

    columns: dict[str, list[Any] | str | int | float | None]
    sample_ids: Annotated[list[SampleId | None], Meta(min_length=1, max_length=MAX_COLUMN_ROWS)]
    as_of: Time | None = None


class TravelColumnsRequest(PredictColumnsRequest, kw_only=True, forbid_unknown_fields=True):
    """Ask about one leg of many couriers; see ``PredictColumnsRequest``."""

    leg: Leg


class ModelInfo(Struct, kw_only=True):
    """Name the model of an answer: its tag, the version and the fingerprint of its features.

    ``aggregators_version`` is the version of the code that computed them. In the answer of a
    fallback, all fields but the tag are empty.
    """

    tag: str
    catalog_version: str
    fingerprint: str
    aggregators_version: str = ""


class PredictAnswer(Struct, kw_only=True):
    """State the estimated seconds of an order, as of a moment.

    ``quantiles_s`` maps each requested level to seconds: with probability 0.9 the order takes no
    longer than ``quantiles_s["0.9"]``. ``notes`` says why a status is not ok, and which values
    training did not see.
    """

    request_id: str
    status: Status
    as_of: datetime
    sample_id: SampleId | None
    mean_s: float
    quantiles_s: dict[str, float]
    model: ModelInfo
    notes: list[str] = field(default_factory=list)
    features: dict[str, float | None] | None = None


class Problem(Struct, kw_only=True):
    """State why a request, a row or an event was refused: the field and the reason.

    ``field`` is a path such as ``order.amount``; it is empty for a problem of the whole body.
    """

    error: str
    field: str
    reason: str
    request_id: str


class RowAnswer(Struct, kw_only=True):
    """Answer one row of a batch: either ``answer`` or ``problem``; the other is null."""

    row: int
    answer: PredictAnswer | None = None
    problem: Problem | None = None


class PredictBatchAnswer(Struct, kw_only=True):
    """List the rows in the order of the request; ``refused`` counts those with a problem."""

    request_id: str
    refused: int
    rows: list[RowAnswer]


class RowProblem(Struct, kw_only=True):
    """State why a row was refused."""

    row: int
    field: str
    reason: str


class Question(Struct, kw_only=True):
    """Name the target of a model: ``unit`` (``s``: seconds) from the event ``start`` to ``end``.

    ``asked_at`` is the event at which the model is asked, or ``any moment`` of an order; then it
    estimates the remaining time. ``facts`` are the columns that it uses.
    """

    start: str
    end: str
    asked_at: str
    unit: str
    facts: list[str]


class PredictColumnsAnswer(Struct, kw_only=True):
    """List the distributions of the rows of a request, in their order.

    ``values_s[row]`` are seconds at ``levels``: with probability ``levels[k]`` it takes no longer
    than ``values_s[row][k]``. Interpolate between two levels; beyond the outermost ones the values
    are constant. They are null for a refused row, and ``problems`` says why. ``ignored`` are the
    columns that the model does not know. ``question`` names the target of the model; it is null in
    the answer of a fallback.
    """

    request_id: str
    as_of: datetime
    model: ModelInfo
    levels: list[float]
    values_s: list[list[float] | None]
    status: list[Literal["ok", "input_clipped", "degraded", "fallback", "refused"]]
    notes: list[list[str]]
    problems: list[RowProblem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    question: Question | None = None


class CloudEvent(Struct, kw_only=True, forbid_unknown_fields=True):
    """Describe an event as CloudEvents 1.0 JSON.

    ``source`` is the name of the source (``orders``), ``type`` the event (``accepted``),
    ``subject`` the sample's id (integers are taken where a source's ids are integers), ``time``
    when it happened, ``data`` the columns that it makes known; what the source does not declare is
    left out. The extension attributes ``recordedtime`` and ``retracted`` say when it was written
    down and that it takes back an earlier event; any other one is left alone.
    """

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    subject: SampleId
    time: Time
    datacontenttype: str | None = "application/json"
    dataschema: str | None = None
    data: dict[str, Any] | None = None
    recordedtime: Time | None = None
    retracted: bool | None = False
    traceparent: str | None = None
    tracestate: str | None = None


class OpenCloudEvent(CloudEvent, kw_only=True, forbid_unknown_fields=False):
    """Describe an event with extension attributes."""


CloudEvents: TypeAlias = Annotated[list[Raw], Meta(min_length=1, max_length=MAX_EVENTS)]
CloudEventBatch: TypeAlias = Annotated[list[CloudEvent], Meta(min_length=1, max_length=MAX_EVENTS)]


class EventStatus(Struct, kw_only=True):
    """State the outcome of one event of a batch; ``id`` is null if the event has none."""

    id: str | None
    status: Literal["accepted", "refused"]
    field: str = ""
    reason: str = ""


class EventsAnswer(Struct, kw_only=True):
    """State the outcome of a batch.

    Of the accepted events, ``applied`` changed the store, ``duplicates`` were known already and
    ``superseded`` had been corrected before by a later record.
    """

    request_id: str
    accepted: int
    refused: int
    applied: int
    duplicates: int
    superseded: int
    events: list[EventStatus]

"""``POST /events`` of every service that takes events: the body in, a status per event out."""

from __future__ import annotations

from starlette.responses import Response

from services.bento.endpoints import Call, json_endpoint, json_response
from services.core.errors import InvalidRequest
from services.intake.intake import EVENT_TYPES, Intake, is_list
from services.schemas.common import CloudEvents, EventsAnswer
from services.schemas.examples import EVENTS

__all__ = ["events_endpoint", "take_events"]

MULTI_STATUS = 207

_RESPONSES = {MULTI_STATUS: "Some events of the list were refused; `events` says which, and why"}

events_endpoint = json_endpoint(
    "/events",
    takes=CloudEvents,
    gives=EventsAnswer,
    media_types=EVENT_TYPES,
    example=EVENTS,
    also=_RESPONSES,
)
"""Makes a method the endpoint that takes events."""


async def take_events(intake: Intake, call: Call) -> Response:
    """Return the answer to events: 200, or 207 where some of a list were refused.

    Raises:
        InvalidRequest: no batch, or a single event that is refused.
        Unavailable: the store cannot take events now.
    """
    answer = await intake.take(call.body, request_id=call.request_id, headers=call.cloud_headers)
    if not answer.refused:
        return json_response(answer, request_id=call.request_id)
    if call.cloud_headers or not is_list(call.body):
        (status,) = answer.events
        raise InvalidRequest(status.reason, field=status.field)
    return json_response(answer, request_id=call.request_id, status=MULTI_STATUS)

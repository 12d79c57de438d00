"""``POST /events`` of every service that takes events: the body in, a status per event out."""

from __future__ import annotations

from starlette.responses import Response

from services.bento.endpoints import Call, json_response
from services.core.errors import InvalidRequest
from services.intake.intake import Intake, is_list

__all__ = ["EVENTS_RESPONSES", "take_events"]

MULTI_STATUS = 207

EVENTS_RESPONSES = {
    MULTI_STATUS: "Some events of the list were refused; `events` says which, and why"
}
"""What ``/events`` answers beside 200, for the OpenAPI description."""


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

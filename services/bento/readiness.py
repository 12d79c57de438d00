"""Answer ``/readyz`` with the reason why a service is not ready.

BentoML answers 200 or 503 without a reason. A service of this project has ``unready_reason`` and
can have ``readiness_notes``: what makes its answers worse, such as a part whose service estimates
another target.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from services.bento.endpoints import json_response
from services.core.errors import Unavailable

__all__ = ["READY_PATH", "answer_readiness"]

READY_PATH = "/readyz"
NOT_READY = "not ready; the log says what is missing"


async def answer_readiness(service: Any, *, request_id: str) -> Response:
    """Return the answer to ``/readyz``.

    Args:
        service: the running service.
        request_id: the id of the request.

    Raises:
        Unavailable: the service is not ready; the reason says why.
    """
    is_ready = getattr(service, "__is_ready__", None)  # a service without is, once it has started
    if is_ready is not None and not await asyncio.to_thread(is_ready):
        raise Unavailable(getattr(service, "unready_reason", "") or NOT_READY)
    notes_of = getattr(service, "readiness_notes", None)
    notes = [] if notes_of is None else await notes_of()
    return json_response({"status": "ready", "notes": notes}, request_id=request_id)

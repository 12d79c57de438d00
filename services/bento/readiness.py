"""What ``/readyz`` says beside yes and no: what is missing, and what does not answer as it should.

BentoML answers 200 and nothing else, or 503. A service of this project also has ``unready_reason``,
the reason why it is not ready, and may have ``readiness_notes``: what makes its answers worse
though there are some, such as a part whose service answers another question.
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
        service: the instance that answers.
        request_id: of the question.

    Raises:
        Unavailable: the service is not ready; the reason says why.
    """
    is_ready = getattr(service, "__is_ready__", None)  # a service without is, once it has started
    if is_ready is not None and not await asyncio.to_thread(is_ready):
        raise Unavailable(getattr(service, "unready_reason", "") or NOT_READY)
    notes_of = getattr(service, "readiness_notes", None)
    notes = [] if notes_of is None else await notes_of()
    return json_response({"status": "ready", "notes": notes}, request_id=request_id)

"""Runs `doorstep demo` as it goes on a busy machine: some answers are late, in part or in whole.

The service answers as it does; what is late is put in between, so that a test need not wait for a
machine that is busy.
"""

from __future__ import annotations

import msgspec

from commands.live_demo import run as demo_run
from commands.main import app
from services.client import EtaClient, NoAnswerInTime
from services.composition.parts import LATE
from services.schemas.eta import EtaAnswer, EtaRequest

LATE_EVERY = 7


class LateAtTimes(EtaClient):
    """Is now and then late with an answer, or with a part of it."""

    asked = 0

    def eta(self, request: EtaRequest) -> EtaAnswer:
        """Return the answer, what is usual in its place, or nothing in time."""
        answer = super().eta(request)
        self.asked += 1
        if self.asked % LATE_EVERY == 1:
            raise NoAnswerInTime("no answer in time")
        if self.asked % LATE_EVERY == 3:
            notes = [f"to_store {LATE}: answered from what is usual anywhere"]
            return msgspec.structs.replace(answer, status="fallback", notes=notes)
        return answer


if __name__ == "__main__":
    setattr(demo_run, "EtaClient", LateAtTimes)  # noqa: B010
    app()

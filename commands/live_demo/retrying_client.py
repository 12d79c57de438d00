"""Ask the service again where an answer was late, and record latencies and statuses.

On a busy machine answers are late, and a part of an estimate that is late is answered by what is
usual. That is what the service is for, but not what the demo is about: so it asks again, as of the
same moment, until the answer is whole. What stays late is reported; it is no fault, as a wrong
value would be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from services.client import RequestRefused, ServiceUnreachable
from services.composition.parts import LATE

__all__ = ["LATE_STATUS", "RetryingClient"]

LATE_STATUS = "late"
"""Counts estimates whose parts were still late when they were asked for the last time."""
TRIES = 8
"""So often a question is asked whose answer is late in part."""
PATIENCE_S = 180.0
"""So long a service that runs may give no answer at all."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 3.0
TRY_LATER = (429, 503, 504)
"""Answers of a service that has too much to do."""

T = TypeVar("T")


@dataclass
class RetryingClient:
    """A client that asks again where an answer was late, and keeps latencies and statuses.

    Args:
        alive: whether the service still runs; one that has ended is not asked again.
        sleep, clock: injected in tests.
        latency_ms: whole round trips of answers, by path.
        statuses: how many estimates had which status.
        notes: of estimates that were not as good as they can be.
        late: how many answers were late, in part or in whole, by path, each asked again.
    """

    alive: Callable[[], bool] = lambda: True
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.perf_counter
    latency_ms: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    late: dict[str, int] = field(default_factory=dict)

    def ask(self, path: str, ask: Callable[[], T], notes: Callable[[T], Iterable[str]]) -> T:
        """Return an answer, after retries where it was late.

        Args:
            path: of the endpoint.
            ask: asks; the answer is the same whenever it does.
            notes: those of an answer, which say if a part was late.

        Raises:
            ClientError: the service has ended, gave no answer for ``PATIENCE_S``, or refused.
        """
        ends_s = self.clock() + PATIENCE_S
        tried = 0
        while True:
            tried += 1
            began_s = self.clock()
            try:
                answer = ask()
            except (ServiceUnreachable, RequestRefused) as error:
                if not self._may_come(error) or self.clock() > ends_s:
                    raise
            else:
                self.latency_ms.setdefault(path, []).append((self.clock() - began_s) * 1_000.0)
                if tried >= TRIES or not is_late(notes(answer)):
                    return answer
            self.late[path] = self.late.get(path, 0) + 1
            self.sleep(min(FIRST_PAUSE_S * 2.0 ** (tried - 1), LONGEST_PAUSE_S))

    def note(self, status: str | None, notes: Iterable[str]) -> None:
        """Note the status of an estimate; None: it was refused."""
        known_notes = list(notes)
        name = LATE_STATUS if is_late(known_notes) else status or "refused"
        self.statuses[name] = self.statuses.get(name, 0) + 1
        if name not in ("ok", LATE_STATUS):
            self.notes += [f"{name}: {note}" for note in known_notes]

    def _may_come(self, error: ServiceUnreachable | RequestRefused) -> bool:
        if isinstance(error, RequestRefused) and error.http_status not in TRY_LATER:
            return False
        return self.alive()


def is_late(notes: Iterable[str]) -> bool:
    """Whether notes say that a part did not answer in time.

    >>> is_late([f"to_store {LATE}: answered from what is usual anywhere"])
    True
    """
    return any(LATE in note for note in notes)

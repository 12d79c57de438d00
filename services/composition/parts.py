"""Ask the parts of an ETA, in this process or in others, all at once and within a deadline.

Whoever asks gets an answer for every row of every part. A part that is late, fails or refuses a row
is answered by what is usual instead, and the answer says so.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aggregators.times import moment_to_us
from estimators.fallback.model import Fallback
from estimators.quantiles.calibration import GRID_LEVELS
from services.client.errors import ClientError, NoAnswerInTime, ServiceUnreachable
from services.composition.remote_parts import RemotePart
from services.core.clock import utc_now
from services.core.context import current_request
from services.core.errors import InvalidRequest, ServiceError
from services.core.executor import AnswerExecutor
from services.core.limits import PART_RESERVE_S, PART_TIMEOUT_S
from services.estimation.fallback import fallback_estimates
from services.estimation.metrics import EstimateMetrics
from services.estimation.part_contract import PartContract, PartMismatch
from services.estimation.results import DEGRADED, FALLBACK, RowResults, placed
from services.estimation.row_model import RowModel, estimate_where_possible
from services.estimation.rows import RequestRows
from services.estimation.shared_features import SharedFeatures

__all__ = ["LATE", "Parts"]

logger = logging.getLogger("doorstep.services")

PROBLEM_CHECK_S = 10.0
"""Seconds after which a part of another process is asked anew whether it is one."""

PROBLEM_WAIT_S = 0.2
"""Longest wait for a check; a later result is reported by the next call."""

LOG_EVERY_S = 10.0
"""Seconds between two lines in the log about one part that is not answered."""

LATE = "did not answer in time"
"""Begins the note of a part that is answered by what is usual because it was late."""
_FAILED = "failed"
_LAST_RESORT_S = (60.0, 3_600.0)
"""Between these, in even steps of the logarithm, lies what nothing at all is known of."""


class Parts:
    """Asks the parts of an ETA.

    Args:
        local: models of this process, by part.
        remote: services of others, by part; these are asked where a part is both.
        fallbacks: answer where a part does not; one without has a very wide range.
        expected: what an ETA was calibrated with, by part; another model of the same question gets
            a wider range, and is noted. A part that is absent is taken as it is.
        metrics: count what the parts answered, by part.
        executor: runs the models of this process; one of its own by default.
        timeout_s: longest wait for a part, however much time the request has.
        shared: reads the features of the models of this process together.
        clock: seconds that never run back; injected in tests.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> rows = RequestRows.one({"city": "BCN"}, None, moment_to_us(noon, "noon"))
    >>> parts = Parts({})
    >>> asyncio.run(parts.ask_many({"ready": rows}))["ready"].notes
    {0: ['ready has no model: answered from what is usual anywhere']}
    """

    def __init__(
        self,
        local: Mapping[str, RowModel],
        remote: Mapping[str, RemotePart] | None = None,
        *,
        fallbacks: Mapping[str, Fallback] | None = None,
        expected: Mapping[str, PartContract] | None = None,
        metrics: Mapping[str, EstimateMetrics] | None = None,
        executor: AnswerExecutor | None = None,
        timeout_s: float = PART_TIMEOUT_S,
        shared: SharedFeatures | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._local = dict(local)
        self._remote = dict(remote or {})
        self._fallbacks = dict(fallbacks or {})
        self._expected = {
            name: one
            for name, one in (expected or {}).items()
            if not self._is_as_expected(name, one)
        }
        self._metrics = dict(metrics or {})
        self._executor = AnswerExecutor() if executor is None else executor
        self._timeout_s = timeout_s
        self.shared = shared
        """Reads the features of the models of this process together; None: each reads its own."""
        self._clock = clock
        self._logged_s: dict[str, float] = {}
        self._part_problems: dict[str, tuple[float, str]] = {}
        self._unfinished: set[asyncio.Task[Any]] = set()
        self._asking: asyncio.Future[Any] | None = None

    def _is_as_expected(self, name: str, expected: PartContract) -> bool:
        """Return whether the expected model answers a part for the life of this process."""
        if name in self._remote or name not in self._local:
            return False
        return not expected.mismatch_note(self._local[name].info.tag)

    async def ask_many(self, asked: Mapping[str, RequestRows]) -> dict[str, RowResults]:
        """Ask several parts at once; every row gets an answer, also where a part fails.

        What is left of the current request's time, but for a reserve to make its answer, is the
        time of all parts.

        Args:
            asked: rows by part, each part's of its own, all at one moment.
        """
        ends_s = self._ends_s()
        near = {name: rows for name, rows in asked.items() if name not in self._remote}
        far = {name: rows for name, rows in asked.items() if name in self._remote}
        asking = {
            name: asyncio.ensure_future(self._from_afar(name, rows, ends_s))
            for name, rows in far.items()
        }
        found = await self._from_here(near, ends_s)
        for name, task in asking.items():
            found[name] = await task
        answers = {
            name: self._calibrated(name, self._whole(name, rows, found[name]))
            for name, rows in asked.items()
        }
        for name, answer in answers.items():
            if name in self._metrics:
                for status, number in answer.counts().items():
                    self._metrics[name].count_answers(status, number)
        return answers

    async def part_problems(self, *, ask_after_s: float = PROBLEM_CHECK_S) -> list[str]:
        """Return why parts of other processes do not answer as they should, for ``/readyz``.

        What is known is said at once: a part that hangs makes nobody wait.

        Args:
            ask_after_s: a part that nobody has asked for so long is asked about an order of which
                nothing is known.
        """
        now_s = self._clock()
        nothing = RequestRows.one({}, None, moment_to_us(utc_now(), "now"))
        silent = {
            name: nothing
            for name in self._remote
            if now_s - self._part_problems.get(name, (-math.inf, ""))[0] >= ask_after_s
        }
        if silent and (self._asking is None or self._asking.done()):
            self._asking = asyncio.ensure_future(self.ask_many(silent))
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=PROBLEM_WAIT_S)
        return [
            f"{name} {status_problem}"
            for name, (_, status_problem) in sorted(self._part_problems.items())
            if status_problem
        ]

    def warm_up(self) -> None:
        """Ask each model of this process once, so that the first request is quick."""
        for name, model in self._local.items():
            try:
                model.warm_up()
            except ServiceError as error:
                logger.error("%s cannot be warmed up: %s", name, error)

    async def close(self) -> None:
        """Close connections and threads."""
        for part in {id(part): part for part in self._remote.values()}.values():
            await part.close()
        for model in self._local.values():
            await asyncio.to_thread(model.close)
        await asyncio.to_thread(self._executor.close)

    def _ends_s(self) -> float:
        request = current_request()
        left_s = self._timeout_s
        if request is not None:
            left_s = min(left_s, request.remaining_s() - PART_RESERVE_S)
        return self._clock() + left_s

    async def _from_here(
        self, asked: Mapping[str, RequestRows], ends_s: float
    ) -> dict[str, RowResults | str]:
        """Ask models of this process one after the other; a failed one gives its reason."""
        found: dict[str, RowResults | str] = dict.fromkeys(asked, LATE)
        if not asked:
            return found

        def answer() -> None:
            for name, rows in asked.items():
                if self._clock() >= ends_s:
                    return  # nobody waits for the others any more
                found[name] = self._answered(name, rows)

        n_rows = sum(len(rows) for rows in asked.values())
        task = asyncio.ensure_future(self._executor.run(n_rows, answer))
        _, late = await asyncio.wait({task}, timeout=max(ends_s - self._clock(), 0.0))
        for one in late:  # it ends by itself; until then others know that it is under way
            self._unfinished.add(one)
            one.add_done_callback(self._unfinished.discard)
        return dict(found)

    def _answered(self, name: str, rows: RequestRows) -> RowResults | str:
        """Return the answer of a part's model, or the reason of its failure."""
        model = self._local.get(name)
        if model is None:
            return "has no model"
        realtime = None if rows.features is None else rows.features.of(name)
        try:
            try:
                return model.estimate(rows, realtime)
            except InvalidRequest:  # of one row at least; the others may be answered
                return self._where_possible(name, model, rows)
        except Exception:  # whatever it is, the request goes on without this part
            logger.exception("part %s failed", name)
            return _FAILED

    def _where_possible(self, name: str, model: RowModel, rows: RequestRows) -> RowResults | str:
        problems: dict[int, InvalidRequest] = {}
        answered = estimate_where_possible(model, rows, range(len(rows)), problems)
        refused = {row: error.reason for row, error in problems.items()}
        return self._put_together(name, rows, answered, refused)

    async def _from_afar(self, name: str, rows: RequestRows, ends_s: float) -> RowResults | str:
        """Return the answer of a part's service, or the reason of its failure."""
        try:
            async with asyncio.timeout(max(ends_s - self._clock(), 0.0)):
                answered, refused = await self._remote[name].ask(rows)
            return self._put_together(name, rows, answered, refused)
        except (TimeoutError, NoAnswerInTime):
            return LATE
        except PartMismatch as error:
            self._complain(name, error)
            return str(error)
        except ClientError as error:
            self._complain(name, error)
            return "cannot be reached" if isinstance(error, ServiceUnreachable) else _FAILED
        except Exception:
            logger.exception("part %s failed", name)
            return _FAILED

    def _complain(self, name: str, error: ClientError) -> None:
        """Log why a part is not answered, at intervals: many requests meet the same failure."""
        now_s = self._clock()
        if now_s - self._logged_s.get(name, -math.inf) >= LOG_EVERY_S:
            self._logged_s[name] = now_s
            logger.warning("part %s: %s: %s", name, type(error).__name__, error)

    def _put_together(
        self,
        name: str,
        rows: RequestRows,
        answered: Sequence[tuple[RowResults, Sequence[int]]],
        refused: Mapping[int, str],
    ) -> RowResults | str:
        """Return the answers in the order of the rows, with the baseline for refused rows."""
        if not answered:
            return f"refused all rows ({next(iter(refused.values()), 'it says nothing')})"
        groups = list(answered)
        if refused:
            bad = sorted(refused)
            notes = {k: [f"{name}: {refused[row]}"] for k, row in enumerate(bad)}
            baseline = self._baseline(name, rows.take(np.array(bad)), "refused the row", notes)
            groups.append((baseline, bad))
        return placed(groups, len(rows))

    def _whole(self, name: str, rows: RequestRows, found: RowResults | str) -> RowResults:
        """Return the answer of a part, or the baseline where it failed."""
        return self._baseline(name, rows, found) if isinstance(found, str) else found

    def _calibrated(self, name: str, answer: RowResults) -> RowResults:
        """Return the answer of a part, wider where the ETA was not calibrated with its model."""
        expected, model = self._expected.get(name), answer.model
        if expected is None and name not in self._remote:
            return answer
        note = "" if expected is None or model is None else expected.mismatch_note(model.tag)
        if name in self._remote:
            first = answer.notes_of(0)
            failed = first[0] if model is None and first else ""
            doubt = note or failed.removeprefix(f"{name} ").partition(": answered from")[0]
            self._part_problems[name] = self._clock(), doubt
        if not note or expected is None:
            return answer
        rows = range(len(answer.codes))
        return replace(
            answer,
            distribution=expected.widened(answer.distribution),
            codes=np.where(answer.codes == FALLBACK, FALLBACK, DEGRADED).astype(np.int8),
            notes={row: [*answer.notes_of(row), f"{name} {note}"] for row in rows},
        )

    def _baseline(
        self,
        name: str,
        rows: RequestRows,
        why: str,
        notes: Mapping[int, Sequence[str]] | None = None,
    ) -> RowResults:
        fallback = self._fallbacks.get(name)
        if fallback is None:
            fallback = self._fallbacks[name] = Fallback.constant(_last_resort_s())
        return fallback_estimates(fallback, rows, why=f"{name} {why}", model=None, notes=notes)


def _last_resort_s() -> list[float]:
    low, high = _LAST_RESORT_S
    return [low * (high / low) ** level for level in GRID_LEVELS]

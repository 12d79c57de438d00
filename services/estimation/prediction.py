"""Answer prediction requests: check orders, ask the model, give each answer a status.

Knows nothing of HTTP, so that everything but the transport is tested without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import time
from typing import Any

import msgspec
import numpy as np

from aggregators.times import moment_to_us
from estimators.core.distribution import Distribution
from estimators.core.stages import ELAPSED
from estimators.core.typing import FloatArray
from services.core.clock import utc_now
from services.core.context import current_request
from services.core.errors import InvalidRequest, ServiceError
from services.estimation.elapsed import NOT_GIVEN
from services.estimation.metrics import EstimateMetrics
from services.estimation.part_contract import question_of
from services.estimation.results import STATUSES, RowResults, placed
from services.estimation.row_model import RowModel, estimate_where_possible
from services.estimation.rows import RequestRows
from services.prediction_log.log import PredictionLog
from services.prediction_log.table import Served
from services.schemas.common import (
    ModelInfo,
    PredictAnswer,
    PredictBatchAnswer,
    PredictColumnsAnswer,
    PredictColumnsRequest,
    PredictRequest,
    Problem,
    RowAnswer,
    RowProblem,
)
from services.schemas.decoding import decode
from services.schemas.request_times import moment_of

__all__ = ["Estimation", "answer_batch"]


class _Seconds:
    """The distributions of some rows; each quantile is computed once for all of them."""

    def __init__(self, distribution: Distribution) -> None:
        self.mean_s = distribution.mean()
        self._distribution = distribution
        self._by_level: dict[float, FloatArray] = {}

    def quantile(self, level: float) -> FloatArray:
        """Seconds at one level, one per row."""
        if level not in self._by_level:
            self._by_level[level] = self._distribution.quantile(level)
        return self._by_level[level]


class Estimation:
    """Answers requests with one model.

    Args:
        model: answers rows.
        metrics: what is counted.
        service: its name, for the log of predictions.
        log: takes every estimate that is given to a person or a program; None: they are not logged.
        clock: gives the moment of a request that names none; injected in tests.
    """

    def __init__(
        self,
        model: RowModel,
        *,
        metrics: EstimateMetrics,
        service: str,
        log: PredictionLog | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.model = model
        self._metrics = metrics
        self._service = service
        self._log = log
        self._clock = clock

    @property
    def info(self) -> ModelInfo:
        """What answers."""
        return self.model.info

    def answer(self, request: PredictRequest, *, request_id: str) -> PredictAnswer:
        """Answer one request.

        Raises:
            InvalidRequest: a field that no order has, or a value of the wrong type.
        """
        self.model.check(request.order)
        as_of, as_of_us = self._moment(request.as_of)
        found = self.model.estimate_one(request.order, request.sample_id, as_of_us)
        self._metrics.count_answer(STATUSES[found.codes[0]])
        return self._answer(request, as_of, found, _Seconds(found.distribution), 0, 0, request_id)

    def answer_rows(
        self, asked: Sequence[tuple[int, PredictRequest]], *, request_id: str
    ) -> list[RowAnswer]:
        """Answer many requests at once; a row without an answer has a reason.

        Args:
            asked: each with its row in the batch.
            request_id: of the batch.
        """
        problems: dict[int, InvalidRequest] = {}
        good: dict[int, tuple[PredictRequest, datetime, int]] = {}
        for row, request in asked:
            try:
                self.model.check(request.order)
                good[row] = request, *self._moment(request.as_of)
            except InvalidRequest as error:
                problems[row] = error
        rows = RequestRows(
            columns=_columns_of([request.order for request, _, _ in good.values()]),
            sample_ids=[request.sample_id for request, _, _ in good.values()],
            as_of_us=np.array([as_of_us for _, _, as_of_us in good.values()], np.int64),
        )
        answers: list[RowAnswer] = []
        for found, numbers in estimate_where_possible(self.model, rows, list(good), problems):
            self._count(found)
            seconds = _Seconds(found.distribution)
            for k, row in enumerate(numbers):
                request, as_of, _ = good[row]
                answer = self._answer(request, as_of, found, seconds, k, row, request_id)
                answers.append(RowAnswer(row=row, answer=answer))
        answers += [
            RowAnswer(row=row, problem=_problem(error, request_id))
            for row, error in problems.items()
        ]
        return answers

    def answer_columns(
        self, request: PredictColumnsRequest, *, request_id: str
    ) -> PredictColumnsAnswer:
        """Answer many orders at one moment; a row without an answer has a reason.

        Raises:
            InvalidRequest: a column of another length, or the moment.
        """
        n = len(request.sample_ids)
        columns = {name: _column(name, values, n) for name, values in request.columns.items()}
        ignored = [name for name in columns if not self.model.takes(name)]
        for name in ignored:
            del columns[name]
        problems = self.model.check_columns(columns)
        as_of, as_of_us = self._moment(request.as_of)
        good = [row for row in range(n) if row not in problems]
        if problems:
            columns = {name: [column[row] for row in good] for name, column in columns.items()}
        ids = [request.sample_ids[row] for row in good]
        rows = RequestRows(
            columns=columns, sample_ids=ids, as_of_us=np.full(len(good), as_of_us, np.int64)
        )
        answered = estimate_where_possible(self.model, rows, good, problems)
        for found, _ in answered:
            self._count(found)
        if problems:
            self._metrics.count_answers("refused", len(problems))
        answer = _as_columns(answered, problems, n, self.info)
        answer.request_id, answer.as_of, answer.ignored = request_id, as_of, ignored
        asked = self.model.question
        answer.question = None if asked is None else question_of(asked)
        return answer

    def _count(self, found: RowResults) -> None:
        for status, number in found.counts().items():
            self._metrics.count_answers(status, number)

    def _moment(self, given: datetime | None) -> tuple[datetime, int]:
        """Return the requested moment as a datetime in UTC and as microseconds."""
        as_of = moment_of(given, self._clock)
        return as_of, moment_to_us(as_of, "as_of")

    def _answer(
        self,
        request: PredictRequest,
        as_of: datetime,
        found: RowResults,
        seconds: _Seconds,
        k: int,
        row: int,
        request_id: str,
    ) -> PredictAnswer:
        """Return the answer to a request, whose row of what was found is k."""
        features: dict[str, float | None] | None = None
        names = self.model.feature_names
        if request.include_features:
            features = dict(zip(names, found.realtime[k].tolist(), strict=True))
        quantiles_s = [float(seconds.quantile(level)[k]) for level in request.levels]
        answer = PredictAnswer(
            request_id=request_id,
            status=STATUSES[found.codes[k]],
            as_of=as_of,
            sample_id=request.sample_id,
            mean_s=float(seconds.mean_s[k]),
            quantiles_s=dict(zip(map(repr, request.levels), quantiles_s, strict=True)),
            model=self.info if found.model is None else found.model,
            notes=found.notes_of(k),
            features=features,
        )
        if self._log is not None:
            self._log.add(self._served(request, answer, row, names, found.realtime[k], quantiles_s))
        return answer

    def _served(
        self,
        request: PredictRequest,
        answer: PredictAnswer,
        row: int,
        names: tuple[str, ...],
        realtime: FloatArray,
        quantiles_s: list[float],
    ) -> Served:
        asked = current_request()
        return Served(
            time=time(),
            request_id=answer.request_id,
            trace_id="" if asked is None else asked.trace.trace_id,
            row=row,
            service=self._service,
            model_tag=answer.model.tag,
            catalog_version=answer.model.catalog_version,
            fingerprint=answer.model.fingerprint,
            sample_id=request.sample_id,
            as_of=answer.as_of,
            status=answer.status,
            notes=answer.notes,
            order=request.order,
            names=names,
            features=realtime,
            mean_s=answer.mean_s,
            levels=request.levels,
            quantiles_s=quantiles_s,
        )


def answer_batch(
    raw_rows: Sequence[msgspec.Raw],
    kind: type[PredictRequest],
    estimation_of: Callable[[Any], Estimation],
    *,
    request_id: str,
    metrics: EstimateMetrics,
) -> PredictBatchAnswer:
    """Answer many requests. A row without an answer has a reason and affects no other.

    Args:
        raw_rows: JSON of one request each.
        kind: of the requests.
        estimation_of: which estimation answers a request; those of one are answered together.
        request_id: of the batch.
        metrics: what counts refused rows.
    """
    answers = [RowAnswer(row=i) for i in range(len(raw_rows))]
    groups: dict[int, tuple[Estimation, list[tuple[int, PredictRequest]]]] = {}
    for i, raw in enumerate(raw_rows):
        try:
            request = decode(raw, kind)
            estimation = estimation_of(request)
        except ServiceError as error:
            answers[i].problem = _problem(error, request_id)
            continue
        groups.setdefault(id(estimation), (estimation, []))[1].append((i, request))
    for estimation, asked in groups.values():
        try:
            for answer in estimation.answer_rows(asked, request_id=request_id):
                answers[answer.row] = answer
        except ServiceError as error:  # of one model; the others may answer their rows
            for i, _ in asked:
                answers[i].problem = _problem(error, request_id)
    refused = sum(answer.problem is not None for answer in answers)
    metrics.count_answers("refused", refused)
    return PredictBatchAnswer(request_id=request_id, refused=refused, rows=answers)


def _columns_of(orders: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return orders as columns; a field that only some orders have is missing in the others."""
    names = dict.fromkeys(name for order in orders for name in order)
    absent = {name: NOT_GIVEN if name in ELAPSED else None for name in names}
    return {name: [order.get(name, absent[name]) for order in orders] for name in names}


def _column(name: str, values: Any, n_rows: int) -> list[Any]:
    """Return one value per row: a list as it is, a single value for all rows."""
    if not isinstance(values, list):
        return [values] * n_rows
    if len(values) != n_rows:
        raise InvalidRequest(
            f"has {len(values)} values for {n_rows} sample_ids; expected as many, or one value for"
            " all that is not in a list",
            field=f"columns.{name}",
        )
    return values


def _as_columns(
    answered: Sequence[tuple[RowResults, Sequence[int]]],
    problems: Mapping[int, InvalidRequest],
    n_rows: int,
    info: ModelInfo,
) -> PredictColumnsAnswer:
    """Return an answer with refused rows at their places in the request."""
    answer = PredictColumnsAnswer(
        request_id="",
        as_of=datetime.min.replace(tzinfo=UTC),
        model=info,
        levels=[],
        values_s=[None] * n_rows,
        status=["refused"] * n_rows,
        notes=[[] for _ in range(n_rows)],
        problems=[
            RowProblem(row=row, field=error.field, reason=error.reason)
            for row, error in sorted(problems.items())
        ],
    )
    if answered:
        rows = [row for _, numbers in answered for row in numbers]
        places = {row: k for k, row in enumerate(rows)}
        groups = [(found, [places[row] for row in numbers]) for found, numbers in answered]
        whole = placed(groups, len(rows))
        answer.levels = whole.distribution.levels.tolist()
        status = whole.status
        for k, values_s in enumerate(whole.distribution.values.tolist()):
            row = rows[k]
            answer.values_s[row] = values_s
            answer.status[row] = status[k]
            answer.notes[row] = whole.notes_of(k)
    return answer


def _problem(error: ServiceError, request_id: str) -> Problem:
    return Problem(error=error.error, field=error.field, reason=error.reason, request_id=request_id)

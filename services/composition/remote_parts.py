"""Ask a part of an ETA that another service answers, over the network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from aggregators.typing import SampleId
from estimators.core.dictionary_column import Column
from estimators.core.distribution import Distribution
from services.client.async_connection import AsyncServiceClient
from services.client.circuit_breaker import CircuitBreaker
from services.client.errors import ServiceUnreachable, UnreadableAnswer
from services.core.legs import Leg
from services.core.limits import MAX_COLUMN_ROWS
from services.core.settings.parts import PartSettings
from services.estimation.part_contract import PartContract
from services.estimation.results import RowResults, codes_of
from services.estimation.rows import RequestRows
from services.schemas.common import (
    PredictColumnsAnswer,
    PredictColumnsRequest,
    Status,
    TravelColumnsRequest,
)

__all__ = ["RemotePart", "remote_parts"]

RETRIES = 1
"""How often a question is sent again."""

Answered = tuple[list[tuple[RowResults, Sequence[int]]], dict[int, str]]


class RemotePart:
    """Asks ``/predict_columns`` of a service.

    Args:
        client: of the service; parts of one service can share it.
        leg: which leg of a courier's way; None: the service has one model.
        breaker: refuses questions while the service does not answer; parts of one service share it.
        expected: what its answers must be about; None: whatever it answers is taken.
    """

    def __init__(
        self,
        client: AsyncServiceClient,
        *,
        breaker: CircuitBreaker,
        leg: Leg | None = None,
        expected: PartContract | None = None,
    ) -> None:
        self._client = client
        self._leg = leg
        self._expected = expected
        self._breaker = breaker

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, rows: RequestRows) -> Answered:
        """Ask about rows of one moment, in requests within the service's limits.

        Returns:
            What was answered, each with the numbers of its rows; and why rows were refused.

        Raises:
            ClientError: there is no answer, or none that can be read.
            AnotherQuestion: it answers something else.
            TimeoutError: the caller has stopped waiting.
        """
        self._breaker.check()
        n, columns, sample_ids = len(rows), rows.columns, rows.sample_ids
        starts = range(0, n, MAX_COLUMN_ROWS)
        try:
            answers = await asyncio.gather(
                *(
                    self._ask(
                        {name: column[i : i + MAX_COLUMN_ROWS] for name, column in columns.items()},
                        sample_ids[i : i + MAX_COLUMN_ROWS],
                        rows.as_of,
                    )
                    for i in starts
                )
            )
        except (ServiceUnreachable, asyncio.CancelledError):  # cancelled: nobody waits any more
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        groups: list[tuple[RowResults, Sequence[int]]] = []
        refused: dict[int, str] = {}
        for first, answer in zip(starts, answers, strict=True):
            if self._expected is not None:
                self._expected.check(answer)
            places = _answered_rows(answer, min(MAX_COLUMN_ROWS, n - first))
            reasons = {one.row: one.reason for one in answer.problems}
            if places:
                groups.append((_results(answer, places), [first + row for row in places]))
            for row in set(range(min(MAX_COLUMN_ROWS, n - first))).difference(places):
                refused[first + row] = reasons.get(row, "no reason was given")
        return groups, refused

    async def _ask(
        self,
        columns: Mapping[str, Column],
        sample_ids: Sequence[SampleId | None],
        as_of: datetime,
    ) -> PredictColumnsAnswer:
        arguments: dict[str, Any] = {
            "columns": {name: _compact(column) for name, column in columns.items()},
            "sample_ids": list(sample_ids),
            "as_of": as_of,
        }
        question = (
            PredictColumnsRequest(**arguments)
            if self._leg is None
            else TravelColumnsRequest(leg=self._leg, **arguments)
        )
        return await self._client.ask("/predict_columns", question, PredictColumnsAnswer)


def _compact(column: Column) -> Any:
    """Return a column for JSON: one value where all are equal.

    >>> _compact(["BCN", "BCN"]), _compact(np.array([1.0, np.nan])), _compact([None, None])
    ('BCN', [1.0, nan], None)
    """
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    first = values[0]
    same = all(one is first or (one == first and type(one) is type(first)) for one in values)
    return first if same else values


def _answered_rows(answer: PredictColumnsAnswer, n_rows: int) -> list[int]:
    """Return the places of the rows that have an answer."""
    lengths = {len(answer.values_s), len(answer.status), len(answer.notes)}
    if lengths != {n_rows}:
        raise UnreadableAnswer(f"an answer about {sorted(lengths)} rows, asked about {n_rows}")
    return [row for row, values_s in enumerate(answer.values_s) if values_s is not None]


def _results(answer: PredictColumnsAnswer, places: list[int]) -> RowResults:
    values = np.array([answer.values_s[row] for row in places], np.float64)
    said = [answer.status[row] for row in places]
    status: list[Status] = [one for one in said if one != "refused"]
    if len(status) < len(said):
        raise UnreadableAnswer("a row is refused, and answered nevertheless")
    return RowResults(
        distribution=Distribution(answer.levels, values),
        codes=codes_of(status),
        notes={k: answer.notes[row] for k, row in enumerate(places) if answer.notes[row]},
        model=answer.model,
        realtime=np.empty((len(places), 0)),
    )


def remote_parts(
    settings: PartSettings, expected: Mapping[str, PartContract] | None = None
) -> dict[str, RemotePart]:
    """Return the parts that have an address; those of one address share a client.

    Args:
        settings: say which.
        expected: what each must answer, by part.
    """
    remote: dict[str, RemotePart] = {}
    clients: dict[str, tuple[AsyncServiceClient, CircuitBreaker]] = {}
    for part, (url, leg) in settings.addresses.items():
        if not url:
            continue
        if url not in clients:
            # Who waits for a part would rather have what is usual than wait for a second attempt.
            client = AsyncServiceClient(
                url, retries=RETRIES, timeout_s=settings.timeout_ms / 1_000.0
            )
            clients[url] = client, CircuitBreaker(url)
        client, breaker = clients[url]
        expects = None if expected is None else expected.get(part)
        remote[part] = RemotePart(client, breaker=breaker, leg=leg, expected=expects)
    return remote

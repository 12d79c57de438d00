"""Asks an event service in place of a store: events and questions go over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import httpx
import msgspec
import numpy as np

from aggregators import AppendResult, Event, FeatureSet
from aggregators.base import Aggregator
from aggregators.equivalence import MAX_EXPLAINED
from aggregators.questions import Questions
from aggregators.times import from_us
from aggregators.typing import Float64Array
from commands.output import UserError
from services.cloudevents import to_cloud_event
from services.feature_schemas import ExplainAnswer, FeaturesBatchAnswer
from services.schemas import EventsAnswer

__all__ = ["ServiceAnswers"]

ROWS = 500
"""Rows per request."""
TIMEOUT_S = 60.0

T = TypeVar("T")


class ServiceAnswers:
    """What :func:`aggregators.check_equivalence` asks when it goes through a service.

    Args:
        url: address of the event service; its catalog has the features.
        features: what is asked.
        transport: takes the place of the network, in tests.

    Raises:
        UserError: by each method, where the service does not answer or refuses what is sent.
    """

    def __init__(
        self, url: str, features: FeatureSet, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=url, timeout=TIMEOUT_S, transport=transport, trust_env=False
        )
        self._features = features

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def append(self, events: Sequence[Event]) -> AppendResult:
        """Send events as one batch; all must be accepted."""
        sent = [to_cloud_event(event) for event in events]
        answer = self._post("/events", sent, EventsAnswer)
        refused = [status for status in answer.events if status.status != "accepted"]
        if refused or answer.accepted != len(events):
            first = refused[0] if refused else None
            raise UserError(
                f"the service refused {len(refused)} of {len(events)} events"
                + (f", first {first.id}: {first.field} {first.reason}" if first else "")
            )
        # Null where the service did not tell them apart.
        return AppendResult(answer.applied or 0, answer.duplicates or 0, answer.superseded or 0)

    def ask(self, questions: Questions, start: int, stop: int) -> Float64Array:
        """Return the features of a range of questions, shape (n_questions, n_features)."""
        parts = [
            self._ask(questions, first, min(first + ROWS, stop))
            for first in range(start, stop, ROWS)
        ]
        return np.concatenate(parts)

    def _ask(self, questions: Questions, start: int, stop: int) -> Float64Array:
        names = self._features.names
        rows = [self._row(questions, place) for place in range(start, stop)]
        request = {"rows": rows, "features": list(names), "event_times": False}
        answer = self._post("/features_batch", request, FeaturesBatchAnswer)
        result = np.empty((len(rows), len(names)))
        for i, row in enumerate(answer.rows):
            if row.answer is None or row.row != i:
                raise UserError(f"the service refused row {rows[i]}: {row.problem}")
            values = row.answer.features
            result[i] = [np.nan if (value := values[name]) is None else value for name in names]
        return result

    def _row(self, questions: Questions, place: int) -> dict[str, Any]:
        moment: datetime = from_us(int(questions.as_of_us[place]))
        keys = {name: keys[0] for name, keys in questions.keys_of(place, place + 1).items()}
        own = {questions.source.name: questions.ids_of(place, place + 1)[0]}
        return {"keys": keys, "sample_id": own, "as_of": moment}

    def explain(self, feature: Aggregator, questions: Questions, place: int) -> str:
        """Return the samples that the service says it selected for one value."""
        row = self._row(questions, place)
        row["keys"] = {feature.dimension: row["keys"][feature.dimension]}
        own = row["sample_id"].get(feature.source.name)
        row["sample_id"] = {feature.source.name: own}
        answer = self._post("/explain", {**row, "feature": feature.name}, ExplainAnswer)
        lines = [f"{answer.value!r} of {answer.n_samples} samples"]
        for sample in answer.samples[-MAX_EXPLAINED:]:
            value = "" if sample.value is None else f"  {sample.value!r}"
            lines.append(f"{sample.sample_id!r}  {sample.event_time.isoformat()}{value}")
        return "\n".join(lines)

    def _post(self, path: str, content: Any, kind: type[T]) -> T:
        headers = {"content-type": "application/json"}
        try:
            response = self._http.post(path, content=msgspec.json.encode(content), headers=headers)
        except httpx.HTTPError as error:
            raise UserError(f"no answer from {self._http.base_url}: {error!r}") from error
        if response.status_code != httpx.codes.OK:
            raise UserError(f"{path} answered {response.status_code}: {response.text[:500]}")
        return msgspec.json.decode(response.content, type=kind)

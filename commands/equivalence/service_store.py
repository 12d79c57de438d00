"""Asks an event service in place of a store: events and questions go over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aggregators import AppendResult, Event, FeatureSet
from aggregators.features.base import Aggregator
from aggregators.parity.equivalence import MAX_EXPLAINED
from aggregators.parity.training_queries import Questions
from aggregators.times import from_us
from aggregators.typing import Float64Array, SampleId
from commands.console.output import UserError
from services.client import EventClient
from services.intake.cloudevents import to_cloud_event
from services.schemas.features import FeatureRow

__all__ = ["ServiceAnswers"]

ROWS = 500
"""Rows per request."""


class ServiceAnswers:
    """What :func:`aggregators.check_equivalence` asks when it goes through a service.

    Args:
        client: talks to the event service; its catalog has the features.
        features: what is asked.

    Raises:
        UserError: by each method, where the service refuses a part of what is sent.
        ClientError: by each method, where it refuses all of it or does not answer.
    """

    def __init__(self, client: EventClient, features: FeatureSet) -> None:
        self._client = client
        self._features = features

    def append(self, events: Sequence[Event]) -> AppendResult:
        """Send events as one batch; all must be accepted."""
        answer = self._client.send_events(to_cloud_event(event) for event in events)
        refused = [status for status in answer.events if status.status != "accepted"]
        if refused or answer.accepted != len(events):
            first = "".join(f", first {one.id}: {one.field} {one.reason}" for one in refused[:1])
            raise UserError(f"the service refused {len(refused)} of {len(events)} events{first}")
        # Null where the service did not tell them apart.
        return AppendResult(answer.applied or 0, answer.duplicates or 0, answer.superseded or 0)

    def ask(self, questions: Questions, start: int, stop: int) -> Float64Array:
        """Return the features of a range of questions, shape (n_questions, n_features)."""
        firsts = range(start, stop, ROWS)
        parts = [self._ask(questions, first, min(first + ROWS, stop)) for first in firsts]
        return np.concatenate(parts)

    def _ask(self, questions: Questions, start: int, stop: int) -> Float64Array:
        names = self._features.names
        rows = [self._row(questions, place) for place in range(start, stop)]
        answer = self._client.features_batch(rows, names=names)
        result = np.empty((len(rows), len(names)))
        for i, row in enumerate(answer.rows):
            if row.answer is None or row.row != i:
                raise UserError(f"the service refused row {rows[i]}: {row.problem}")
            values = row.answer.features
            result[i] = [np.nan if (value := values[name]) is None else value for name in names]
        return result

    def _row(self, questions: Questions, place: int) -> FeatureRow:
        keys = {name: keys[0] for name, keys in questions.keys_of(place, place + 1).items()}
        own: dict[str, SampleId | None] = {
            questions.source.name: questions.ids_of(place, place + 1)[0]
        }
        return FeatureRow(keys=keys, sample_id=own, as_of=from_us(int(questions.as_of_us[place])))

    @property
    def forgets(self) -> bool:
        """Whether settled moments cannot be asked: the service is told to forget nothing."""
        return False

    def settle(self, moment_us: int) -> None:
        """Do nothing: there is nothing to forget."""

    def explain(self, feature: Aggregator, questions: Questions, place: int) -> str:
        """Return the samples that the service says it selected for one value."""
        row = self._row(questions, place)
        own = questions.ids_of(place, place + 1)[0]
        answer = self._client.explain(
            feature.name,
            {feature.dimension: row.keys[feature.dimension]},
            sample_id=own if feature.source.name == questions.source.name else None,
            as_of=row.as_of,
        )
        lines = [f"{answer.value!r} of {answer.n_samples} samples"]
        for sample in answer.samples[-MAX_EXPLAINED:]:
            value = "" if sample.value is None else f"  {sample.value!r}"
            lines.append(f"{sample.sample_id!r}  {sample.event_time.isoformat()}{value}")
        return "\n".join(lines)

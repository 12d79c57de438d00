"""The question of a part of an ETA: start, end, moment, unit and facts.

A composition is fitted to one question per part. A model of another question (the kitchen's at
dispatch, say) gives plausible seconds that are wrong. A model of the same question that was trained
anew does not, although the composition was not calibrated with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from estimators.core.stages import ANY_MOMENT
from estimators.model.base import Estimator

__all__ = ["SECONDS", "PartQuestion"]

SECONDS = "s"
"""The unit of every estimate of this project."""


@dataclass(frozen=True, kw_only=True)
class PartQuestion:
    """A question that an estimator answers.

    Args:
        start: event from which the target counts.
        end: event with which it ends.
        asked_at: event at which it is asked, or ``any moment``.
        unit: of the answer.
        facts: columns of the request that the answer uses, sorted; empty: unknown.

    >>> rest = PartQuestion(start="dispatched", end="ready", asked_at="any moment")
    >>> rest.problem_of(PartQuestion(start="dispatched", end="ready", asked_at="dispatched"))
    "it is asked at 'dispatched'; the ETA asks at any moment"
    """

    start: str
    end: str
    asked_at: str = ANY_MOMENT
    unit: str = SECONDS
    facts: tuple[str, ...] = ()

    @classmethod
    def of(cls, estimator: Estimator) -> Self:
        """Return the question of an estimator."""
        return cls(
            start=estimator.target.start,
            end=estimator.target.end,
            asked_at=estimator.as_of,
            facts=tuple(sorted(estimator.facts.inputs)),
        )

    def problem_of(self, other: PartQuestion) -> str:
        """Return how another question differs from this one, empty if it does not.

        Args:
            other: what is answered.
        """
        if (other.start, other.end) != (self.start, self.end):
            return (
                f"it estimates {other.start!r} to {other.end!r}; the ETA needs {self.start!r} to"
                f" {self.end!r}"
            )
        if other.asked_at != self.asked_at:
            return f"it is asked at {_when(other)}; the ETA asks at {_when(self)}"
        if other.unit != self.unit:
            return f"it answers in {other.unit!r}; the ETA needs {self.unit!r}"
        if self.facts and other.facts and self.facts != other.facts:
            missing_facts = sorted({*self.facts} - {*other.facts})
            more = sorted({*other.facts} - {*self.facts})
            differences = [f"without {', '.join(missing_facts)}"] if missing_facts else []
            differences += [f"with {', '.join(more)}"] if more else []
            return f"it answers {' and '.join(differences)}, other than the ETA was composed with"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "start": self.start,
            "end": self.end,
            "asked_at": self.asked_at,
            "unit": self.unit,
            "facts": list(self.facts),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_json` wrote."""
        return cls(**{**document, "facts": tuple(document["facts"])})


def _when(question: PartQuestion) -> str:
    return question.asked_at if question.asked_at == ANY_MOMENT else repr(question.asked_at)

"""Check that a part's answer comes from a model that the ETA was composed with.

The service of a part chooses its model by itself. What comes back is held against what the
composition expects: another question is no answer; a model of the same question that was trained
since is one, with a wider range, for nobody has calibrated the composition with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from estimators.core.distribution import Distribution
from estimators.eta.part_question import PartQuestion
from estimators.quantiles.calibration import GRID_LEVELS, Scale
from estimators.quantiles.widening import INCOMPLETE_FACTOR, scale_distances
from services.client.errors import ClientError
from services.schemas.common import PredictColumnsAnswer, Question

__all__ = ["PartContract", "PartMismatch", "question_of"]


class PartMismatch(ClientError):
    """Raised where a service answers another question than the ETA asks of its part."""


@dataclass(frozen=True, kw_only=True)
class PartContract:
    """The question and models that a composition expects of a part.

    Args:
        question: that it asks.
        tag: of the model with which it was calibrated; empty: of none that has a name.
        scale: on which the part's ranges are made wider.
    """

    question: PartQuestion
    tag: str = ""
    scale: Scale = "log"

    def check(self, answer: PredictColumnsAnswer) -> None:
        """Refuse an answer to another question.

        Raises:
            AnotherQuestion: the message says what is answered, and what was asked.
        """
        tag = answer.model.tag
        if self.tag and tag == self.tag:
            return  # the same model answers the same question
        if answer.question is None:
            raise PartMismatch(
                f"is answered by {tag or 'no model'}, which does not say what it estimates"
            )
        asked = answer.question
        problem = self.question.problem_of(
            PartQuestion(
                start=asked.start,
                end=asked.end,
                asked_at=asked.asked_at,
                unit=asked.unit,
                facts=tuple(asked.facts),
            )
        )
        if problem:
            raise PartMismatch(f"is answered by {tag}, which does not fit: {problem}")

    def mismatch_note(self, tag: str) -> str:
        """Return the note on an answering model; empty for the expected one."""
        if not self.tag or not tag or tag == self.tag:
            return ""
        return f"is answered by {tag}; the ETA was calibrated with {self.tag}: the range is wider"

    def widened(self, distribution: Distribution) -> Distribution:
        """Return a part's answer, widened for a model that the ETA was not calibrated with."""
        on_grid = Distribution(GRID_LEVELS, distribution.quantile(GRID_LEVELS))
        return scale_distances(on_grid, INCOMPLETE_FACTOR, self.scale)


def question_of(question: PartQuestion) -> Question:
    """Return a question in its JSON form."""
    return Question(
        start=question.start,
        end=question.end,
        asked_at=question.asked_at,
        unit=question.unit,
        facts=list(question.facts),
    )

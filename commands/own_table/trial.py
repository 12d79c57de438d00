"""Train every estimator that a data set has events for, and write a page for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console.output import StageProgress, user_errors
from commands.options.estimators import EstimatorChoice, choices_for, compile_for_training

if TYPE_CHECKING:
    from estimators import Dataset
    from estimators.evaluation.report import Report

__all__ = ["Trained", "Trial", "run_trial"]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """An estimator that was trained, with its scores on later rows.

    Args:
        choice: the estimator.
        start: event at which the duration begins.
        end: event at which it ends.
        report: its scores beside those of simpler models.
        notes: how its parameters were chosen, and what plain LightGBM reached beside them.
        page: the HTML that shows them.
    """

    choice: EstimatorChoice
    start: str
    end: str
    report: Report
    notes: Sequence[str]
    page: Path

    def next_command(self, mapping: Path, data: Path) -> str:
        """Return the command that trains the same and saves the model."""
        offered = self.choice.offered
        leg = f" --leg {self.choice.leg}" if offered.has_legs else ""
        return f"doorstep train {offered.command}{leg} --mapping {mapping} --data {data}"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "estimator": self.choice.name,
            "target": [self.start, self.end],
            "report": self.report.to_json(),
            "notes": [*self.notes],
            "page": str(self.page),
        }


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What became of each estimator.

    Args:
        trained: those that have a page.
        refused: name of each other one -> why it was not trained.
    """

    trained: Sequence[Trained]
    refused: dict[str, str]


def run_trial(
    dataset: Dataset, folder: Path, *, threads: int, seed: int, progress: StageProgress
) -> Trial:
    """Train one estimator after the other; an error of one does not end the others.

    Args:
        dataset: of the user.
        folder: gets a page for each estimator.
        threads: to fit with.
        seed: fixes everything random.
        progress: told of "compiling", then of the stages, each with the estimator's name before it.
    """
    compile_for_training(progress)
    trained, refused = [], {}
    for choice in choices_for(dataset):

        def report(stage: str, part: float, name: str = choice.name) -> None:
            progress(f"{name}: {stage}", part)

        try:
            trained.append(_train(choice, dataset, folder, threads, seed, report))
        except user_errors() as error:
            refused[choice.name] = str(error)
    return Trial(trained=trained, refused=refused)


def _train(
    choice: EstimatorChoice,
    dataset: Dataset,
    folder: Path,
    threads: int,
    seed: int,
    progress: StageProgress,
) -> Trained:
    from commands.reports.training_page import write_page
    from estimators import DatasetError
    from estimators.training.choice_text import choice_lines
    from estimators.training.diagnostics import diagnose
    from estimators.training.train import train

    found = choice.offered.load().prepared(choice.asked_of(dataset), seed=seed)
    if not found.tests.any():
        raise DatasetError(
            f"no row from {found.test_from} on has {found.target.start} and {found.target.end}, so"
            " there is nothing to score estimates with; test_from in the mapping decides"
        )
    one = train(choice.offered.load(), found, progress=progress, num_threads=threads, seed=seed)
    diagnostics = diagnose(one.estimator, found, progress=progress)
    page = folder / f"{choice.name}.html"
    write_page(page, one.report, diagnostics, one.metadata, tag="")
    return Trained(
        choice=choice,
        start=found.target.start,
        end=found.target.end,
        report=one.report,
        notes=choice_lines(one.metadata),
        page=page,
    )

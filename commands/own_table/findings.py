"""Find in a table what makes its answers too good or too bad, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from commands.console.output import error_console
from commands.data.units.plausibility import unit_warnings
from commands.own_table.understanding import asked_questions

if TYPE_CHECKING:
    from estimators import Dataset

__all__ = ["findings", "print_findings"]

ROWS_OF_A_WARNING = 30
TOO_CLOSE = 0.95
"""No honest number tells a duration so well beforehand."""


def findings(dataset: Dataset, units: Mapping[str, str]) -> list[str]:
    """Return a sentence for each thing to look at.

    Args:
        dataset: of the user.
        units: attribute -> unit that the mapping states of its column.
    """
    answers = [
        finding
        for about in asked_questions(dataset)
        for name in about.numbers
        for finding in _answers(about, name)
    ]
    return [*answers, *unit_warnings(dataset, units)]


def print_findings(found: list[str]) -> None:
    """Print findings as warnings."""
    for one in found:
        error_console.print(Text.assemble(("warning: ", "yellow"), one), soft_wrap=True)


def _answers(dataset: Dataset, name: str) -> Iterator[str]:
    """Yield a sentence if a number of the request follows the target too closely."""
    import pandas as pd

    rows = dataset.labelled
    values = dataset.table.loc[rows, name].astype("float64")
    if len(values) < ROWS_OF_A_WARNING or values.nunique() < 2:
        return
    closeness = abs(values.rank().corr(pd.Series(dataset.target_s[rows], values.index).rank()))
    if closeness > TOO_CLOSE:
        yield (
            f"{name} follows {dataset.target.start} to {dataset.target.end}"
            f" almost exactly (rank correlation {closeness:.3f}): is it known only afterwards? Say"
            " so with known_from, or leave it out"
        )

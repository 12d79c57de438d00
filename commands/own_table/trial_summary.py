"""Summarise what estimators reached on a user's table: on the console, and as a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup
from rich.text import Text as Line

from commands.console.output import console
from commands.console.plain_table import number_text, plain_table, share_text
from commands.own_table.trial import Trained, Trial
from commands.reports.page import Block, Cell, FactList, Page, Row, Section, Table, Text

if TYPE_CHECKING:
    from estimators import Dataset

__all__ = ["print_trial", "trial_page"]

LEVEL = 0.8
HEADS = ("model", "rows", "MAE s", "CRPS s", "in 80% range", "80% range s")
_SCORES = (
    "Every model learned from the earlier rows and is scored on the later ones. MAE: how far the"
    " median was off on average, seconds. CRPS judges the whole distribution: lower is better. The"
    " 80% range should hold 80% of what happens."
)


def print_trial(trial: Trial) -> None:
    """Print the errors of each estimator beside those of simpler models."""
    for one in trial.trained:
        console.print(Line.assemble((_title(one), "bold")))
        table = plain_table(*HEADS)
        for cells in _rows(one):
            table.add_row(*cells)
        console.print(table)
        for note in one.notes:
            console.print(Line(note), soft_wrap=True)
    for name, why in trial.refused.items():
        console.print(Line(f"{name} was not trained: {why}"), soft_wrap=True)


def trial_page(
    dataset: Dataset, trial: Trial, *, findings: Sequence[str], questions: Sequence[str]
) -> str:
    """Return the summary as an HTML page, with links to the estimators' pages beside it.

    Args:
        dataset: that they were trained on.
        trial: what became of each.
        findings: what to look at in the table.
        questions: what the first mapping had to guess.
    """
    source = dataset.source
    facts = {
        "rows": f"{len(dataset.table):,}",
        "events": ", ".join(source.events),
        "dimensions": ", ".join(source.dimensions) or "none",
        "attributes": ", ".join(source.attributes) or "none",
        "tested on": f"what happened from {dataset.test_from.isoformat(timespec='minutes')} on",
    }
    longest_s = dataset.label_bounds_s[1]
    if math.isfinite(longest_s):
        facts["longest duration"] = f"{longest_s:,.0f} s; longer ones are no labels"
    sections = [Section(_title(one), _section(one)) for one in trial.trained]
    sections += [
        Section("Not trained", [Text(f"{name}: {why}") for name, why in trial.refused.items()]),
        Section("To look at in the table", [Text(one) for one in findings]),
        Section("What the mapping had to guess", [Text(one) for one in questions]),
    ]
    page = Page(
        title=f"A trial on {dataset.name}",
        top=[Text(_SCORES), FactList(facts)],
        sections=[one for one in sections if one.blocks],
    )
    return page.html()


def _title(one: Trained) -> str:
    return f"{one.choice.name}: {one.start} to {one.end}"


def _section(one: Trained) -> list[Block]:
    rows = [
        Row([Cell(text) for text in cells], emphasised=cells[0] == one.report.estimator)
        for cells in _rows(one)
    ]
    link = Markup('<a href="{}">All scores, charts and examples</a>').format(Path(one.page).name)
    return [Table(heads=HEADS, rows=rows), *map(Text, one.notes), Text(link)]


def _rows(one: Trained) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in one.report.rows:
        if row.group != "all":
            continue
        scores = row.scores
        rows.append(
            (
                row.model,
                f"{scores.n:,}" if scores.n else "-",
                number_text(scores.mae_s),
                number_text(scores.crps_s),
                share_text(scores.coverage.get(LEVEL, math.nan)),
                number_text(scores.width_s.get(LEVEL, math.nan)),
            )
        )
    return rows

"""The scores of an estimator as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from commands.console.output import console
from commands.console.plain_table import number_text, plain_table, share_text

if TYPE_CHECKING:
    from rich.table import Table

    from estimators.evaluation.report import Report, ReportRow
    from estimators.evaluation.scores import Scores

__all__ = ["labels_in_words", "print_report", "print_stages"]

RANGE_LEVEL = 0.8
"""The central range whose coverage and width are printed."""


def print_report(report: Report, *, slices: bool = False) -> None:
    """Print a report: every model over the whole test period and, if asked, the slices.

    All numbers but the counts and the coverage are seconds; a dash stands for what is not known.
    """
    if not report.rows:
        console.print(f"{report.estimator} on {report.dataset}: no order to test with")
        return
    start, end = report.period
    console.print(
        f"[bold]{report.estimator}[/] on {report.dataset}, tested on {start} to {end}",
        highlight=False,
    )
    console.print(_table([row for row in report.rows if row.group == "all"], "model"))
    if slices:
        groups = dict.fromkeys(row.group for row in report.rows if row.group != "all")
        for group in groups:
            console.print(_table([row for row in report.rows if row.group == group], group))


def print_stages(report: Report) -> None:
    """Print the scores of all models of a composed ETA in each stage of an order."""
    stages = dict.fromkeys(row.value for row in report.rows if row.group == "stage")
    models = dict.fromkeys(row.model for row in report.rows)
    by_place = {(row.value, row.model): row.scores for row in report.rows if row.group == "stage"}
    for title, number in _STAGE_TABLES.items():
        table = plain_table("stage", "moments", *models, title=title)
        for stage in stages:
            found = [by_place.get((stage, model)) for model in models]
            n = max(one.n for one in found if one is not None)
            numbers = ("-" if one is None else number(one) for one in found)
            table.add_row(stage, f"{n:,}", *numbers)
        console.print()
        console.print(table)


def labels_in_words(labels: Mapping[str, Mapping[str, int]]) -> str:
    """Return how many labels of which kind a model had, where not all of them are exact.

    >>> labels_in_words({"training": {"exact": 1200, "bounded": 300}, "test": {"exact": 400}})
    'training 1,200 exact, 300 bounded; test 400 exact'
    """
    return "; ".join(
        f"{period} " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
        for period, counts in labels.items()
    )


def _table(rows: Iterable[ReportRow], heading: str) -> Table:
    percent = f"{RANGE_LEVEL:.0%}"
    heads = (heading, "orders", "MAE s", "RMSE s", "bias s", "pinball s", "CRPS s",
             f"in {percent} range", f"{percent} range s")  # fmt: skip
    table = plain_table(*heads)
    for row in rows:
        scores = row.scores
        table.add_row(
            row.value or row.model,
            f"{scores.n:,}" if scores.n else "-",
            number_text(scores.mae_s),
            number_text(scores.rmse_s),
            "-" if math.isnan(scores.bias_s) else f"{scores.bias_s:+,.1f}",
            number_text(scores.pinball_s),
            number_text(scores.crps_s),
            share_text(_at(scores.coverage)),
            number_text(_at(scores.width_s)),
        )
    return table


def _at(by_level: Mapping[float, float]) -> float:
    return by_level.get(RANGE_LEVEL, math.nan)


_STAGE_TABLES: Mapping[str, Callable[[Scores], str]] = {
    "MAE s": lambda scores: number_text(scores.mae_s),
    "CRPS s": lambda scores: number_text(scores.crps_s),
    f"in {RANGE_LEVEL:.0%} range": lambda scores: share_text(_at(scores.coverage)),
    f"{RANGE_LEVEL:.0%} range s": lambda scores: number_text(_at(scores.width_s)),
}
"""What is printed of each model in each stage."""

"""The scores of an estimator as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from commands.console.output import console

if TYPE_CHECKING:
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
        table = Table(
            box=None, padding=(0, 2, 0, 0), header_style="bold", title=title, title_justify="left"
        )
        table.add_column("stage")
        table.add_column("moments", justify="right")
        for model in models:
            table.add_column(model, justify="right")
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
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(heading)
    percent = f"{RANGE_LEVEL:.0%}"
    for column in (
        "orders",
        "MAE s",
        "RMSE s",
        "pinball s",
        "CRPS s",
        f"in {percent} range",
        f"{percent} range s",
    ):
        table.add_column(column, justify="right")
    for row in rows:
        scores = row.scores
        table.add_row(
            row.value or row.model,
            f"{scores.n:,}" if scores.n else "-",
            _number(scores.mae_s),
            _number(scores.rmse_s),
            _number(scores.pinball_s),
            _number(scores.crps_s),
            _share(_at(scores.coverage)),
            _number(_at(scores.width_s)),
        )
    return table


def _at(by_level: Mapping[float, float]) -> float:
    return by_level.get(RANGE_LEVEL, math.nan)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.1f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


_STAGE_TABLES: Mapping[str, Callable[[Scores], str]] = {
    "MAE s": lambda scores: _number(scores.mae_s),
    "CRPS s": lambda scores: _number(scores.crps_s),
    f"in {RANGE_LEVEL:.0%} range": lambda scores: _share(_at(scores.coverage)),
    f"{RANGE_LEVEL:.0%} range s": lambda scores: _number(_at(scores.width_s)),
}
"""What is printed of each model in each stage."""

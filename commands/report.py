"""The scores of an estimator as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from commands.output import console

if TYPE_CHECKING:
    from estimators.evaluation import Report, ReportRow

__all__ = ["labels_in_words", "print_report"]

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

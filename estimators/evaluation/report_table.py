"""A report as a table of a few lines: plain text, and HTML for notebooks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from estimators.evaluation.scores import Report, Scores

__all__ = ["report_html", "report_text"]

LEVEL = 0.8
MODELS_MAX = 7
"""The most models that the table shows: with heading and foot it has ten lines."""


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.1f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


_COLUMNS: Mapping[str, Callable[[Scores], str]] = {
    "orders": lambda scores: f"{scores.n:,}" if scores.n else "-",
    "MAE s": lambda scores: _number(scores.mae_s),
    "RMSE s": lambda scores: _number(scores.rmse_s),
    "CRPS s": lambda scores: _number(scores.crps_s),
    f"in {LEVEL:.0%} range": lambda scores: _share(scores.coverage.get(LEVEL, math.nan)),
    f"{LEVEL:.0%} range s": lambda scores: _number(scores.width_s.get(LEVEL, math.nan)),
}


def report_text(report: Report) -> str:
    """Return the scores of all models over the whole period, at most ten lines."""
    rows = _rows(report)
    if not rows:
        return _title(report)
    lines = [("model", *_COLUMNS), *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    table = [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([_title(report), *table, *_foot(report, len(rows))])


def report_html(report: Report) -> str:
    """Return the same table as HTML, the estimator's own line in bold."""
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("model", *_COLUMNS))
    body = ""
    rows = _rows(report)
    for row in rows:
        tag = "th" if row[0] == report.estimator else "td"
        body += "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"
    foot = "".join(f"<p>{escape(line)}</p>" for line in _foot(report, len(rows)))
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    return f"<p>{escape(_title(report))}</p>{table}{foot}"


def _rows(report: Report) -> list[tuple[str, ...]]:
    overall = [row for row in report.rows if row.group == "all"][:MODELS_MAX]
    return [(row.model, *(show(row.scores) for show in _COLUMNS.values())) for row in overall]


def _title(report: Report) -> str:
    if not report.rows:
        return f"{report.estimator} on {report.dataset}: no order to test with"
    start, end = report.period
    return f"{report.estimator} on {report.dataset}, tested on {start} to {end}"


def _foot(report: Report, shown: int) -> list[str]:
    more = sum(row.group == "all" for row in report.rows) - shown
    slices = ", ".join(dict.fromkeys(row.group for row in report.rows if row.group != "all"))
    notes = [f"{more} more models"] if more else []
    notes += [f"also by {slices}: report.rows"] if slices else []
    return ["; ".join(notes)] if notes else []

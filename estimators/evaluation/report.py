"""The report of an evaluation: scores by model and slice, as JSON, text and HTML for notebooks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from estimators.evaluation.scores import ALL, Scores

__all__ = ["Report", "ReportRow", "report_html", "report_text"]

LEVEL = 0.8
MODELS_MAX = 7
"""The most models that the table shows: with heading and foot it has ten lines."""


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """One line of a report: a model, the slice of the test period, its scores.

    Args:
        model: the estimator's name, a baseline or a published result.
        group: ``"all"``, or what the slice is by: ``"city"``, ``"hour"``, ``"store age"``.
        value: of the slice (``"London"``), empty for ``"all"``.
        scores: of the model on the slice.
    """

    model: str
    group: str
    value: str
    scores: Scores

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "model": self.model,
            "group": self.group,
            "value": self.value,
            "scores": self.scores.to_json(),
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """All scores of one estimator on one data set; ``print`` shows them as a table.

    Args:
        estimator: its name.
        dataset: the data set's name.
        period: first and last moment that was scored, ISO 8601.
        rows: overall rows of every model first, then the estimator's slices.
    """

    estimator: str
    dataset: str
    period: tuple[str, str]
    rows: tuple[ReportRow, ...]

    def __str__(self) -> str:
        return report_text(self)

    def __repr__(self) -> str:
        return f"<Report of {self.estimator} on {self.dataset}, {len(self.rows)} rows>"

    def _repr_html_(self) -> str:
        """Return the table, as notebooks show it."""
        return report_html(self)

    def overall(self, model: str) -> Scores:
        """Return the scores of a model over the whole period. Raises `KeyError`: it has none."""
        for row in self.rows:
            if row.model == model and row.group == ALL:
                return row.scores
        raise KeyError(model)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; :meth:`from_json` reads it."""
        return {
            "estimator": self.estimator,
            "dataset": self.dataset,
            "period": list(self.period),
            "rows": [row.to_json() for row in self.rows],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Report:
        """Return the report that :meth:`to_json` wrote."""
        return cls(
            estimator=document["estimator"],
            dataset=document["dataset"],
            period=(document["period"][0], document["period"][1]),
            rows=tuple(
                ReportRow(
                    model=row["model"],
                    group=row["group"],
                    value=row["value"],
                    scores=Scores.from_json(row["scores"]),
                )
                for row in document["rows"]
            ),
        )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.1f}"


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+,.1f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


_COLUMNS: Mapping[str, Callable[[Scores], str]] = {
    "orders": lambda scores: f"{scores.n:,}" if scores.n else "-",
    "MAE s": lambda scores: _number(scores.mae_s),
    "RMSE s": lambda scores: _number(scores.rmse_s),
    "bias s": lambda scores: _signed(scores.bias_s),
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

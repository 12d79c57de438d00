"""Explanations on the console and as JSON: of a model, and of one order as a waterfall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from commands.console.output import console
from commands.console.plain_table import plain_table
from estimators import Dataset, Distribution
from estimators.model.base import Estimator
from estimators.model.explanation import EXPLAINED_MAX, Contribution, EstimateExplanation, Statistic
from estimators.training.diagnostics import inputs_in_order, rows_of_test_period

__all__ = ["ExplainedModel", "ExplainedOrder", "explained_model", "waterfall"]

BAR = 36
"""Characters of the longest bar."""

RANGES = (0.5, 0.8)


@dataclass(frozen=True, kw_only=True)
class ExplainedModel:
    """What moves the estimates of a test period: mean absolute contributions in seconds."""

    dataset: str
    of: Statistic
    rows: int
    topics: Mapping[str, float]
    dimensions: Mapping[str, float]
    columns: Mapping[str, float]
    descriptions: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        return {
            "dataset": self.dataset,
            "of": self.of,
            "rows": self.rows,
            "topics": dict(self.topics),
            "dimensions": dict(self.dimensions),
            "columns": dict(self.columns),
        }

    def show(self, top: int) -> None:
        """Print topics and the first facts and features with bars."""
        console.print(
            f"By how many seconds they move the {self.of} up or down, mean of {self.rows:,} rows"
            f" of the test period of {self.dataset}",
            highlight=False,
        )
        groups = (self.topics, self.dimensions, self.columns)
        largest = max(*(value for group in groups for value in group.values()), 1e-9)
        self._table("topic", self.topics, len(self.topics), largest)
        self._table("of whom", self.dimensions, len(self.dimensions), largest)
        self._table("fact or feature", self.columns, top, largest)

    def _table(self, heading: str, seconds: Mapping[str, float], n: int, largest: float) -> None:
        table = plain_table(heading, "s", "", texts=("",), no_wrap=True)
        table.add_column("")  # of all columns, this one is folded where the terminal is narrow
        for name, value in list(seconds.items())[:n]:
            bar = "█" * round(BAR * value / largest)
            description = self.descriptions[name] if seconds is self.columns else ""
            table.add_row(name, f"{value:,.1f}", Text(bar, style="blue"), description)
        console.print()
        console.print(table)


@dataclass(frozen=True, kw_only=True)
class ExplainedOrder:
    """One estimate, what it is made of, and what then happened.

    Args:
        sample_id: of the order; None: there is none yet.
        as_of: when it was asked.
        predicted: the estimate, one row.
        explanation: of it, one row.
        actual_s: what happened, None where that is not known.
        was_learned: whether the model learned from this very order.
        is_extra: whether the seconds are what comes on top of another estimate.
    """

    sample_id: str | int | None
    as_of: datetime
    predicted: Distribution
    explanation: EstimateExplanation
    actual_s: float | None
    was_learned: bool
    is_extra: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able dictionary."""
        ranges = {f"range_{level:.0%}".rstrip("%") + "_s": self._range(level) for level in RANGES}
        return {
            "sample_id": self.sample_id,
            "as_of": self.as_of.isoformat(),
            "median_s": float(self.predicted.quantile(0.5)[0]),
            "mean_s": float(self.predicted.mean()[0]),
            **ranges,
            "actual_s": self.actual_s,
            "was_learned": self.was_learned,
            "explanation": self.explanation.to_json(),
        }

    def show(self, top: int) -> None:
        """Print the estimate, what happened, and what the estimate is the sum of."""
        who = "an order" if self.sample_id is None else f"order {self.sample_id}"
        median_s, mean_s = self.predicted.quantile(0.5)[0], self.predicted.mean()[0]
        ranges = ", ".join(
            f"{level:.0%} range {low:,.0f} to {high:,.0f} s"
            for level, (low, high) in ((level, self._range(level)) for level in RANGES)
        )
        console.print(f"[bold]{who}[/], asked at {self.as_of.isoformat()}", highlight=False)
        console.print(
            f"estimate: median {median_s:,.0f} s, mean {mean_s:,.0f} s; {ranges}", highlight=False
        )
        if self.actual_s is not None:
            place = f"{self.predicted.cdf(self.actual_s)[0]:.0%}"
            took = "beyond what is expected otherwise it took" if self.is_extra else "it took"
            console.print(
                f"{took} [bold]{self.actual_s:,.0f} s[/]: {place} of such orders were expected to"
                " be quicker",
                highlight=False,
            )
        if self.was_learned:
            console.print("[yellow]The model learned from this order, so it may know too well.[/]")
        console.print()
        console.print(waterfall(self.explanation, top))
        console.print()
        topics = ", ".join(
            f"{topic} {seconds:+,.0f} s"
            for topic, seconds in self.explanation.to_json()["topics"].items()
        )
        console.print(f"by topic: {topics}", highlight=False)

    def _range(self, level: float) -> list[float]:
        low, high = self.predicted.interval(level)
        return [float(low[0]), float(high[0])]


def explained_model(
    estimator: Estimator, dataset: Dataset, *, of: Statistic = "median"
) -> ExplainedModel:
    """Explain an estimator's answers to the test period of a data set.

    Raises:
        DatasetError: the test period holds no labelled row.
    """
    rows = rows_of_test_period(dataset, EXPLAINED_MAX)
    found = estimator.explain(inputs_in_order(estimator, dataset, rows), of=of)
    return ExplainedModel(
        dataset=dataset.name,
        of=of,
        rows=len(rows),
        topics=found.importance_by("topic"),
        dimensions=found.importance_by("dimension"),
        columns=found.importance(),
        descriptions={column.name: column.description for column in found.columns},
    )


def waterfall(explanation: EstimateExplanation, top: int) -> Table:
    """Return one row's sum, line by line: where it starts, what each adds, where it ends."""
    reasons = explanation.reasons()
    shown, rest = reasons[:top], reasons[top:]
    lines: list[tuple[str, str, float]] = [
        (reason.column.name, _value(reason), reason.contribution_s) for reason in shown
    ]
    if rest:
        lines.append((f"{len(rest)} others", "", sum(one.contribution_s for one in rest)))
    lines.append(("calibration", "", float(explanation.calibration_s[0])))
    place_s = explanation.base_s
    ends = [place_s]
    for _, _, seconds in lines:
        ends.append(ends[-1] + seconds)
    # The bars begin a little below the lowest sum, not at 0: else all that is added looks alike.
    low = min(ends) - 0.1 * (max(ends) - min(ends))
    scale = BAR / max(max(ends) - low, 1e-9)
    table = plain_table("", "value", "adds, s", "sum, s", "", texts=("",), no_wrap=True)
    table.add_row(
        "where nothing is known", "", "", _seconds(place_s), _bar(low, place_s, low, scale, "")
    )
    for name, value, seconds in lines:
        bar = _bar(place_s, place_s + seconds, low, scale, "red" if seconds > 0 else "green")
        place_s += seconds
        table.add_row(name, value, f"{seconds:+,.1f}", _seconds(place_s), bar)
    estimate_s = float(explanation.estimate_s[0])
    whole = _bar(low, estimate_s, low, scale, "blue")
    table.add_row(f"[bold]{explanation.of}[/]", "", "", f"[bold]{_seconds(estimate_s)}[/]", whole)
    return table


def _bar(start_s: float, end_s: float, low: float, scale: float, style: str) -> Text:
    left, right = sorted((round((start_s - low) * scale), round((end_s - low) * scale)))
    return Text(" " * left + ("█" * (right - left) or "▏"), style=style)


def _value(reason: Contribution) -> str:
    value, unit = reason.value, reason.column.unit
    if value is None:
        return "missing"
    text = f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1_000 else str(value)
    if isinstance(value, float) and abs(value) >= 1_000:
        text = f"{value:,.0f}"
    return f"{text} {unit}".rstrip()


def _seconds(value: float) -> str:
    return f"{value:,.1f}"

"""Describe how the columns of a table were understood, and which questions it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.text import Text

from commands.console.output import console
from commands.console.plain_table import plain_table

if TYPE_CHECKING:
    from estimators import Dataset

__all__ = ["asked_questions", "print_understood", "understood"]


def understood(dataset: Dataset) -> dict[str, Any]:
    """Return how each column was understood, and the questions, as JSON has them."""
    return {**_columns(dataset), "questions": list(_questions(dataset))}


def asked_questions(dataset: Dataset) -> list[Dataset]:
    """Return the data set asked each question that its events allow."""
    asked = [(dataset.target, dataset.as_of)]
    asked += [(one.target, one.as_of) for one in dataset.questions]
    return [dataset.about(target, as_of=as_of) for target, as_of in dict.fromkeys(asked)]


def print_understood(dataset: Dataset) -> None:
    """Print a line for each column and for each question."""
    found = _columns(dataset)
    console.print(f"[bold]{found['data']}[/]: {found['rows']:,} {found['source']}", highlight=False)
    heads = ("column", "is", "known from", "there in", "for example")
    table = plain_table(*heads, texts=heads)
    for one in found["columns"]:
        share, example = f"{one['share_known']:.1%}", Text(one["example"] or "-")
        table.add_row(one["name"], one["kind"], one["known_from"] or "", share, example)
    console.print(table)
    for one in _questions(dataset):
        start, end = one["target"]
        console.print(
            f"{start} to {end}, asked when {one['as_of']}: {one['rows_to_train']:,} rows to train"
            f" on, {one['rows_to_test']:,} to test with (from {one['test_from']}){_between(one)};"
            f" the request tells {', '.join(one['facts']) or 'nothing'}",
            highlight=False,
        )


def _between(question: dict[str, Any]) -> str:
    """Return the rows that belong to neither period, in words."""
    n = question["rows_between"]
    return f", {n:,} in neither as they ended only after that" if n else ""


def _columns(dataset: Dataset) -> dict[str, Any]:
    source, rows = dataset.source, dataset.table
    kinds = {
        **dict.fromkeys(source.events, "event"),
        **dict.fromkeys(source.dimensions, "dimension"),
        **dict.fromkeys(source.attributes, "attribute"),
    }
    columns = []
    for name, kind in kinds.items():
        known = rows[name].dropna()
        columns.append(
            {
                "name": name,
                "kind": kind,
                "known_from": None if kind == "event" else source.known_from_event(name),
                "share_known": len(known) / len(rows),
                "example": str(known.iloc[0]) if len(known) else None,
            }
        )
    return {"data": dataset.name, "source": source.name, "rows": len(rows), "columns": columns}


def _questions(dataset: Dataset) -> Iterator[dict[str, Any]]:
    for about in asked_questions(dataset):
        yield {
            "target": [about.target.start, about.target.end],
            "as_of": about.as_of,
            "rows_to_train": int(about.trains.sum()),
            "rows_to_test": int(about.tests.sum()),
            "rows_between": int((about.labelled & ~about.trains & ~about.tests).sum()),
            "test_from": about.test_from.isoformat(timespec="seconds"),
            "facts": [*about.numbers, *about.categories],
        }

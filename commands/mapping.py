"""`doorstep mapping init | check | schema`: a mapping of one's own table, made and checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from commands.console.json_output import JsonOption, print_json
from commands.console.output import UserError, console, error_console, progress, reports_errors
from commands.console.plain_table import plain_table
from commands.options.tables import EncodingOption

if TYPE_CHECKING:
    from estimators import Dataset

__all__ = ["mapping_app"]

mapping_app = typer.Typer(
    name="mapping", help="Say what the columns of your own table are.", no_args_is_help=True
)

ROWS_OF_A_WARNING = 30
TOO_CLOSE = 0.95
"""No honest number tells a duration so well beforehand."""

TableArgument = Annotated[Path, typer.Argument(help="The table, CSV or Parquet.")]


@mapping_app.command("init")
@reports_errors
def init(
    table: TableArgument,
    to: Annotated[
        Path | None, typer.Option(help="YAML to write.  [default: print it]", show_default=False)
    ] = None,
    encoding: EncodingOption = None,
) -> None:
    """Guess a mapping from the names and values of a table's columns, with comments.

    Times become events, what repeats becomes dimensions, other numbers attributes. It is a guess:
    look at every line before training.
    """
    from commands.data.mapping_guess import guess_mapping

    if to is not None:
        _check_new(to)
    guessed = guess_mapping(table, encoding)
    text = guessed.to_yaml(Path() if to is None else to.parent)
    if to is None:
        print(text, end="")  # noqa: T201 - YAML as it is, never folded
    else:
        to.write_text(text, encoding="utf-8")
        error_console.print(f"wrote {to}; then: doorstep mapping check {to}", soft_wrap=True)
    if guessed.naive:
        error_console.print(
            "[yellow]warning:[/] the times carry no offset from UTC; say from which clock they"
            " were read (clock:)"
        )


def _check_new(path: Path) -> None:
    if path.exists():
        raise UserError(f"there is a file {str(path)!r} already")
    if not path.absolute().parent.is_dir():
        raise UserError(f"--to is {str(path)!r}, but there is no folder {str(path.parent)!r}")


@mapping_app.command("check")
@reports_errors
def check(
    mapping: Annotated[Path, typer.Argument(help="The YAML.")],
    data: Annotated[
        Path | None,
        typer.Option(help="The table.  [default: the mapping's file]", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read the whole table by its mapping and print how each column was understood."""
    from commands.data.mapped_dataset import mapped_dataset
    from commands.data.mapping_file import read_mapping
    from commands.data.units.plausibility import unit_warnings

    with progress() as report:
        report("data", 0.0)
        dataset = mapped_dataset(mapping, data, progress=lambda part: report("data", part))
        report("data", 1.0)
    if as_json:
        print_json({**_columns(dataset), "questions": list(_questions(dataset))})
    else:
        _print(dataset)
    for about in _asked(dataset):
        for name in about.numbers:
            _warn_of_answers(about, name)
    for sentence in unit_warnings(dataset, read_mapping(mapping).mapping.units):
        error_console.print("[yellow]warning:[/]", Text(sentence), soft_wrap=True)


@mapping_app.command("schema")
@reports_errors
def schema() -> None:
    """Print the JSON schema of a mapping, for editors that complete and check YAML."""
    from commands.data.mapping_file import json_schema

    print(json.dumps(json_schema(), indent=2))  # noqa: T201


def _columns(dataset: Dataset) -> dict[str, Any]:
    """Return how each column was understood."""
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


def _asked(dataset: Dataset) -> list[Dataset]:
    """Return the data set asked each question that its events allow."""
    asked = [(dataset.target, dataset.as_of)]
    asked += [(one.target, one.as_of) for one in dataset.questions]
    return [dataset.about(target, as_of=as_of) for target, as_of in dict.fromkeys(asked)]


def _questions(dataset: Dataset) -> Iterator[dict[str, Any]]:
    for about in _asked(dataset):
        yield {
            "target": [about.target.start, about.target.end],
            "as_of": about.as_of,
            "rows_to_train": int(about.trains.sum()),
            "rows_to_test": int(about.tests.sum()),
            "test_from": about.test_from.isoformat(timespec="seconds"),
            "facts": [*about.numbers, *about.categories],
        }


def _print(dataset: Dataset) -> None:
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
            f" on, {one['rows_to_test']:,} to test with (from {one['test_from']}); the request"
            f" tells {', '.join(one['facts']) or 'nothing'}",
            highlight=False,
        )


def _warn_of_answers(dataset: Dataset, name: str) -> None:
    """Warn where a number of the request follows the target too closely."""
    import pandas as pd

    rows = dataset.labelled
    values = dataset.table.loc[rows, name].astype("float64")
    if len(values) < ROWS_OF_A_WARNING or values.nunique() < 2:
        return
    closeness = abs(values.rank().corr(pd.Series(dataset.target_s[rows], values.index).rank()))
    if closeness > TOO_CLOSE:
        error_console.print(
            f"[yellow]warning:[/] {name} follows {dataset.target.start} to {dataset.target.end}"
            f" almost exactly (rank correlation {closeness:.3f}): is it known only afterwards? Say"
            " so with known_from, or leave it out",
            highlight=False,
        )

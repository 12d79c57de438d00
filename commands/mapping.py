"""`doorstep mapping init | check | schema` and `doorstep try`: one's own table.

A mapping is made and checked, and what it allows is trained.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from commands.console.json_output import JsonOption, print_json
from commands.console.output import UserError, console, error_console, progress, reports_errors
from commands.data.sources import SeedOption
from commands.options.tables import EncodingOption

__all__ = ["mapping_app", "try_table"]

MAPPING = "mapping.yaml"
REPORT = "report.html"
ROWS_TRIED = 20_000

mapping_app = typer.Typer(
    name="mapping", help="Say what the columns of your own table are.", no_args_is_help=True
)

TableArgument = Annotated[Path, typer.Argument(help="The table: CSV, Parquet or Excel.")]


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
    from commands.guessing.guess import guess_mapping
    from commands.guessing.mapping_text import mapping_text
    from commands.own_table.first_mapping import check_new_file, write_first_mapping

    if to is None:
        guessed = guess_mapping(table, encoding)
        print(mapping_text(guessed, Path()), end="")  # noqa: T201 - YAML as it is, never folded
    else:
        check_new_file(to)
        guessed = write_first_mapping(table, to, encoding)
        error_console.print(f"wrote {to}; then: doorstep mapping check {to}", soft_wrap=True)
    if guessed.naive:
        error_console.print(
            "[yellow]warning:[/] the times carry no offset from UTC; say from which clock they"
            " were read (clock:)"
        )


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
    from commands.own_table.findings import findings, print_findings
    from commands.own_table.understanding import print_understood, understood

    with progress() as report:
        report("data", 0.0)
        dataset = mapped_dataset(mapping, data, progress=lambda part: report("data", part))
        report("data", 1.0)
    found = findings(dataset, read_mapping(mapping).mapping.units)
    if as_json:
        print_json({**understood(dataset), "findings": found})
    else:
        print_understood(dataset)
    print_findings(found)


@mapping_app.command("schema")
@reports_errors
def schema() -> None:
    """Print the JSON schema of a mapping, for editors that complete and check YAML."""
    from commands.data.mapping_file import json_schema

    print(json.dumps(json_schema(), indent=2))  # noqa: T201


@reports_errors
def try_table(
    file: TableArgument,
    to: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder for {MAPPING} and the pages, orders-doorstep for orders.csv if none is"
            f" named; a {MAPPING} in it is kept and used.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        int, typer.Option(min=1, help="Use only so many rows, the latest ones.")
    ] = ROWS_TRIED,
    encoding: EncodingOption = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads to fit with.")] = 2,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Guess what the columns of a table are, train what it can answer, and write a report.

    The table's later fifth tests. Prints the error of every estimator beside those of simpler
    models, and what had to be guessed. Models are not saved: `doorstep train` does that.
    """
    from commands.data.mapped_dataset import mapped_dataset
    from commands.data.mapping_file import read_mapping
    from commands.own_table.findings import findings, print_findings
    from commands.own_table.trial import run_trial
    from commands.own_table.trial_summary import print_trial, trial_page
    from commands.own_table.understanding import print_understood

    folder = to or Path(f"{file.name.partition('.')[0]}-doorstep")
    mapping = folder / MAPPING
    questions = _first_guess(file, folder, encoding)
    with progress() as report:
        report("data", 0.0)
        dataset = mapped_dataset(
            mapping, file, latest=rows, progress=lambda part: report("data", part)
        )
        report("data", 1.0)
    if not as_json:
        print_understood(dataset)
    found = findings(dataset, read_mapping(mapping).mapping.units)
    print_findings(found)
    with progress() as report:
        trial = run_trial(dataset, folder, threads=threads, seed=seed, progress=report)
    page = folder / REPORT
    page.write_text(
        trial_page(dataset, trial, findings=found, questions=questions), encoding="utf-8"
    )
    if as_json:
        print_json(
            {
                "mapping": str(mapping),
                "report": str(page),
                "rows": len(dataset.table),
                "trained": [one.to_json() for one in trial.trained],
                "refused": trial.refused,
                "findings": found,
                "questions": questions,
            }
        )
    else:
        print_trial(trial)
        for one in questions:
            console.print(Text(f"? {one}"), soft_wrap=True)
    error_console.print(f"wrote {page}; change {mapping} and try again", soft_wrap=True)
    if not trial.trained:
        raise UserError(f"no estimator could be trained on {file.name}")
    command = trial.trained[0].next_command(mapping, file)
    error_console.print(Text(f"to save a model: {command}"), soft_wrap=True)


def _first_guess(file: Path, folder: Path, encoding: str | None) -> list[str]:
    """Write the first mapping unless there is one, and return what it had to guess."""
    from commands.own_table.first_mapping import write_first_mapping

    mapping = folder / MAPPING
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--to is {str(folder)!r}, which is a file; expected a folder")
    if mapping.exists():
        error_console.print(f"{mapping} is kept and used", soft_wrap=True)
        return []
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        guessed = write_first_mapping(file, mapping, encoding)
    except UserError:
        if is_new:
            folder.rmdir()
        raise
    error_console.print(f"wrote {mapping}", soft_wrap=True)
    return guessed.questions

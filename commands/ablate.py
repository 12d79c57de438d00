"""`doorstep ablate ESTIMATOR`: what each group of features is worth, on any data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from commands.console.json_output import JsonOption, print_json
from commands.console.option_groups import with_options
from commands.console.output import UserError, console, progress
from commands.console.output_files import check_output, write_json, write_text
from commands.options.data import DATA_OPTIONS, DataChoice
from commands.options.estimators import EstimatorChoice, add_commands

if TYPE_CHECKING:
    from estimators.evaluation.comparison import LossDifference
    from estimators.training.ablation import Ablation

__all__ = ["ablate_app"]

ablate_app = typer.Typer(
    name="ablate", help="Say what each group of features is worth.", no_args_is_help=True
)

KINDS = ("source", "dimension", "topic", "function", "extra")

SplitsOption = Annotated[
    int,
    typer.Option(min=1, max=10, help="Inner splits by time of the training period to score on."),
]
RepeatsOption = Annotated[
    int,
    typer.Option(
        min=1, max=20, help="Trainings of each model, with different seeds; losses are averaged."
    ),
]
ByOption = Annotated[
    list[str] | None,
    typer.Option(
        help=f"Kind of groups to look at, one of {', '.join(KINDS)}; may be repeated.  [default:"
        " all]",
        show_default=False,
    ),
]
TestOption = Annotated[
    bool,
    typer.Option(
        "--test", help="Score the test period instead. Who chooses by it has none left to trust."
    ),
]
ThreadsOption = Annotated[int, typer.Option(min=1, max=64, help="Threads to fit with.")]
PageOption = Annotated[
    Path | None, typer.Option("--report", help="Write a page of charts (HTML).", show_default=False)
]
MetricsOption = Annotated[
    Path | None, typer.Option("--metrics", help="Write all numbers as JSON.", show_default=False)
]


@ablate_app.callback()
def _ablate() -> None:
    """Say what each group of features is worth."""


def _ablate_one(
    asked: EstimatorChoice,
    choice: DataChoice,
    splits: SplitsOption = 3,
    repeats: RepeatsOption = 1,
    by: ByOption = None,
    test: TestOption = False,
    threads: ThreadsOption = 1,
    page: PageOption = None,
    metrics: MetricsOption = None,
    as_json: JsonOption = False,
) -> None:
    check_output(page, "--report", ".html")
    check_output(metrics, "--metrics", ".json")
    for kind in by or ():
        if kind not in KINDS:
            raise UserError(f"--by is {kind!r}; expected one of {', '.join(KINDS)}")
    with progress() as report:
        estimator_class, dataset = asked.open(choice, report)
        from estimators.features.courier_behaviour import courier_behaviour_features
        from estimators.training.ablation import ablate
        from estimators.training.matrix import FeatureMatrix
        from estimators.training.train import unfitted

        extra = []
        if by is None or "extra" in by:
            extra = courier_behaviour_features(dataset.source, dataset.target, as_of=dataset.as_of)
        parameters = replace(
            estimator_class.default_parameters, seed=choice.seed, num_threads=threads
        )
        estimator = unfitted(estimator_class, dataset, extra=extra, parameters=parameters)
        report("features", 0.0)
        matrix = FeatureMatrix.compute(estimator, dataset, threads=threads, test=test)
        report("features", 1.0)
        report("fit", 0.0)
        found = ablate(
            matrix,
            extra=[one.name for one in extra],
            kinds=by,
            splits=splits,
            repeats=repeats,
            test=test,
            progress=lambda part: report("fit", part),
        )
    print_json(found.to_json()) if as_json else _print(found)
    if metrics is not None:
        write_json(metrics, found.to_json())
    if page is not None:
        write_text(page, ablation_page(found))


add_commands(
    ablate_app,
    with_options(_ablate_one, choice=DATA_OPTIONS),
    "Say what each group of features is worth to",
    "Fits the model without each group, and with nothing but the facts and that group, and scores"
    " later rows of the training period. Positive: the group saves so many seconds of error.",
)


def _print(found: Ablation) -> None:
    target = " to ".join(found.target)
    console.print(
        f"[bold]{found.estimator}[/] ({target}) on {found.dataset}: {found.scored:,} rows of"
        f" {_on(found)}, {found.period[0]} to {found.period[1]}",
        highlight=False,
    )
    overall = _table("model", "MAE s", "CRPS s")
    for name, (mae_s, crps_s) in found.overall.items():
        overall.add_row(name, f"{mae_s:.1f}", f"{crps_s:.1f}")
    console.print(overall)
    groups = _table(
        "group", "features", "saves MAE s, beside all others", "CRPS s",
        "saves MAE s, beside the facts only", "CRPS s",
    )  # fmt: skip
    for row in found.rows:
        groups.add_row(
            row.group.name,
            str(len(row.group.features)),
            _text(row.last.mae),
            f"{row.last.crps.mean_s:+.1f}",
            _text(row.first.mae),
            f"{row.first.crps.mean_s:+.1f}",
        )
    console.print(groups)
    console.print(
        "in brackets: 95% intervals by bootstrap over hours; the facts alone stand beside nothing",
        highlight=False,
    )


def _on(found: Ablation) -> str:
    return "the test period" if found.on == "test period" else "inner splits of the training period"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for k, name in enumerate(columns):
        table.add_column(name, justify="right" if k else "left")
    return table


def _text(one: LossDifference) -> str:
    return f"{one.mean_s:+.1f} \\[{one.low_s:+.1f}, {one.high_s:+.1f}]"


def ablation_page(found: Ablation) -> str:
    """Return an ablation as a page of charts (HTML)."""
    from commands.reports.difference_page import html_page

    return html_page(
        f"What the features of {found.estimator} are worth on {found.dataset}", _parts(found)
    )


def _parts(found: Ablation) -> Iterator[str]:
    from commands.reports.difference_page import cell, html_table, intervals_chart

    target = escape(" to ".join(found.target))
    yield (
        f"<p>Seconds from {target}. Models with and without each group of features, fitted on"
        f" earlier rows, scored on {found.scored:,} later ones ({_on(found)}), {found.period[0]} to"
        f" {found.period[1]}. The lines are 95% intervals (paired bootstrap over hours); grey:"
        " chance could have done it.</p>"
    )
    rows = [
        (escape(name), f"{mae_s:.1f}", f"{crps_s:.1f}")
        for name, (mae_s, crps_s) in found.overall.items()
    ]
    yield html_table(("model", "MAE s", "CRPS s"), rows)
    for title, part in (
        ("What the error rises by without the group", "last"),
        ("What the group alone saves, beside the facts of the request", "first"),
    ):
        yield f"<h2>{title}</h2>"
        shown = {
            row.group.name: getattr(row, part).mae
            for row in found.rows
            if not (part == "first" and row.group.kind == "facts")
        }
        yield intervals_chart(shown, "seconds of mean absolute error", good=1)
    yield "<h2>In numbers</h2>"
    yield html_table(
        ("group", "features", "MAE s beside all others", "CRPS s", "MAE s beside the facts",
         "CRPS s"),
        (
            (
                escape(row.group.name),
                str(len(row.group.features)),
                *(cell(one, good=1) for one in (row.last.mae, row.last.crps)),
                *(cell(one, good=1) for one in (row.first.mae, row.first.crps)),
            )
            for row in found.rows
        ),
    )  # fmt: skip
    yield "<h2>Which features</h2>"
    for row in found.rows:
        names = ", ".join(map(escape, row.group.features))
        yield f"<details><summary>{escape(row.group.name)}</summary><p>{names}</p></details>"

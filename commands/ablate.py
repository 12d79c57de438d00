"""`doorstep ablate ESTIMATOR`: measure the worth of each group of features, on any data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console.json_output import JsonOption, print_json
from commands.console.option_groups import with_options
from commands.console.output import UserError, console, progress
from commands.console.output_files import check_output, write_json, write_text
from commands.console.plain_table import difference_text, plain_table
from commands.options.data import DATA_OPTIONS, DataChoice
from commands.options.estimators import EstimatorChoice, add_commands

if TYPE_CHECKING:
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
    """Measure the worth of each group of features."""


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
        from commands.reports.difference_page import ablation_page

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
    overall = plain_table("model", "MAE s", "CRPS s")
    for name, (mae_s, crps_s) in found.overall.items():
        overall.add_row(name, f"{mae_s:.1f}", f"{crps_s:.1f}")
    console.print(overall)
    groups = plain_table(
        "group", "features", "saves MAE s, beside all others", "CRPS s",
        "saves MAE s, beside the facts only", "CRPS s",
    )  # fmt: skip
    for row in found.rows:
        groups.add_row(
            row.group.name,
            str(len(row.group.features)),
            difference_text(row.last.mae),
            f"{row.last.crps.mean_s:+.1f}",
            difference_text(row.first.mae),
            f"{row.first.crps.mean_s:+.1f}",
        )
    console.print(groups)
    console.print(
        "in brackets: 95% intervals by bootstrap over hours; the facts alone stand beside nothing",
        highlight=False,
    )


def _on(found: Ablation) -> str:
    return "the test period" if found.on == "test period" else "inner splits of the training period"

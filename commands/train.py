"""`doorstep train ESTIMATOR`: train, evaluate, save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from commands.composed_eta.training import TRAIN_ETA_HELP, train_eta
from commands.console.json_output import JsonOption, print_json
from commands.console.option_groups import with_options
from commands.console.output import console, error_console, progress
from commands.options.data import DATA_OPTIONS, DataChoice
from commands.options.estimators import EstimatorChoice, add_commands
from commands.options.report import REPORT_OPTIONS, ReportChoice, as_document
from commands.options.tuning import PARAMETER_OPTIONS, TuneChoice

if TYPE_CHECKING:
    from estimators.training.trained import TrainedEstimator

__all__ = ["train_app"]

train_app = typer.Typer(name="train", help="Train an estimator and save it.", no_args_is_help=True)

MAX_THREADS = 64
BASELINE_LOSS_MAX = 1.01
"""A baseline that makes the error larger by more than this factor is warned of."""

NameOption = Annotated[
    str | None,
    typer.Option(
        help="Name of the model in the model store.  [default: the estimator's]",
        show_default=False,
    ),
]
ThreadsOption = Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Threads to fit with.")]
SaveOption = Annotated[bool, typer.Option(help="Save the model to the BentoML model store.")]


@train_app.callback()
def _train() -> None:
    """Train an estimator and save it."""


def _train_one(
    asked: EstimatorChoice,
    choice: DataChoice,
    outputs: ReportChoice,
    search: TuneChoice,
    name: NameOption = None,
    threads: ThreadsOption = 2,
    save: SaveOption = True,
    as_json: JsonOption = False,
) -> None:
    from commands.reports.feature_costs import print_costs, warn_of_costs
    from commands.reports.score_table import print_report

    tuning = search.tuning()
    with progress() as report:
        estimator_class, dataset = asked.open(choice, report)
        from estimators.training.choice_text import choice_lines
        from estimators.training.feature_costs import feature_costs
        from estimators.training.train import train

        report("costs of features", 0.0)
        costs = feature_costs([estimator_class], dataset)
        report("costs of features", 1.0)
        trained = train(
            estimator_class,
            dataset,
            progress=report,
            num_threads=threads,
            seed=choice.seed,
            tuning=tuning,
            search=search.search,
        )
    warn_of_costs(costs)
    _warn_of_baseline(trained)
    if not as_json:
        print_costs(costs)
        print_report(trained.report)
        _tell_labels(trained.metadata["labels"])
        for line in choice_lines(trained.metadata):
            console.print(line, highlight=False)
    tag = ""
    if save:
        from estimators.registry import models as registry

        tag = registry.save(trained, name=name or asked.name)
    with progress() as report:
        outputs.write(
            trained.estimator, dataset, trained.report, trained.metadata, tag=tag, progress=report
        )
    outputs.tell()
    if as_json:
        print_json(as_document(tag, trained.metadata, trained.report))
    if not tag:
        error_console.print("not saved (--no-save)")
        return
    shown = error_console if as_json else console
    shown.print(f"saved as [bold]{tag}[/]; {asked.offered.next_step(tag)}", soft_wrap=True)


def _warn_of_baseline(trained: TrainedEstimator) -> None:
    """Warn if the baseline would be better as a fact: the difference to it is mostly its error."""
    from estimators.training.train import BASELINE_AS_FACT

    rows = {row.model: row.scores.mae_s for row in trained.report.rows if row.group == "all"}
    as_fact_s = rows.get(BASELINE_AS_FACT)
    if as_fact_s is None or rows[trained.report.estimator] <= BASELINE_LOSS_MAX * as_fact_s:
        return
    error_console.print(
        f"[yellow]warning:[/] the mean absolute error is {rows[trained.report.estimator]:,.0f} s"
        f" beside the baseline {trained.metadata['baseline']['fact']}, {as_fact_s:,.0f} s if it is"
        " a fact like others: leave baseline out of the mapping",
        highlight=False,
        soft_wrap=True,
    )


def _tell_labels(labels: Mapping[str, Mapping[str, int]]) -> None:
    """Print how many labels were exact, if not all were; only these are scored."""
    for period, counts in labels.items():
        counted = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
        scored = "; exact ones are scored" if period == "test" else "; bounds are learned from, too"
        console.print(f"labels of the {period} period: {counted}{scored}", highlight=False)


add_commands(
    train_app,
    with_options(_train_one, choice=DATA_OPTIONS, outputs=REPORT_OPTIONS, search=PARAMETER_OPTIONS),
    "Train",
    "Prints its errors on the later part of the data beside the constant median, the same model"
    " without real-time features, and what others have published on the same split.",
)
train_app.command("eta", help=TRAIN_ETA_HELP)(train_eta)

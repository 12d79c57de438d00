"""`doorstep train eta`: train all parts of a composed ETA, evaluate it, save it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from commands.composed_eta.report import print_eta_report, write_eta_report
from commands.console.json_output import JsonOption, print_json
from commands.console.option_groups import with_options
from commands.console.output import (
    StageProgress,
    console,
    error_console,
    progress,
    reports_errors,
)
from commands.data.sources import DatasetName
from commands.options.data import DATA_OPTIONS, DataChoice
from commands.options.report import REPORT_OPTIONS, ReportChoice, as_document
from commands.options.tuning import TUNE_OPTIONS, TuneChoice, tell_tuning
from commands.reports.feature_costs import print_costs, warn_of_costs

if TYPE_CHECKING:
    from estimators import Dataset

__all__ = ["TRAIN_ETA_HELP", "train_eta"]

MAX_THREADS = 64

TRAIN_ETA_HELP = (
    "Train the ETA: how long until an order is handed over, asked at any moment of it.\n\n"
    "Trains its parts (until the order is ready, the way to the store and to the customer, parking,"
    " what the weather adds, and a direct model beside them), how they are tied and how sure their"
    " sum is; saves each as a model, eta_ready and so on, and the whole as eta. The orders need all"
    " events of a delivery's life (docs/composition.md). Prints its errors on the later part of the"
    " data at each stage of an order, beside a composition that nothing is blended with, the direct"
    " model, what the Wall ETA has left of itself, and a constant for each stage."
)

NameOption = Annotated[
    str, typer.Option(help="Name of the model in the model store; its parts begin with it.")
]
ThreadsOption = Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Threads to fit with.")]
SaveOption = Annotated[bool, typer.Option(help="Save the models to the BentoML model store.")]
PerOrderOption = Annotated[
    float, typer.Option(min=1.0, max=11.0, help="Moments to learn from per order, on average.")
]
MomentsOption = Annotated[
    int, typer.Option(min=1_000, help="Moments to learn from in all, at most, evenly chosen.")
]
BaselinesOption = Annotated[
    bool, typer.Option(help="Also train the Wall ETA of whole deliveries, to compare with.")
]


def _open(choice: DataChoice, report: StageProgress) -> Dataset:
    """Return the data, simulated cities unless others are named: the small one has no couriers.

    Args:
        choice: of the options.
        report: told of the stage "data".

    Raises:
        UserError: the options do not fit together.
    """
    if choice.dataset is None and choice.mapping is None:
        choice = replace(choice, dataset=DatasetName.CITIES)
    return choice.open(report, public=DatasetName.CITIES)


def _train_eta(
    choice: DataChoice,
    outputs: ReportChoice,
    search: TuneChoice,
    name: NameOption = "eta",
    threads: ThreadsOption = 2,
    save: SaveOption = True,
    per_order: PerOrderOption = 2.5,
    moments: MomentsOption = 150_000,
    baselines: BaselinesOption = True,
    as_json: JsonOption = False,
) -> None:
    tuning = search.tuning()
    with progress() as report:
        dataset = _open(choice, report)
        from estimators.eta.parts import PART_CLASSES
        from estimators.eta.training import train_eta as train
        from estimators.training.feature_costs import feature_costs

        report("costs of features", 0.0)
        costs = feature_costs(PART_CLASSES, dataset, event="picked_up")
        report("costs of features", 1.0)

        trained = train(
            dataset,
            progress=report,
            num_threads=threads,
            seed=choice.seed,
            per_order=per_order,
            rows_max=moments,
            baselines=baselines,
            tuning=tuning,
        )
    warn_of_costs(costs)
    if not as_json:
        print_costs(costs)
        print_eta_report(trained.report)
        for part, record in trained.metadata.get("tuning", {}).items():
            tell_tuning(record, part=part)
    tag = ""
    if save:
        from estimators.registry import models as registry

        tag = registry.save_eta(trained, name=name)
    content = as_document(tag, trained.metadata, trained.report)
    write_eta_report(outputs, trained.report, trained.metadata, tag, content)
    if as_json:
        print_json(content)
    if tag:
        serving = f"doorstep serve eta --model {tag} --store events.db"
        shown = error_console if as_json else console
        shown.print(f"saved as [bold]{tag}[/]; serve it with: {serving}", soft_wrap=True)
    else:
        error_console.print("not saved (--no-save)")


train_eta = reports_errors(
    with_options(_train_eta, choice=DATA_OPTIONS, outputs=REPORT_OPTIONS, search=TUNE_OPTIONS)
)

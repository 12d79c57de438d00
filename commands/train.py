"""`doorstep train etp | wall-eta | courier-travel ...`: train, evaluate, save."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.data_options import DATA_OPTIONS, DataChoice
from commands.estimators import Asked, add_commands
from commands.option_groups import with_options
from commands.output import console, error_console, progress
from commands.report_options import REPORT_OPTIONS, ReportChoice

__all__ = ["train_app"]

train_app = typer.Typer(name="train", help="Train an estimator and save it.", no_args_is_help=True)

MAX_THREADS = 64
SERVED = ("etp",)
"""Estimators with a service of their own."""

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
    asked: Asked,
    choice: DataChoice,
    outputs: ReportChoice,
    name: NameOption = None,
    threads: ThreadsOption = 2,
    save: SaveOption = True,
) -> None:
    from commands.report import print_report

    with progress() as report:
        report("data", 0.0)
        estimator_class, dataset = asked.open(choice)
        report("data", 1.0)
        from estimators.training import train

        trained = train(
            estimator_class, dataset, progress=report, num_threads=threads, seed=choice.seed
        )
    print_report(trained.report)
    tag = ""
    if save:
        from estimators import registry

        tag = registry.save(trained, name=name or asked.name)
    with progress() as report:
        outputs.write(
            trained.estimator, dataset, trained.report, trained.metadata, tag=tag, progress=report
        )
    outputs.tell()
    if not tag:
        error_console.print("not saved (--no-save)")
        return
    service = estimator_class.name
    serve = f"; serve it with: doorstep serve {service} --model {tag}" if service in SERVED else ""
    console.print(f"saved as [bold]{tag}[/]{serve}")


add_commands(
    train_app,
    with_options(_train_one, choice=DATA_OPTIONS, outputs=REPORT_OPTIONS),
    "Train",
    "Prints its errors on the later part of the data beside the constant median, the same model"
    " without real-time features, and what others have published on the same split.",
)

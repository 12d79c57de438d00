"""`doorstep train etp`: train, evaluate, save."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.datasets import (
    DataOption,
    DatasetOption,
    DaysOption,
    SeedOption,
    StoresOption,
    UntilOption,
    open_dataset,
)
from commands.output import console, error_console, progress, reports_errors

__all__ = ["train_app"]

train_app = typer.Typer(name="train", help="Train an estimator and save it.", no_args_is_help=True)

MAX_THREADS = 64


@train_app.callback()
def _train() -> None:
    """Train an estimator and save it."""


@train_app.command("etp")
@reports_errors
def train_etp(
    data: DataOption = None,
    dataset: DatasetOption = None,
    stores: StoresOption = 40,
    days: DaysOption = 14,
    until: UntilOption = None,
    name: Annotated[str, typer.Option(help="Name of the model in the model store.")] = "etp",
    threads: Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Threads to fit with.")] = 2,
    seed: SeedOption = 0,
    save: Annotated[bool, typer.Option(help="Save the model to the BentoML model store.")] = True,
) -> None:
    """Train the eTP: how long until an order is ready.

    Prints its errors on the later part of the data beside the constant median, the same model
    without real-time features, and what others have published on the same split.
    """
    from commands.report import print_report

    with progress() as report:
        report("data", 0.0)
        chosen = open_dataset(dataset, data, stores=stores, days=days, seed=seed, until=until)
        report("data", 1.0)
        from estimators.training import train_etp as train

        trained = train(chosen, progress=report, num_threads=threads, seed=seed)
    print_report(trained.report)
    if save:
        from estimators import registry

        tag = registry.save(trained, name=name)
        console.print(f"saved as [bold]{tag}[/]; serve it with: doorstep serve etp --model {tag}")
    else:
        error_console.print("not saved (--no-save)")

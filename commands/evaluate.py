"""`doorstep evaluate`: score a saved model again."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.datasets import (
    CitiesOption,
    DataOption,
    DatasetName,
    DatasetOption,
    DaysOption,
    OrdersOption,
    SeedOption,
    StoresOption,
    UntilOption,
    open_dataset,
)
from commands.output import console, progress, reports_errors

__all__ = ["evaluate"]


@reports_errors
def evaluate(
    model: Annotated[str, typer.Option(help="Tag of the saved model.")] = "etp:latest",
    data: DataOption = None,
    dataset: DatasetOption = None,
    stores: StoresOption = 40,
    days: DaysOption = 14,
    orders: OrdersOption = None,
    cities: CitiesOption = 2,
    until: UntilOption = None,
    seed: SeedOption = 0,
    slices: Annotated[
        bool, typer.Option(help="Also print the scores by city, hour and age of the store.")
    ] = False,
) -> None:
    """Score a saved model, of whatever estimator, on the later part of the data.

    With the data it was trained on this repeats the numbers of its training. Where --data is given
    without --dataset, the data set is the one that the model was trained on.
    """
    from commands.report import print_report
    from estimators import registry
    from estimators.training import evaluate as score

    with progress() as report:
        report("model", 0.0)
        trained = registry.load(model)
        report("model", 1.0)
        report("data", 0.0)
        known = [one for one in DatasetName if one.value == trained.metadata["dataset"]]
        chosen = open_dataset(
            dataset,
            data,
            stores=stores,
            days=days,
            seed=seed,
            until=until,
            public=known[0] if known else DatasetName.DELIVEROO,
            orders=orders,
            cities=cities,
        )
        report("data", 1.0)
        scored = score(trained, chosen, progress=report)
    console.print(f"model [bold]{registry.describe(model)['tag']}[/]")
    print_report(scored, slices=slices)

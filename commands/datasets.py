"""Where the commands take orders from: a folder of real data, or a simulated city."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.output import UserError

if TYPE_CHECKING:
    import pandas as pd

    from estimators.datasets import Dataset
    from simulator import CityPlan

__all__ = [
    "DataOption",
    "DatasetName",
    "DatasetOption",
    "DaysOption",
    "SeedOption",
    "StoresOption",
    "UntilOption",
    "dataset_of_city",
    "open_dataset",
    "parse_moment",
    "simulated_dataset",
]

TEST_SHARE = 0.25
"""The last part of a simulated city's days, kept for the test."""


class DatasetName(StrEnum):
    """Data that an estimator can be trained on."""

    DELIVEROO = "deliveroo"
    WOLT = "wolt"
    JUMPMAN = "jumpman"
    SIMULATOR = "simulator"


DatasetOption = Annotated[
    DatasetName | None,
    typer.Option(
        help="What to learn from. Without it: where --data is given the public data that the"
        " estimator was made for (etp: deliveroo, wall-eta: wolt, courier-travel: jumpman), else"
        " simulator.",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar="DOORSTEP_DATA",
        help="Folder of the data set, or the folder that holds it.",
        show_default=False,
    ),
]
StoresOption = Annotated[int, typer.Option(min=2, max=5_000, help="Stores of a simulated city.")]
DaysOption = Annotated[int, typer.Option(min=4, max=400, help="Days of a simulated city.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
UntilOption = Annotated[
    str | None,
    typer.Option(
        help="Train on what was before this moment and test on the rest: 2015-06-24 or"
        " 2015-06-24T12:00+02:00 (without an offset: UTC).  [default: the data set's own split]",
        show_default=False,
    ),
]


def open_dataset(
    name: DatasetName | None,
    folder: Path | None,
    *,
    stores: int,
    days: int,
    seed: int,
    until: str | None = None,
    public: DatasetName = DatasetName.DELIVEROO,
) -> Dataset:
    """Return the data set that the options ask for.

    Args:
        name: which one; None: ``public`` where there is a folder, else a simulated city.
        folder: of the data set, or the folder that holds it.
        stores: of a simulated city.
        days: of a simulated city.
        seed: of a simulated city.
        until: where the test period begins, instead of the data set's own split.
        public: the data that is meant where only a folder is named.

    Raises:
        UserError: the options do not fit together, or ``until`` is not a moment.
    """
    test_from = None if until is None else parse_moment(until, "--until")
    if name is None:
        name = DatasetName.SIMULATOR if folder is None else public
    if name is DatasetName.SIMULATOR:
        from simulator import CityPlan

        dataset = simulated_dataset(CityPlan(stores=stores, days=days, seed=seed))
    else:
        if folder is None:
            raise UserError(
                f"the data set {name.value} needs its folder: pass --data FOLDER or set"
                " DOORSTEP_DATA"
            )
        from estimators.datasets import load_dataset

        dataset = load_dataset(name.value, folder)
    if test_from is None:
        return dataset
    import pandas as pd

    return replace(dataset, test_from=pd.Timestamp(test_from))


def simulated_dataset(plan: CityPlan) -> Dataset:
    """Return a simulated city as a data set, its last quarter kept for the test."""
    from simulator import simulate

    split = plan.start + timedelta(days=max(1, round(plan.days * (1.0 - TEST_SHARE))))
    return dataset_of_city(simulate(plan), test_from=split)


def dataset_of_city(orders: pd.DataFrame, *, test_from: datetime) -> Dataset:
    """Return simulated orders as a data set that asks, at dispatch, when they will be ready."""
    import pandas as pd

    from aggregators import Duration
    from estimators.datasets import Dataset
    from simulator import ORDERS
    from simulator.plan import CITIES

    return Dataset(
        name="simulator",
        source=ORDERS,
        table=orders,
        as_of="dispatched",
        target=Duration("dispatched", "ready"),
        numbers=("amount", "products"),
        categories=("store_id", "store_category", "city"),
        timezone_by="city",
        timezones=dict(CITIES),
        test_from=pd.Timestamp(test_from),
    )


def parse_moment(text: str, option: str) -> datetime:
    """Return the moment of an option; without an offset it is UTC.

    Raises:
        UserError: not a moment in ISO 8601.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{option} is {text!r}; expected a moment such as 2015-06-24 or 2015-06-24T12:00+02:00"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

"""Open the data of a command: a folder of real data, or a simulated city."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console.output import StageProgress, UserError
from commands.data.natures import chosen_nature

if TYPE_CHECKING:
    import pandas as pd

    from estimators.datasets import Dataset
    from simulator import CityPlan, Scenario

__all__ = [
    "CitiesOption",
    "DataOption",
    "DatasetName",
    "DatasetOption",
    "DaysOption",
    "ImperfectOption",
    "NatureOption",
    "OrdersOption",
    "SeedOption",
    "StoresOption",
    "UntilOption",
    "dataset_of_cities",
    "dataset_of_city",
    "open_dataset",
    "parse_moment",
    "simulated_dataset",
]

TEST_SHARE = 0.25
"""The last part of a simulated city's days, kept for the test."""

FOLDER_VARIABLE = "DOORSTEP_DATA"


class DatasetName(StrEnum):
    """Data that an estimator can be trained on."""

    DELIVEROO = "deliveroo"
    WOLT = "wolt"
    JUMPMAN = "jumpman"
    CITIES = "cities"
    SIMULATOR = "simulator"


DatasetOption = Annotated[
    DatasetName | None,
    typer.Option(
        help="What to learn from. Without it: where --data is given the public data that the"
        " estimator was made for (etp: deliveroo, wall-eta: wolt, courier-travel: jumpman), else"
        " simulator. cities: those of `doorstep simulate`, from a folder that it wrote (--data), or"
        " simulated anew; simulator: a small and simple city.",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar=FOLDER_VARIABLE,
        help="Folder of the data set, or the folder that holds it; with --mapping the table.",
        show_default=False,
    ),
]
StoresOption = Annotated[
    int, typer.Option(min=2, max=5_000, help="Stores of the small city (simulator).")
]
DaysOption = Annotated[int, typer.Option(min=4, max=400, help="Days of simulated cities.")]
OrdersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="About so many orders over all simulated cities (cities).  [default: 42 a day for"
        " every store]",
        show_default=False,
    ),
]
ImperfectOption = Annotated[
    bool,
    typer.Option(
        "--imperfect",
        help="Simulated cities with the records of real ones (cities): late, missing and corrected"
        " events, a ready button that is pressed late or never.",
    ),
]
NatureOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How kitchens, demand and traffic of cities are (cities): lively, realistic, or a"
        " .yaml file that simulate --fit wrote.",
    ),
]
CitiesOption = Annotated[int, typer.Option(min=1, max=5, help="Simulated cities (cities).")]
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
    orders: int | None = None,
    cities: int = 2,
    imperfect: bool = False,
    nature: str = "lively",
    progress: Callable[[float], None] | None = None,
) -> Dataset:
    """Return the data set that the options ask for.

    Args:
        name: which one; None: ``public`` where there is a folder, else a simulated city.
        folder: of the data set, or the folder that holds it.
        stores: of the small simulated city.
        days: of simulated cities, small or not.
        seed: of simulated cities.
        until: where the test period begins, instead of the data set's own split.
        public: the data that is meant where only a folder is named.
        orders: expected over all simulated cities; None: as many as their stores have.
        cities: how many simulated cities.
        imperfect: whether their records are late, missing and wrong as in life.
        nature: how they are, a name of ``simulator.world.nature.NATURES`` or a file of numbers.
        progress: called with the part of simulated cities that is done.

    Raises:
        UserError: the options do not fit together, or ``until`` is not a moment.
    """
    test_from = None if until is None else parse_moment(until, "--until")
    if name is None:
        name = DatasetName.SIMULATOR if folder is None else public
    if name is DatasetName.SIMULATOR:
        from simulator import CityPlan

        dataset = simulated_dataset(CityPlan(stores=stores, days=days, seed=seed))
    elif name is DatasetName.CITIES and not _holds_cities(folder):
        from simulator import Imperfections, Scenario

        dataset = dataset_of_cities(
            Scenario(
                cities=cities,
                days=days,
                orders=orders,
                seed=seed,
                imperfections=Imperfections.typical() if imperfect else Imperfections(),
                nature=chosen_nature(nature),
            ),
            progress,
        )
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


def _holds_cities(folder: Path | None) -> bool:
    """Whether simulated cities are to be read from a folder, not simulated.

    The folder of the environment holds data of all kinds; one that is named is meant.
    """
    if folder is None:
        return False
    if str(folder) != os.environ.get(FOLDER_VARIABLE):
        return True
    return any((folder / inside / "scenario.json").is_file() for inside in ("cities", "."))


def dataset_of_cities(
    scenario: Scenario, progress: Callable[[float], None] | None = None
) -> Dataset:
    """Simulate cities and return them as a data set, the last quarter of the days for the test."""
    import pandas as pd

    from estimators.datasets import cities_dataset
    from simulator import simulate_cities

    return cities_dataset(
        simulate_cities(scenario, _over_all(scenario, progress)).tables,
        start=pd.Timestamp(scenario.start),
        days=scenario.days,
        timezones={profile.name: profile.timezone for profile in scenario.profiles},
    )


def _over_all(scenario: Scenario, progress: Callable[[float], None] | None) -> StageProgress | None:
    """Return a function that turns the progress of each city into that of all cities."""
    if progress is None:
        return None
    begun: dict[str, None] = {}

    def report(city: str, done: float) -> None:
        begun.setdefault(city)
        progress((len(begun) - 1 + done) / scenario.cities)

    return report


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
    from simulator.small.plan import CITIES

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

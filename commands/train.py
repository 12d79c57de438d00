"""`doorstep train etp | wall-eta | courier-travel`: train, evaluate, save."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

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
from commands.output import console, error_console, progress, reports_errors

if TYPE_CHECKING:
    from estimators import Dataset
    from estimators.base import Estimator

__all__ = ["Leg", "train_app"]

train_app = typer.Typer(name="train", help="Train an estimator and save it.", no_args_is_help=True)

MAX_THREADS = 64

NameOption = Annotated[
    str | None,
    typer.Option(
        help="Name of the model in the model store.  [default: the estimator's]",
        show_default=False,
    ),
]
ThreadsOption = Annotated[int, typer.Option(min=1, max=MAX_THREADS, help="Threads to fit with.")]
SaveOption = Annotated[bool, typer.Option(help="Save the model to the BentoML model store.")]


class Leg(StrEnum):
    """A part of a courier's way."""

    TO_STORE = "to-store"
    TO_CUSTOMER = "to-customer"


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
    orders: OrdersOption = None,
    cities: CitiesOption = 2,
    until: UntilOption = None,
    name: NameOption = None,
    threads: ThreadsOption = 2,
    seed: SeedOption = 0,
    save: SaveOption = True,
) -> None:
    """Train the eTP: how long until an order is ready.

    Prints its errors on the later part of the data beside the constant median, the same model
    without real-time features, and what others have published on the same split.
    """

    def opened() -> tuple[type[Estimator], Dataset]:
        from estimators.etp import Etp

        chosen = open_dataset(
            dataset,
            data,
            stores=stores,
            days=days,
            seed=seed,
            until=until,
            orders=orders,
            cities=cities,
        )
        return Etp, chosen

    tag = _train_and_print(opened, threads=threads, seed=seed, save=save, name=name or "etp")
    if tag:
        console.print(f"saved as [bold]{tag}[/]; serve it with: doorstep serve etp --model {tag}")


@train_app.command("wall-eta")
@reports_errors
def train_wall_eta(
    data: DataOption = None,
    dataset: DatasetOption = None,
    stores: StoresOption = 40,
    days: DaysOption = 14,
    orders: OrdersOption = None,
    cities: CitiesOption = 2,
    until: UntilOption = None,
    name: NameOption = None,
    threads: ThreadsOption = 2,
    seed: SeedOption = 0,
    save: SaveOption = True,
) -> None:
    """Train the Wall ETA: how long from placing an order to its delivery.

    Prints its errors on the later part of the data beside the constant median, the same model
    without real-time features, and what others have published on the same split.
    """

    def opened() -> tuple[type[Estimator], Dataset]:
        from estimators import seconds_between
        from estimators.wall_eta import WallEta

        chosen = open_dataset(
            dataset,
            data,
            stores=stores,
            days=days,
            seed=seed,
            until=until,
            public=DatasetName.WOLT,
            orders=orders,
            cities=cities,
        )
        return WallEta, chosen.about(seconds_between("activated", "delivered"), as_of="activated")

    tag = _train_and_print(opened, threads=threads, seed=seed, save=save, name=name or "wall_eta")
    if tag:
        console.print(f"saved as [bold]{tag}[/]")


@train_app.command("courier-travel")
@reports_errors
def train_courier_travel(
    leg: Annotated[Leg, typer.Option(help="Which part of the way.")] = Leg.TO_CUSTOMER,
    data: DataOption = None,
    dataset: DatasetOption = None,
    stores: StoresOption = 40,
    days: DaysOption = 14,
    orders: OrdersOption = None,
    cities: CitiesOption = 2,
    until: UntilOption = None,
    name: NameOption = None,
    threads: ThreadsOption = 2,
    seed: SeedOption = 0,
    save: SaveOption = True,
) -> None:
    """Train courier travel: how long to the store, or from there to the customer.

    Each leg is a model of its own. Prints its errors on the later part of the data beside the
    constant median, the same model without real-time features, and what others have published.
    """

    def opened() -> tuple[type[Estimator], Dataset]:
        from estimators.courier_travel import TO_CUSTOMER, TO_STORE, CourierTravel

        chosen = open_dataset(
            dataset,
            data,
            stores=stores,
            days=days,
            seed=seed,
            until=until,
            public=DatasetName.JUMPMAN,
            orders=orders,
            cities=cities,
        )
        target = TO_STORE if leg is Leg.TO_STORE else TO_CUSTOMER
        return CourierTravel, chosen.about(target, as_of=target.start)

    name = name or f"courier_travel_{leg.name.lower()}"
    tag = _train_and_print(opened, threads=threads, seed=seed, save=save, name=name)
    if tag:
        console.print(f"saved as [bold]{tag}[/]")


def _train_and_print(
    opened: Callable[[], tuple[type[Estimator], Dataset]],
    *,
    threads: int,
    seed: int,
    save: bool,
    name: str,
) -> str:
    """Train, print the report and save; gives the tag of the saved model, empty without one.

    Args:
        opened: gives the estimator and what it learns from.
        threads: to fit with.
        seed: of everything random.
        save: whether to save the model.
        name: of the model in the store.
    """
    from commands.report import print_report

    with progress() as report:
        report("data", 0.0)
        estimator_class, dataset = opened()
        report("data", 1.0)
        from estimators.training import train

        trained = train(estimator_class, dataset, progress=report, num_threads=threads, seed=seed)
    print_report(trained.report)
    if not save:
        error_console.print("not saved (--no-save)")
        return ""
    from estimators import registry

    return registry.save(trained, name=name)

"""Declare the data options of training, ablation and comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console.option_groups import OptionGroup
from commands.console.output import StageProgress, UserError
from commands.data.sources import (
    CitiesOption,
    DataOption,
    DatasetName,
    DatasetOption,
    DaysOption,
    ImperfectOption,
    NatureOption,
    OrdersOption,
    SeedOption,
    StoresOption,
    UntilOption,
    open_dataset,
    parse_moment,
)

if TYPE_CHECKING:
    from estimators import Dataset

__all__ = ["DATA_OPTIONS", "DataChoice", "MappingOption"]

MappingOption = Annotated[
    Path | None,
    typer.Option(
        help="YAML that says what the columns of your own table are (docs/own_data.md); --data is"
        " then the table, CSV or Parquet.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class DataChoice:
    """The data that the options of a command ask for; ``open`` gives them."""

    data: Path | None
    dataset: DatasetName | None
    mapping: Path | None
    stores: int
    days: int
    cities: int
    orders: int | None
    imperfect: bool
    nature: str
    until: str | None
    seed: int

    def open(
        self, report: StageProgress, *, public: DatasetName = DatasetName.DELIVEROO
    ) -> Dataset:
        """Return the data set, loaded.

        Args:
            report: told of the stage "data".
            public: the public data that is meant where only a folder is named.

        Raises:
            UserError: the options do not fit together, or the data cannot be taken.
        """
        report("data", 0.0)
        found = self._loaded(public, lambda done: report("data", done))
        report("data", 1.0)
        return found

    def _loaded(self, public: DatasetName, progress: Callable[[float], None]) -> Dataset:
        if self.mapping is None:
            return open_dataset(
                self.dataset,
                self.data,
                stores=self.stores,
                days=self.days,
                seed=self.seed,
                until=self.until,
                public=public,
                orders=self.orders,
                cities=self.cities,
                imperfect=self.imperfect,
                nature=self.nature,
                progress=progress,
            )
        if self.dataset is not None:
            raise UserError(
                f"--mapping describes a table of your own, --dataset {self.dataset.value} is"
                " another data set: pass one of the two"
            )
        import pandas as pd

        from commands.data.mapped_dataset import mapped_dataset

        found = mapped_dataset(self.mapping, self.data, progress=progress)
        if self.until is None:
            return found
        return replace(found, test_from=pd.Timestamp(parse_moment(self.until, "--until")))


DATA_OPTIONS = OptionGroup(
    options={
        "data": (DataOption, None),
        "dataset": (DatasetOption, None),
        "mapping": (MappingOption, None),
        "stores": (StoresOption, 40),
        "days": (DaysOption, 14),
        "cities": (CitiesOption, 2),
        "orders": (OrdersOption, None),
        "imperfect": (ImperfectOption, False),
        "nature": (NatureOption, "lively"),
        "until": (UntilOption, None),
        "seed": (SeedOption, 0),
    },
    build=DataChoice,
)
"""The options of a :class:`DataChoice`, for :func:`commands.console.option_groups.with_options`."""

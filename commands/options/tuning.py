"""Declare the options of the choice of parameters, and print its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.option_groups import OptionGroup
from commands.console.output import UserError, console

if TYPE_CHECKING:
    from estimators.training.tuning import Tuning

__all__ = ["PARAMETER_OPTIONS", "TUNE_OPTIONS", "ParametersFrom", "TuneChoice", "tell_tuning"]


class ParametersFrom(StrEnum):
    """Where the parameters of the trees come from."""

    SEARCH = "search"
    DEFAULT = "default"


TuneOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        help="Search for better parameters with Optuna first: so many sets of them, scored on inner"
        " splits by time of the training period (needs the extra 'tune').",
        show_default=False,
    ),
]
TuneMinutesOption = Annotated[
    float | None,
    typer.Option(min=0.01, help="Try no further set after so many minutes.", show_default=False),
]
ParametersOption = Annotated[
    ParametersFrom,
    typer.Option(
        help="Parameters of the trees: the best of a few sets on inner splits by time of the"
        " training period, or the estimator's own.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class TuneChoice:
    """Whether to search, and how long.

    Args:
        tune: sets of parameters to try with Optuna; None: no such search.
        tune_minutes: try no further one after so many minutes; None: no limit.
        parameters: whether a few sets are raced where Optuna does not search.
    """

    tune: int | None
    tune_minutes: float | None
    parameters: ParametersFrom = ParametersFrom.SEARCH

    @property
    def search(self) -> bool:
        """Whether a few sets are raced where Optuna does not search."""
        return self.parameters is ParametersFrom.SEARCH

    def tuning(self) -> Tuning | None:
        """Return the search that is asked for.

        Raises:
            UserError: a time limit without a search, or a search for default parameters.
        """
        if self.tune is not None and not self.search:
            raise UserError("--tune searches for parameters: leave out --parameters default")
        if self.tune is None:
            if self.tune_minutes is not None:
                raise UserError("--tune-minutes limits a search: pass --tune N, too")
            return None
        from estimators.training.tuning import Tuning

        limit_s = None if self.tune_minutes is None else 60.0 * self.tune_minutes
        return Tuning(trials=self.tune, time_limit_s=limit_s)


TUNE_OPTIONS = OptionGroup(
    options={"tune": (TuneOption, None), "tune_minutes": (TuneMinutesOption, None)},
    build=TuneChoice,
)
"""The options of a :class:`TuneChoice`, for :func:`commands.console.option_groups.with_options`."""

PARAMETER_OPTIONS = OptionGroup(
    options={"parameters": (ParametersOption, ParametersFrom.SEARCH), **TUNE_OPTIONS.options},
    build=TuneChoice,
)
"""The same for commands that race a few sets by default."""


def tell_tuning(record: Mapping[str, Any] | None, *, part: str = "") -> None:
    """Print the result of a race or search, on its own rows.

    Args:
        record: of the race or search; None: there was none.
        part: of an ETA whose parameters it searched.
    """
    if record is None:
        return
    from estimators.training.choice_text import tuning_text

    found = tuning_text(record)
    console.print(f"{part}: {found}" if part else found, highlight=False)

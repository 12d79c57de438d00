"""Declare the options of a parameter search, and print its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.console.option_groups import OptionGroup
from commands.console.output import UserError, console

if TYPE_CHECKING:
    from estimators.training.tuning import Tuning

__all__ = ["TUNE_OPTIONS", "TuneChoice", "tell_tuning"]

TuneOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        help="Search for better parameters first: so many sets of them, scored on inner splits by"
        " time of the training period (needs the extra 'tune').",
        show_default=False,
    ),
]
TuneMinutesOption = Annotated[
    float | None,
    typer.Option(min=0.01, help="Try no further set after so many minutes.", show_default=False),
]


@dataclass(frozen=True, kw_only=True)
class TuneChoice:
    """Whether to search, and how long.

    Args:
        tune: sets of parameters to try; None: no search.
        tune_minutes: try no further one after so many minutes; None: no limit.
    """

    tune: int | None
    tune_minutes: float | None

    def tuning(self) -> Tuning | None:
        """Return the search that is asked for.

        Raises:
            UserError: a time limit without a search.
        """
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


def tell_tuning(record: Mapping[str, Any] | None, *, part: str = "") -> None:
    """Print the result of a search, on its own rows.

    Args:
        record: of the search; None: there was none.
        part: of an ETA whose parameters it searched.
    """
    if record is None:
        return
    found = ", ".join(f"{name} {value:.3g}" for name, value in record["parameters"].items())
    console.print(
        f"{f'{part}: ' if part else ''}tuned in {record['trials']} trials on"
        f" {record['rows_scored']:,} rows of the training period: CRPS {record['default']:.1f} s by"
        f" default, {record['best']:.1f} s with {found}",
        highlight=False,
    )

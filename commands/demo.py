"""`doorstep demo`: simulate a city, train, serve and answer three callers, in two minutes."""

from __future__ import annotations

import os
import signal
import tempfile
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from commands.console.output import UserError, reports_errors
from commands.data.sources import SeedOption

__all__ = ["demo"]


@reports_errors
def demo(
    days: Annotated[int, typer.Option(min=8, max=60, help="Days to learn from.")] = 14,
    orders_per_day: Annotated[
        int, typer.Option(min=200, max=5_000, help="Orders of the city on an average day.")
    ] = 1_500,
    live_minutes: Annotated[
        int, typer.Option("--minutes", min=5, max=240, help="Minutes of the city to live through.")
    ] = 60,
    seed: SeedOption = 0,
    rows: Annotated[
        int,
        typer.Option(min=1, max=500, help="Lines of each caller, where output is no terminal."),
    ] = 10,
    keep: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Keep the trained models for the next run with the same city and code, in"
            " $XDG_CACHE_HOME/doorstep/demo (~/.cache/doorstep/demo); delete that folder to clear"
            " it. --no-cache trains anew and keeps nothing.",
        ),
    ] = True,
) -> None:
    """Simulate a city, train, serve, and compare what three callers are told with what happens.

    A routing engine chooses couriers, a customer app shows ranges, a partner app expects couriers,
    all through an evening. Needs no data, and leaves nothing behind but the trained models, for the
    next run. The service runs in a process of its own on a free port of this machine; events and
    questions reach it over HTTP in the order of their time.
    """
    # A terminated demo must end its service too, so the signal becomes an ordinary exit.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    with tempfile.TemporaryDirectory(prefix="doorstep-demo-") as folder:
        # BentoML reads this when it is first imported: the models of the demo are not the user's.
        os.environ["BENTOML_HOME"] = str(Path(folder) / "bentoml")
        os.environ["BENTOML_DO_NOT_TRACK"] = "True"
        from commands.live_demo.model_cache import cache_folder
        from commands.live_demo.run import run_demo

        failures = run_demo(
            days=days,
            orders_per_day=orders_per_day,
            length=timedelta(minutes=live_minutes),
            seed=seed,
            rows=rows,
            folder=Path(folder),
            cache=cache_folder() if keep else None,
        )
    if failures:
        raise UserError("the demo failed: " + "; ".join(failures))


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)

"""`doorstep demo`: a small city, from nothing to estimates, in a minute or two."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from commands.datasets import SeedOption
from commands.output import UserError, reports_errors

__all__ = ["demo"]


@reports_errors
def demo(
    stores: Annotated[int, typer.Option(min=4, max=200, help="Stores of the city.")] = 16,
    days: Annotated[int, typer.Option(min=8, max=60, help="Days to learn from.")] = 14,
    seed: SeedOption = 0,
    rows: Annotated[int, typer.Option(min=1, max=500, help="Orders to show.")] = 24,
) -> None:
    """Simulate a small city, train, serve, and compare estimates with what then happened.

    Needs no data and leaves nothing behind. The service runs in a process of its own on a free port
    of this machine; events and requests reach it over HTTP in the order of their time.
    """
    # A terminated demo must end its service too, so the signal becomes an ordinary exit.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    with tempfile.TemporaryDirectory(prefix="doorstep-demo-") as folder:
        # BentoML reads this when it is first imported: the models of the demo are not the user's.
        os.environ["BENTOML_HOME"] = str(Path(folder) / "bentoml")
        os.environ["BENTOML_DO_NOT_TRACK"] = "True"
        from commands.demo_run import run_demo

        failures = run_demo(stores=stores, days=days, seed=seed, rows=rows, folder=Path(folder))
    if failures:
        raise UserError("the demo failed: " + "; ".join(failures))


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)

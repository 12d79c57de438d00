"""Write to the console: messages, errors in one line, progress bars."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from commands.console.progress_lines import ProgressLines, telling
from services.core.secret_masking import masked

__all__ = [
    "StageProgress",
    "UserError",
    "console",
    "error_console",
    "progress",
    "reports_errors",
    "user_errors",
]

# Into a pipe or a file lines are not folded to the width of some terminal, so `grep` finds them.
PIPE_COLUMNS = 160
console = Console() if sys.stdout.isatty() else Console(width=PIPE_COLUMNS)
error_console = Console(stderr=True)

F = TypeVar("F", bound=Callable[..., Any])
StageProgress = Callable[[str, float], None]
"""Called with the name of a stage and the part of it that is done, 0.0 to 1.0."""

# The roots of the packages' error trees, by module: looked up only where that module is loaded
# already, so that a quick command need not import LightGBM to know that it did not fail in it.
_ERROR_ROOTS = {
    "aggregators.errors": "AggregatorError",
    "estimators.core.errors": "EstimatorError",
    "services.core.errors": "ServiceError",
    "services.client": "ClientError",
}


class UserError(Exception):
    """An error that the user can correct; the message says how."""


def reports_errors(command: F) -> F:
    """Print errors that a user can put right without a traceback and end with exit code 1.

    Anything else is a mistake of ours and keeps its traceback.
    """

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except user_errors() as error:
            error_console.print(
                Text.assemble(("error: ", "bold red"), masked(str(error))), soft_wrap=True
            )
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            error_console.print("interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return guarded  # type: ignore[return-value]


def user_errors() -> tuple[type[BaseException], ...]:
    """Return the errors that a user can put right, of all packages that are loaded."""
    known: list[type[BaseException]] = [UserError]
    known += [
        getattr(sys.modules[module], name)
        for module, name in _ERROR_ROOTS.items()
        if module in sys.modules
    ]
    return tuple(known)


@contextmanager
def progress() -> Iterator[StageProgress]:
    """Show the progress of a command's stages during the block; yields the reporting function.

    On a terminal there is a bar per stage; into a log or a pipe (or a terminal that cannot move its
    cursor) goes a line every ten seconds
    (:mod:`commands.console.progress_lines`). Both go to standard error, so that standard output
    stays the command's result.
    """
    if not error_console.is_terminal or error_console.is_dumb_terminal:
        lines = ProgressLines(_tell)
        with telling(lines):
            yield lines.report
        return
    bars = Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=error_console,
    )
    tasks: dict[str, Any] = {}

    def report(stage: str, done: float) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=1.0)
        bars.update(tasks[stage], completed=min(done, 1.0))

    with bars:
        yield report


def _tell(line: str) -> None:
    error_console.print(line, highlight=False, markup=False, soft_wrap=True)

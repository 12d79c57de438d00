"""Show the answers to the demo's three callers beside the outcomes, while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from commands.console.output import console

__all__ = ["CALLERS", "Board", "minutes", "showing"]

CALLERS = {
    "routing": "routing engine: who takes this order?",
    "app": "customer app: when is it here?",
    "partner": "partner app: when does the courier walk in?",
}
"""The callers by the short names that plain lines begin with."""

LINES = 6
"""Lines of each caller on a terminal."""


def minutes(seconds: float) -> str:
    """Return seconds as minutes and seconds.

    >>> minutes(754.4)
    '12:34'
    """
    whole = round(abs(seconds))
    return f"{'-' if seconds < 0 else ''}{whole // 60}:{whole % 60:02d}"


class Board:
    """A display of answers and their outcomes, line by line.

    Args:
        live: shows the board on a terminal; None: lines are printed.
        most: lines of each caller that are printed at most; a terminal sees all go by.
    """

    def __init__(self, live: Live | None, most: int) -> None:
        self._live = live
        self._most = most
        self._lines: dict[str, deque[Text]] = {name: deque(maxlen=LINES) for name in CALLERS}
        self._printed = dict.fromkeys(CALLERS, 0)
        self._status = Text("")

    def line(self, caller: str, at: datetime, text: str, *, kept: bool | None) -> None:
        """Show an answer to a caller and its outcome.

        Args:
            caller: one of ``CALLERS``.
            at: when it happened.
            text: in words.
            kept: whether that was within the announced range; None: there was none.
        """
        text_line = Text.assemble((f"{at:%H:%M:%S}  ", "dim"), text)
        if kept is not None:
            text_line.append(*(("  ✓", "green") if kept else ("  ✗", "yellow")))
        self._lines[caller].append(text_line)
        if self._live is None and self._printed[caller] < self._most:
            self._printed[caller] += 1
            console.print(Text.assemble((f"{caller:<8}", "bold"), text_line), highlight=False)

    def status(self, text: str) -> None:
        """Show where the city stands."""
        self._status = Text(text, "bold")
        if self._live is not None:
            self._live.update(self._page())

    def _page(self) -> Group:
        panels = []
        for name, title in CALLERS.items():
            lines = [*self._lines[name], *[Text("")] * (LINES - len(self._lines[name]))]
            panels.append(Panel(Group(*lines), title=title, title_align="left"))
        return Group(self._status, *panels)


@contextmanager
def showing(most: int) -> Iterator[Board]:
    """Show a board while the block lasts.

    Args:
        most: lines of each caller, where output is no terminal.
    """
    if not console.is_terminal:
        yield Board(None, most)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield Board(live, most)

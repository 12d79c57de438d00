"""Write progress as lines at intervals, for logs and pipes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

__all__ = ["EVERY_S", "ProgressLines", "duration_in_words", "telling"]

EVERY_S = 10.0
"""Seconds between two lines."""
ETA_SHOWN_FROM = 0.02
"""From this part of a stage on its pace says how long the rest takes."""


@dataclass(kw_only=True)
class _Stage:
    name: str
    began_s: float
    done: float = 0.0
    is_reported: bool = False


class ProgressLines:
    """Progress of a command as whole lines.

    Args:
        write: takes a line.
        clock: seconds that never run back; injected in tests.

    >>> lines, now = [], iter([0.0, 30.0, 40.0])
    >>> progress_lines = ProgressLines(lines.append, clock=lambda: next(now))
    >>> progress_lines.report("fit", 0.0)
    >>> progress_lines.report("fit", 0.25)
    >>> progress_lines.tell()
    >>> lines
    ['fit: 25% after 40 s, about 2 min left']
    """

    def __init__(
        self, write: Callable[[str], None], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._stages: dict[str, _Stage] = {}
        self._last: _Stage | None = None
        # Stages are reported by the command's threads, lines are written by the ticking one.
        self._lock = threading.Lock()

    def report(self, stage: str, done: float) -> None:
        """Take the part of a stage that is done, 0.0 to 1.0; a stage may begin again."""
        with self._lock:
            now_s = self._clock()
            one = self._stages.get(stage)
            if one is None or done < one.done:
                one = self._stages[stage] = _Stage(name=stage, began_s=now_s)
            finished = done >= 1.0 and one.done < 1.0
            one.done = min(done, 1.0)
            if finished and one.is_reported:
                self._write(f"{stage}: done in {duration_in_words(now_s - one.began_s)}")
            self._last = one

    def tell(self) -> None:
        """Write a line about the stage that was reported last, if there is one."""
        with self._lock:
            one = self._last
            if one is None:
                return
            elapsed_s = self._clock() - one.began_s
            if one.done >= 1.0:  # what comes after it has no name yet
                self._write(f"{one.name}: done; {duration_in_words(elapsed_s)} since it began")
                return
            one.is_reported = True
            line = f"{one.name}: {one.done:.0%} after {duration_in_words(elapsed_s)}"
            if one.done >= ETA_SHOWN_FROM:
                left_s = elapsed_s * (1.0 - one.done) / one.done
                line += f", about {duration_in_words(left_s)} left"
            self._write(line)


@contextmanager
def telling(lines: ProgressLines, *, every_s: float = EVERY_S) -> Iterator[None]:
    """Let lines be written every so many seconds while the block lasts, however busy it is."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(every_s):
            lines.tell()

    ticking = threading.Thread(target=tick, name="progress", daemon=True)
    ticking.start()
    try:
        yield
    finally:
        ended.set()
        ticking.join()


def duration_in_words(seconds: float) -> str:
    """Return a duration in words, such as "3 minutes".

    >>> duration_in_words(8.4), duration_in_words(75), duration_in_words(600)
    ('8 s', '1 min 15 s', '10 min')
    >>> duration_in_words(7_500)
    '2 h 5 min'
    """
    whole = round(max(seconds, 0.0))
    if whole < 60:
        return f"{whole} s"
    minutes, rest_s = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"

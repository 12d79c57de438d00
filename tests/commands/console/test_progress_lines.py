"""Progress without a terminal: whole lines, per cent, what is left; quick commands are silent."""

from __future__ import annotations

import subprocess
import sys
import threading

from commands.console.progress_lines import ProgressLines, telling
from tests.commands.running import ROOT
from tests.waiting import PATIENCE_S


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def _progress() -> tuple[list[str], Clock, ProgressLines]:
    lines: list[str] = []
    clock = Clock()
    return lines, clock, ProgressLines(lines.append, clock=clock)


def test_a_line_says_stage_per_cent_and_time_left() -> None:
    lines, clock, progress = _progress()
    progress.report("fit", 0.0)
    clock.now_s += 10.0
    progress.tell()
    progress.report("fit", 0.4)
    clock.now_s += 10.0
    progress.tell()
    assert lines == ["fit: 0% after 10 s", "fit: 40% after 20 s, about 30 s left"]


def test_a_stage_that_was_told_of_ends_with_a_line() -> None:
    lines, clock, progress = _progress()
    progress.report("data", 0.0)
    progress.report("data", 1.0)
    progress.report("fit", 0.0)
    clock.now_s += 75.0
    progress.tell()
    progress.report("fit", 1.0)
    progress.report("fit", 1.0)
    assert lines == ["fit: 0% after 1 min 15 s", "fit: done in 1 min 15 s"]


def test_what_follows_a_stage_without_a_name_is_not_silent() -> None:
    lines, clock, progress = _progress()
    progress.report("fit", 0.0)
    progress.report("fit", 1.0)
    clock.now_s += 10.0
    progress.tell()
    assert lines == ["fit: done; 10 s since it began"]


def test_a_stage_that_begins_again_starts_from_nothing() -> None:
    lines, clock, progress = _progress()
    progress.report("features", 0.9)
    clock.now_s += 100.0
    progress.report("features", 0.1)
    clock.now_s += 10.0
    progress.tell()
    assert lines == ["features: 10% after 10 s, about 1 min 30 s left"]


def test_nothing_is_said_before_the_first_stage() -> None:
    lines, _, progress = _progress()
    progress.tell()
    assert lines == []


def test_lines_are_written_while_the_block_is_busy() -> None:
    told = threading.Event()

    def write(_line: str) -> None:
        told.set()

    lines = ProgressLines(write)
    with telling(lines, every_s=0.001):
        lines.report("explain", 0.0)
        assert told.wait(PATIENCE_S)
    assert not _is_ticking()


def test_the_lines_end_with_the_block_also_if_it_fails() -> None:
    lines = ProgressLines(print)
    try:
        with telling(lines, every_s=0.001):
            raise KeyError
    except KeyError:
        pass
    assert not _is_ticking()


def _is_ticking() -> bool:
    return any(thread.name == "progress" for thread in threading.enumerate())


WAITING = """
import time
import commands.console.output
from commands.console import progress_lines

progress_lines.telling.__wrapped__.__kwdefaults__["every_s"] = 0.01
written, tell = [], commands.console.output._tell
commands.console.output._tell = lambda line: (tell(line), written.append(line))
with commands.console.output.progress() as report:
    report("explain", 0.5)
    while not written:
        time.sleep(0.01)
commands.console.output.console.print("result")
"""

QUICK = """
from commands.console.output import console, progress

with progress() as report:
    report("explain", 0.5)
    report("explain", 1.0)
console.print("result")
"""


def test_a_pipe_gets_lines_on_standard_error_and_only_there() -> None:
    shown = _in_a_pipe(WAITING)
    assert shown.stdout == "result\n"
    assert shown.stderr.startswith("explain: 50% after ")


def test_a_quick_command_says_nothing_in_a_pipe() -> None:
    shown = _in_a_pipe(QUICK)
    assert (shown.stdout, shown.stderr) == ("result\n", "")


def _in_a_pipe(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )

"""Runs the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import coverage

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
WIDTH = "160"


def doorstep(
    *arguments: str, module: str = "commands", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `doorstep` with the arguments; the environment is this one with changes.

    ``module`` may be one that runs it in another way.
    """
    return _run([sys.executable, "-m", module, *arguments], environment)


def traced_doorstep(
    *arguments: str, module: str = "commands", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Do as :func:`doorstep` does, with the lines of that process traced where these tests' are.

    Tracing costs time, so it is for commands that nothing runs in the tests' own process.
    """
    command = [sys.executable, "-m", module]
    if coverage.Coverage.current() is not None:  # its file is found beside those of the workers
        options = ("--parallel-mode", f"--rcfile={ROOT / 'pyproject.toml'}")
        command = [sys.executable, "-m", "coverage", "run", *options, "-m", module]
    return _run([*command, *arguments], environment)


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": WIDTH, "TERM": "dumb", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=6 * PATIENCE_S,
        check=False,
    )

"""Runs the command line as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
WIDTH = "160"


def doorstep(
    *arguments: str, module: str = "commands", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `doorstep` with the arguments; the environment is this one with changes.

    ``module`` may be one that runs it in another way.
    """
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": WIDTH, "TERM": "dumb", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=6 * PATIENCE_S,
        check=False,
    )

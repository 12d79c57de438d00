"""Runs schemathesis against a service: every endpoint against its description, all checks.

What it sends follows from the description: its examples, each bound and each violation, and random
requests, so many per endpoint. A longer run: `DOORSTEP_API_EXAMPLES=300` in the environment of the
tests, or by hand as schemathesis.toml says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["SEED", "UNHURRIED", "faults_of"]

ROOT = Path(__file__).parent.parent.parent
SEED = "20260302"
UNHURRIED = {"DOORSTEP_MAX_WAIT_MS": "10000"}
"""Settings of a service that refuses nothing because the machine is busy with something else."""
_EXAMPLES = os.environ.get("DOORSTEP_API_EXAMPLES", "5")
_PATIENCE_S = 3_600.0


def faults_of(url: str, folder: Path, *options: str) -> str:
    """Return what schemathesis finds fault with, empty where there is nothing; prints its report.

    Args:
        url: of a service that runs.
        folder: where it may write.
        options: of its command line, beside those that are always there.
    """
    command = [
        sys.executable, "-m", "schemathesis.cli", "--no-color",
        "--config-file", str(ROOT / "schemathesis.toml"),
        "run", f"{url}/docs.json", "--checks", "all", "--seed", SEED, "--max-examples", _EXAMPLES,
        "--generation-database", "none", *options,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    report = done.stdout + done.stderr
    print(report)  # noqa: T201  # names the seed; shown where a test fails
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {report[-20_000:]}"

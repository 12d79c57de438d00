"""Runs schemathesis against a service: every endpoint against its description, all checks.

What it sends follows from the description: its examples, each bound and each violation, and random
requests, so many per endpoint: few in `make test`, many in `make soak`.
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
_PATIENCE_S = 3_600.0


def faults_of(url: str, folder: Path, *options: str, examples: int = 5) -> str:
    """Return what schemathesis finds fault with, empty where there is nothing; prints its report.

    Args:
        url: of a service that runs.
        folder: where it may write.
        options: of its command line, beside those that are always there.
        examples: random requests per endpoint.
    """
    command = [
        sys.executable, "-m", "schemathesis.cli", "--no-color",
        "--config-file", str(ROOT / "schemathesis.toml"),
        "run", f"{url}/docs.json", "--checks", "all", "--seed", SEED,
        "--max-examples", str(examples), "--generation-database", "none", *options,
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

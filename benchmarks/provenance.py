"""Where a figure comes from: its command, its commit, the versions and the features measured."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import aggregators
from benchmarks.catalog_features import fingerprints
from benchmarks.measuring import versions

ROOT = Path(__file__).parents[1]
WRITTEN = ("benchmarks/results", "benchmarks/README.md")
"""What the benchmarks write themselves: it is no change of what is measured."""
CHANGED = "+"
"""Stands behind a commit whose tree had changes that were not committed."""


def provenance() -> dict[str, Any]:
    """What a result carries beside its figures and its machine."""
    return {
        "command": command(),
        "commit": commit(),
        "doorstep": versions("doorstep").get("doorstep", ""),
        "aggregators": aggregators.__version__,
        "features": fingerprints(),
    }


def command() -> str:
    """The command of this process, as it is typed.

    A temporary folder is named by its purpose alone.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = spec.name if spec is not None else Path(sys.argv[0]).name
    words = shlex.join(["python", "-m", name, *sys.argv[1:]])
    return re.sub(r"--folder \S+", "--folder FOLDER", words)


def commit() -> str:
    """The commit of the tree, with `+` behind it if anything but results has changed since."""
    short = _git("rev-parse", "--short=10", "HEAD").strip()
    if not short:
        return "unknown"
    changed = [line[3:] for line in _git("status", "--porcelain").splitlines()]
    others = [path for path in changed if not path.startswith(WRITTEN)]
    return short + (CHANGED if others else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else ""

"""Runs what takes long by nature, and writes what became of it into docs/soak.md.

``python -m tests.soak`` runs every test with the marker ``soak``, one after the other: they start
services and servers of their own, and kill them. Further arguments are pytest's; where there are
any, the page stays as it is.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Soaked", "main", "page_with", "results_of"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "soak.md"
BEGIN, END = "<!-- last result: written by make soak -->", "<!-- end of the last result -->"


@dataclass(frozen=True)
class Soaked:
    """A test that was run: its name, how it ended, for how many seconds it ran, and its figures."""

    name: str
    outcome: str
    seconds: float
    figures: str


def results_of(report: str) -> Iterator[Soaked]:
    """Yield the tests of a report of pytest (``--junitxml``)."""
    for case in ET.fromstring(report).iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        outcome = kinds[0].replace("failure", "failed") if kinds else "passed"
        figures = [f"{one.get('value')} {one.get('name')}" for one in case.iter("property")]
        yield Soaked(
            f"{case.get('classname')}::{case.get('name')}".removeprefix("tests."),
            outcome,
            float(case.get("time", 0.0)),
            ", ".join(figures),
        )


def page_with(page: str, results: Sequence[Soaked], *, commit: str, day: str) -> str:
    """Return the page with these results in place of the last ones."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    assert found, f"docs/soak.md lacks {BEGIN} or {END}"
    counts = {one: sum(r.outcome == one for r in results) for one in ("passed", "failed", "error")}
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    total_s = sum(one.seconds for one in results)
    lines = [
        BEGIN,
        "",
        f"`make soak` at commit `{commit}`, {day}: {told} in {total_s / 60.0:.0f} minutes, on"
        f" {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}.",
        "",
        "| test | outcome | seconds | figures |",
        "|---|---|---:|---|",
        *(f"| `{r.name}` | {r.outcome} | {r.seconds:.0f} | {r.figures} |" for r in results),
        "",
        END,
    ]
    return before + "\n".join(lines) + after


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main(arguments: Sequence[str]) -> int:
    """Run the tests, and publish their results; return pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "soak.xml"
        command = [sys.executable, "-m", "pytest", "-m", "soak", "-v"]
        commit = _commit()
        done = subprocess.run([*command, f"--junitxml={report}", *arguments], cwd=ROOT, check=False)
        if report.is_file() and not arguments:
            results = list(results_of(report.read_text(encoding="utf-8")))
            day = datetime.now(UTC).date().isoformat()
            page = PAGE.read_text(encoding="utf-8")
            PAGE.write_text(page_with(page, results, commit=commit, day=day), encoding="utf-8")
            sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""All figures of README.md on one commit: `python -m benchmarks.run --all`.

    python -m benchmarks.run --all                # everything: 100 minutes on two idle cores
    python -m benchmarks.run inference services   # some of them
    python -m benchmarks.run --list               # what there is, and what is still to do

Each benchmark is a process of its own. An interrupted run goes on where it was: a benchmark whose
result is of this commit is passed over (`--again` repeats it). The tree must have no changes beside
the results, so that the commit says what was measured (`--changed` allows them). At the end the
tables of README.md are written.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.provenance import CHANGED, commit
from benchmarks.published import BENCHMARKS, FOLDER, STALE, Benchmark

DATA = Path(__file__).parent / ".data"


def is_done(benchmark: Benchmark, now: str) -> bool:
    """Whether the published result is of this commit, and complete."""
    result = benchmark.result()
    made = None if result is None else result.get("made")
    return made is not None and made["commit"] == now and made["command"] == command_of(benchmark)


def command_of(benchmark: Benchmark) -> str:
    """The command of a benchmark, as its result names it."""
    return " ".join(["python", "-m", benchmark.module, *benchmark.arguments])


def chosen(names: Sequence[str], *, every: bool) -> list[Benchmark]:
    """The benchmarks that are asked for; raises ValueError for a name that there is not."""
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    for name in names:
        if name not in known:
            raise ValueError(f"no benchmark {name!r}; there are: {', '.join(known)}")
    return list(BENCHMARKS) if every else [known[name] for name in names]


def run(benchmark: Benchmark, folder: Path) -> int:
    """Run a benchmark; return its exit code."""
    arguments = [str(folder) if one == FOLDER else one for one in benchmark.arguments]
    return subprocess.run([sys.executable, "-m", benchmark.module, *arguments]).returncode


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="of benchmarks; see --list")
    parser.add_argument("--all", action="store_true", help="all benchmarks")
    parser.add_argument("--list", action="store_true", help="name them, and what is to do")
    parser.add_argument("--again", action="store_true", help="repeat what is of this commit")
    parser.add_argument("--changed", action="store_true", help="allow changes in the tree")
    options = parser.parse_args(arguments)
    if not (options.names or options.all or options.list):
        parser.error("name benchmarks, or --all")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 if one failed."""
    options, now = _arguments(arguments), commit()
    try:
        asked = chosen(options.names, every=options.all or options.list)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    to_do = [one for one in asked if options.again or not is_done(one, now)]
    if options.list:
        for one in asked:
            state = "to do" if one in to_do else f"of commit {now}"
            print(f"{one.name:<20} {one.minutes:>4g} min  {state}")
        return 0
    if now.endswith(CHANGED) and not options.changed:
        print(
            "the tree has changes that are not committed, so no commit says what is measured;"
            " commit them, or pass --changed",
            file=sys.stderr,
        )
        return 2
    failed = _run_all(to_do, now)
    report.main()
    fresh = [one.name for one in asked if one.name in STALE and is_done(one, now)]
    if fresh:
        print(f"take out of STALE in benchmarks/published.py: {', '.join(fresh)}", file=sys.stderr)
    if failed:
        print(f"failed: {', '.join(failed)}; the same command goes on with them", file=sys.stderr)
    return 1 if failed else 0


def _run_all(to_do: Sequence[Benchmark], now: str) -> list[str]:
    """Run benchmarks one after the other; return the names of those that failed."""
    folder = DATA / f"services-{now}"
    left = sum(one.minutes for one in to_do)
    failed = []
    for number, one in enumerate(to_do, 1):
        print(
            f"[{number}/{len(to_do)}] {command_of(one)}: about {one.minutes:g} of {left:g} min",
            file=sys.stderr,
            flush=True,
        )
        began_s = time.monotonic()
        code = run(one, folder)
        state = "done" if code == 0 else f"failed with {code}"
        took_min = (time.monotonic() - began_s) / 60.0
        print(f"    {one.name}: {state} after {took_min:.1f} min", file=sys.stderr, flush=True)
        left -= one.minutes
        if code:
            failed.append(one.name)
    return failed


if __name__ == "__main__":
    sys.exit(main())

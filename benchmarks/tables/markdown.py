"""What all tables are made of: rows, ranges, and where a figure comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

Result = dict[str, Any]


def header(*cells: str) -> list[str]:
    """The first two lines of a table."""
    return [row(*cells), "|" + "---|" * len(cells)]


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def milliseconds(run: Result) -> tuple[str, str]:
    """Median and 99th percentile."""
    return f"{run['p50_ms']:.2f} ms", f"{run['p99_ms']:.2f} ms"


def with_range(values: Sequence[float], digits: int = 2) -> str:
    """The median of runs, and their range where there is more than one.

    >>> with_range([3.0, 1.0, 2.0]), with_range([1.5])
    ('2.00 (1.00 to 3.00)', '1.50')
    """
    ordered = sorted(values)
    half = len(ordered) // 2
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    if len(ordered) == 1:
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({ordered[0]:,.{digits}f} to {ordered[-1]:,.{digits}f})"


def range_of(one: Mapping[str, float], digits: int = 2) -> str:
    """The same of a figure with `median`, `least` and `greatest`."""
    return with_range([one["least"], one["median"], one["greatest"]], digits)


def origin(result: Result) -> str:
    """The command, the commit, the machine and the versions of a result, as one sentence or two."""
    of = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in of["packages"].items())
    machine = (
        f"on {of['cores']} cores ({of['processor']}, {of['memory_gib']} GiB, {of['system']},"
        f" Python {of['python']}, {packages}; load {of['load_1min_at_start']:.1f} when it was"
        " written)"
    )
    made = result.get("made")
    if made is None:  # a result of before there was provenance
        return f"Measured {machine}, published with commit {result['published_with']}."
    return (
        f"Measured by `{made['command']}` at commit {made['commit']} (aggregators"
        f" {made['aggregators']}) {machine}."
    )

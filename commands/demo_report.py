"""What the demo prints: estimates beside what then happened, and how good they were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from commands.output import console

if TYPE_CHECKING:
    from commands.demo_run import Estimate

__all__ = ["minutes", "print_estimates", "print_summary"]

LOW, MEDIAN, HIGH = "0.1", "0.5", "0.9"
BACKLOG = "store_kitchen_orders"
"""The feature that is shown beside the estimates: orders that the kitchen is working on."""


def minutes(seconds: float) -> str:
    """Return seconds as minutes and seconds.

    >>> minutes(754.4)
    '12:34'
    """
    whole = round(abs(seconds))
    return f"{'-' if seconds < 0 else ''}{whole // 60}:{whole % 60:02d}"


def print_estimates(estimates: Sequence[Estimate], rows: int) -> None:
    """Print some of the estimates, evenly over the day."""
    step = max(1, len(estimates) / rows)
    chosen = [estimates[int(i * step)] for i in range(min(rows, len(estimates)))]
    table = Table(
        title="time until ready, minutes:seconds", title_justify="left", box=None,
        padding=(0, 2, 0, 0), header_style="bold",
    )  # fmt: skip
    for heading in ("asked at (UTC)", "order", "store"):
        table.add_column(heading, no_wrap=True)
    for heading in ("in kitchen", "estimate", "80% range", "happened", "off by"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("in range")
    for estimate in chosen:
        table.add_row(*_row(estimate))
    console.print(table)


def _row(estimate: Estimate) -> tuple[str, ...]:
    quantiles_s = estimate.answer.quantiles_s
    backlog = (estimate.answer.features or {}).get(BACKLOG)
    happened, off, inside = "cancelled", "", ""
    if not math.isnan(estimate.actual_s):
        happened = minutes(estimate.actual_s)
        off = minutes(quantiles_s[MEDIAN] - estimate.actual_s)
        inside = "[green]yes[/]" if _is_inside(estimate) else "[yellow]no[/]"
    return (
        f"{estimate.answer.as_of:%d %b %H:%M:%S}",
        estimate.order_id,
        estimate.store_id,
        "" if backlog is None else f"{backlog:.0f}",
        minutes(quantiles_s[MEDIAN]),
        f"{minutes(quantiles_s[LOW])} to {minutes(quantiles_s[HIGH])}",
        happened,
        off,
        inside,
    )


def _is_inside(estimate: Estimate) -> bool:
    quantiles_s = estimate.answer.quantiles_s
    return quantiles_s[LOW] <= estimate.actual_s <= quantiles_s[HIGH]


def print_summary(
    estimates: Sequence[Estimate], usual_s: float, *, compared: int, different: int
) -> None:
    """Print how good all estimates of the day were, how fast, and whether features agree."""
    finished = [e for e in estimates if not math.isnan(e.actual_s)]
    console.print()
    if finished:
        actual_s = np.array([e.actual_s for e in finished])
        median_s = np.array([e.answer.quantiles_s[MEDIAN] for e in finished])
        mae_s = float(np.abs(median_s - actual_s).mean())
        constant_s = float(np.abs(usual_s - actual_s).mean())
        inside = np.mean([_is_inside(e) for e in finished])
        _line("orders of the day", f"{len(estimates):,}, of which {len(finished):,} became ready")
        _line("mean absolute error", f"{mae_s:.0f} s; always saying {minutes(usual_s)} (the usual"
              f" time) would be {constant_s:.0f} s off")  # fmt: skip
        _line("in the 80% range", f"{inside:.1%}")
    latency_ms = np.array([e.latency_ms for e in estimates])
    if len(latency_ms):
        p50, p99 = np.quantile(latency_ms, (0.5, 0.99))
        _line("answer over HTTP", f"median {p50:.1f} ms, 99th percentile {p99:.1f} ms")
    agreement = "all equal, bit for bit" if not different else f"[red]{different:,} differ[/]"
    _line("features as in training", f"{compared:,} values compared: {agreement}")


def _line(label: str, text: str) -> None:
    console.print(f"{label:<24} {text}", highlight=False)

"""Print the summary of the demo: accuracy for the three callers, latencies and data.

Each figure has a line of plain English that says what it means, and how sure it is.
"""

from __future__ import annotations

import numpy as np

from commands.console.output import console
from commands.console.plain_table import plain_table
from commands.live_demo.board import minutes
from commands.live_demo.feature_comparison import FeatureComparison
from commands.live_demo.hour import LiveHour
from commands.live_demo.retrying_client import RetryingClient
from commands.live_demo.scores import (
    app_ranges,
    chosen_waits,
    mean_difference,
    partner_ranges,
    stage_ranges,
    waits_of,
)
from estimators.core.stages import OPEN_STAGES

__all__ = ["print_summary"]


def print_summary(hour: LiveHour, compared: FeatureComparison) -> None:
    """Print the accuracy of all answers of the hour."""
    console.print()
    _print_stages(hour)
    _print_app(hour)
    _print_partner(hour)
    _print_routing(hour)
    _print_service(hour.asked, compared)


def _print_stages(hour: LiveHour) -> None:
    """The composed ETA gets sharper as an order goes on."""
    _heading(
        "How long until the customer has the order?",
        "Asked after each event of an order. A good 80% range holds four orders in five; on a"
        " single evening it",
        "may well be ten in a hundred more or less, as all its orders share one weather and one"
        " rush.",
    )
    heads = ("after the event", "asked", "time left", "median off by", "80% range", "held")
    table = plain_table(*heads)
    for stage in OPEN_STAGES:
        shown = stage_ranges(hour, stage)
        if len(shown):
            table.add_row(
                stage.replace("_", " "),
                f"{len(shown)}",
                minutes(float(shown.took_s.mean())),
                minutes(float(shown.error_s.mean())),
                f"{minutes(shown.width_s)} wide",
                f"{shown.inside:.0%}",
            )
    console.print(table)


def _print_app(hour: LiveHour) -> None:
    shown = app_ranges(hour)
    if not len(shown):
        return
    late = float((shown[:, 0] > shown[:, 2]).mean())
    early = float((shown[:, 0] < shown[:, 1]).mean())
    _heading(
        "customer app",
        f"{len(shown)} orders were delivered, {1.0 - late - early:.0%} of them within the range"
        f" shown before ordering ({np.mean(shown[:, 2] - shown[:, 1]) / 60:.0f} min wide),"
        f" {late:.0%} later, {early:.0%} earlier.",
        f"Of {hour.app.seen:,} ranges that were looked at again {hour.app.changed} had changed: a"
        " range should not jump before the customer's eyes.",
    )


def _print_partner(hour: LiveHour) -> None:
    rows = partner_ranges(hour)
    if not len(rows):
        return
    came_s, low_s, median_s, high_s = rows.T
    inside = float(((low_s <= came_s) & (came_s <= high_s)).mean())
    _heading(
        "partner app",
        f"{len(rows)} couriers walked in, {np.abs(came_s - median_s).mean():.0f} s before or after"
        f" the moment told when they took the order; {inside:.0%} within the 80% range.",
    )


def _print_routing(hour: LiveHour) -> None:
    """Doorstep's choice beside the nearest courier, on the same orders."""
    last = hour.counted_until
    chosen, nearest, orders = waits_of(hour, hour.began, last)
    if not len(orders):
        return
    _heading(
        "routing engine",
        f"The {len(orders)} orders placed by {last:%H:%M} were lived through twice: with the"
        " couriers chosen by Doorstep's numbers, and with the nearest free courier.",
    )
    stores = hour.demo.city.orders.store[orders]
    table = plain_table("", "Doorstep", "nearest", "difference", "95% interval", "")
    for label, a, b in (
        ("courier waits for the food", chosen.courier_s, nearest.courier_s),
        ("food waits for the courier", chosen.food_s, nearest.food_s),
        ("from the order to the door", chosen.delivery_s, nearest.delivery_s),
    ):
        gap = mean_difference(a, b, stores)
        table.add_row(label, minutes(a.mean()), minutes(b.mean()), f"{gap.mean:+.0f} s",
                      f"{gap.low:+.0f} to {gap.high:+.0f} s", gap.verdict)  # fmt: skip
    gap = mean_difference(chosen.late, nearest.late, stores)
    table.add_row("food waits more than 5 min", f"{chosen.late.mean():.0%}",
                  f"{nearest.late.mean():.0%}", f"{100.0 * gap.mean:+.0f} points",
                  f"{100.0 * gap.low:+.0f} to {100.0 * gap.high:+.0f}", gap.verdict)  # fmt: skip
    console.print(table)
    shown = chosen_waits(hour)
    if len(shown):
        expected_s, waited_s = shown.mean(axis=0)
        why = " Who looks best of many is often a little worse than they look."
        _say(
            f"Chosen couriers were expected to wait {minutes(expected_s)} and waited"
            f" {minutes(waited_s)}.{why if waited_s > expected_s else ''}"
        )


def _print_service(asked: RetryingClient, compared: FeatureComparison) -> None:
    total = sum(asked.statuses.values())
    statuses = ", ".join(f"{count:,} {name}" for name, count in sorted(asked.statuses.items()))
    _heading("service", f"{total:,} estimates: {statuses}.")
    for path, latency_ms in asked.latency_ms.items():
        p50, p99 = np.quantile(latency_ms, (0.5, 0.99))
        _line(f"  {path}", f"{len(latency_ms):,} over HTTP: median {p50:.1f} ms, 99% {p99:.1f} ms")
    if asked.late:
        late = ", ".join(f"{count:,} of {path}" for path, count in asked.late.items())
        _say(f"Late, and asked again: {late}. The machine has more to do; that is no failure.")
    agreement = (
        "all equal, bit for bit"
        if not compared.different
        else f"[red]{compared.different:,} differ[/]"
    )
    _line("features as in training", f"{compared.values:,} values compared: {agreement}")


def _heading(title: str, *lines: str) -> None:
    console.print(f"\n[bold]{title}[/]", highlight=False)
    for line in lines:
        _say(line)


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def _line(label: str, text: str) -> None:
    _say(f"{label:<24} {text}")

"""What expensive features cost, as a table with warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commands.console.output import console, error_console
from commands.console.plain_table import plain_table

if TYPE_CHECKING:
    from aggregators.features.costs import FeatureCost

__all__ = ["costs_as_json", "print_costs", "warn_of_costs"]

LARGE_SHARE = 0.2
"""From this share of the time of all features on, a feature gets a warning."""


def print_costs(costs: Sequence[FeatureCost]) -> None:
    """Print the costs as a table; nothing if no feature is expensive."""
    if not costs:
        return
    table = plain_table("expensive features", "ns per row", "share", "why", texts=["why"])
    for one in costs:
        table.add_row(one.name, f"{one.ns_per_row:,.0f}", f"{one.share:.0%}", one.reason)
    console.print(table)


def warn_of_costs(costs: Sequence[FeatureCost]) -> None:
    """Warn of each expensive feature that takes a large part of the time of all features."""
    for one in costs:
        if one.reason and one.share >= LARGE_SHARE:
            error_console.print(
                f"warning: {one.name} takes {one.share:.0%} of the time of all features"
                f" ({one.ns_per_row:,.0f} ns per row): {one.reason}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def costs_as_json(costs: Sequence[FeatureCost]) -> list[dict[str, str | float]]:
    """Return the costs as JSON-able values."""
    return [
        {
            "name": one.name,
            "reason": one.reason,
            "ns_per_row": round(one.ns_per_row, 1),
            "share": round(one.share, 4),
        }
        for one in costs
    ]

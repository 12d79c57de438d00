"""What the numbers said of an order can be.

A number that no order can have (below nothing, beyond the farthest) is refused: it is a mistake,
and an estimate would hide it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from estimators.core.stages import ELAPSED

__all__ = ["BOUNDS", "FactBounds", "impossible"]


class FactBounds(NamedTuple):
    """What a number can be, both ends included.

    Args:
        low: the least.
        high: the greatest.
        unit: what it counts, for messages.
    """

    low: float
    high: float
    unit: str


_METRES = FactBounds(0.0, 1e6, "metres")
_SECONDS_AGO = FactBounds(0.0, 1e9, "seconds ago")

BOUNDS: Mapping[str, FactBounds] = {
    "distance_m": _METRES,
    "distance_to_store_m": _METRES,
    "amount": FactBounds(0.0, 1e9, "the price of the order"),
    "products": FactBounds(0.0, 1e5, "products"),
    "floor": FactBounds(-20.0, 200.0, "the number of a floor"),
    **dict.fromkeys(ELAPSED, _SECONDS_AGO),
}
"""Of each number that is known of orders; others need only be finite."""


def impossible(name: str, value: float) -> str:
    """Return why no order has this number, empty where one could.

    >>> impossible("amount", -5)
    'is -5; expected the price of the order from 0 to 1e+09'
    >>> impossible("distance_m", 2)
    ''
    """
    bounds = BOUNDS.get(name)
    if bounds is None or bounds.low <= value <= bounds.high:
        return ""
    return f"is {value:.15g}; expected {bounds.unit} from {bounds.low:g} to {bounds.high:g}"

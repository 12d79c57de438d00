"""Say which facts the orders of a world have beside those of every world."""

from __future__ import annotations

from dataclasses import replace

from aggregators.events import Source
from aggregators.standard_sources import ORDERS
from simulator.world.nature import Nature

__all__ = ["ROUTE_ID", "orders_source"]

ROUTE_ID = "route_id"
"""Which orders one courier carries together: a text, known once a courier is assigned."""


def orders_source(nature: Nature) -> Source:
    """Return the source of a world's orders: the standard one with the facts of the world.

    >>> from simulator.world.nature import LIVELY
    >>> orders_source(LIVELY) is ORDERS
    True
    >>> orders_source(Nature(stack_share=0.2)).known_from["route_id"]
    'courier_assigned'
    """
    if not nature.stacks:
        return ORDERS
    return replace(
        ORDERS,
        facts=(*ORDERS.facts, ROUTE_ID),
        known_from={**ORDERS.known_from, ROUTE_ID: "courier_assigned"},
    )

"""Say which facts the orders of a world have beside those of every world."""

from __future__ import annotations

from dataclasses import replace

from aggregators.events import Source
from aggregators.standard_sources import LOCAL_EVENTS, ORDERS, WEATHER
from simulator.world.nature import Nature

__all__ = ["PROMISED_AT", "ROUTE_ID", "orders_source", "sources_of"]

PROMISED_AT = "promised_at"
"""The time for which an order was placed, known from the order on; missing where at once.

A datetime in the table, a text of ISO 8601 in events: facts of events are no datetimes.
"""
ROUTE_ID = "route_id"
"""Which orders one courier carries together: a text, known once a courier is assigned."""


def orders_source(nature: Nature) -> Source:
    """Return the source of a world's orders: the standard one with the facts of the world.

    >>> from simulator.world.nature import LIVELY
    >>> orders_source(LIVELY) is ORDERS
    True
    >>> orders_source(Nature(stack_share=0.2)).known_from["route_id"]
    'courier_assigned'
    >>> orders_source(Nature(scheduled_share=0.2)).facts[-1]
    'promised_at'
    """
    known_from = {**ORDERS.known_from}
    facts = ORDERS.facts
    if nature.scheduled_share > 0.0:
        facts = (*facts, PROMISED_AT)
    if nature.stacks:
        facts = (*facts, ROUTE_ID)
        known_from[ROUTE_ID] = "courier_assigned"
    return ORDERS if facts == ORDERS.facts else replace(ORDERS, facts=facts, known_from=known_from)


def sources_of(nature: Nature) -> tuple[Source, ...]:
    """Return all sources of a world, as a store of its events needs them."""
    return (orders_source(nature), WEATHER, LOCAL_EVENTS)

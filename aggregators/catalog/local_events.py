"""Declare local events (matches, markets, closures) as a source, and their features.

A local event starts and ends. Its zone stands in two columns, ``zone`` and ``store_zone``, because
an order meets it in two places: where its customer lives, and where its store is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from aggregators.attributes import Elapsed
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.standard_sources import LOCAL_EVENTS

__all__ = ["LOCAL_EVENT_FEATURES"]

EVENT_MAX_AGE = "30d"
"""A street may be closed for weeks; what has gone on for longer has lost its end."""

_OWNER = "conditions"
_TOPIC = "local events"


def _of_place(dimension: str, subject: str, place: str) -> Iterator[Aggregator]:
    """Yield the features of one dimension; `place` completes "Local events ..."."""
    yield from _ongoing(dimension, subject, place)
    yield from _last_hour(dimension, subject, place)


def _ongoing(dimension: str, subject: str, place: str) -> Iterator[Aggregator]:
    running = partial(
        StatsBetweenEvents,
        LOCAL_EVENTS,
        dimension=dimension,
        first_event="started",
        second_event="ended",
        max_age=EVENT_MAX_AGE,
        owner=_OWNER,
        topic=_TOPIC,
    )
    yield running(
        name=f"{subject}_local_events",
        function="count",
        unit="events",
        description=f"Local events going on {place}: crowds, stalls and detours of the moment.",
    )
    yield running(
        name=f"{subject}_local_event_visitors",
        version=2,
        function="sum",
        attribute="visitors",
        unit="people",
        description=f"Visitors of the local events going on {place}: tells a match from a market.",
    )
    yield running(
        name=f"{subject}_closures",
        version=2,
        function="sum",
        attribute="closes_streets",
        unit="events",
        description=f"Local events that close streets {place}: traffic goes around them.",
    )
    yield running(
        name=f"{subject}_local_event_oldest_s",
        function="max",
        attribute=Elapsed("started"),
        unit="s",
        description=f"Time since the first of the local events going on {place} started: its end"
        " comes nearer.",
    )
    yield running(
        name=f"{subject}_local_event_newest_s",
        function="min",
        attribute=Elapsed("started"),
        unit="s",
        description=f"Time since the latest of the local events going on {place} started: recent"
        " rides do not show it yet.",
    )


def _last_hour(dimension: str, subject: str, place: str) -> Iterator[Aggregator]:
    recent = partial(StatsAfterEvent, LOCAL_EVENTS, dimension=dimension, owner=_OWNER, topic=_TOPIC)
    yield recent(
        name=f"{subject}_local_events_started_60min",
        function="count",
        event="started",
        window="60min",
        unit="events",
        description=f"Local events that started {place} in the last 60 minutes.",
    )
    yield recent(
        name=f"{subject}_local_events_ended_60min",
        function="count",
        event="ended",
        window="60min",
        unit="events",
        description=f"Local events that ended {place} in the last 60 minutes: people on their way"
        " home, streets that open again.",
    )
    yield recent(
        name=f"{subject}_local_event_visitors_ended_60min",
        version=2,
        function="sum",
        event="ended",
        window="60min",
        attribute="visitors",
        unit="people",
        description=f"Visitors of the local events that ended {place} in the last 60 minutes: how"
        " many are in the streets at once.",
    )
    yield StatsLastNSamples(
        LOCAL_EVENTS,
        name=f"{subject}_since_local_event_ended_s",
        dimension=dimension,
        event="ended",
        n=1,
        function="last",
        attribute=Elapsed("ended"),
        unit="s",
        owner=_OWNER,
        topic=_TOPIC,
        description=f"Time since the last local event {place} ended: recent rides were slower than"
        " the next ones.",
    )


LOCAL_EVENT_FEATURES: tuple[Aggregator, ...] = (
    *_of_place("zone", "zone", "in the customer's zone"),
    *_of_place("store_zone", "store_zone", "in the store's zone"),
    *_of_place("city", "city", "in the city"),
)

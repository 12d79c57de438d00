"""Select the samples of a group that are between two events: open now."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Any

from aggregators.errors import DefinitionError
from aggregators.feature import SampleSelection, SelectionKind
from aggregators.features.base import Aggregator
from aggregators.times import duration_to_us, format_duration

__all__ = ["StatsBetweenEvents"]

MAX_CLOSING_EVENTS = 16
"""The most events that may close an interval."""


@dataclass(frozen=True)
class StatsBetweenEvents(Aggregator):
    """Computes a function of the samples after ``first_event`` and before every ``second_event``.

    Values come in the order of (first event time, sample_id). A second event that happened before
    the first one closes the interval, too.

    Args:
        first_event: opens the interval.
        second_event: closes it: one name, or several of which any closes it.
        max_age: samples whose first event is longer ago than this do not count, so that a lost
            closing event does not count for ever; None for no limit.

    See :class:`~aggregators.features.base.Aggregator` for the other arguments.

    >>> from aggregators import Source, StatsBetweenEvents
    >>> orders = Source(
    ...     "orders",
    ...     sample_id="order_id",
    ...     dimensions=("store_id",),
    ...     events=("dispatched", "accepted", "cancelled"),
    ... )
    >>> StatsBetweenEvents(
    ...     orders,
    ...     dimension="store_id",
    ...     function="count",
    ...     first_event="dispatched",
    ...     second_event=("accepted", "cancelled"),
    ...     max_age="2h",
    ... ).name
    'orders_count_between_dispatched_and_accepted_or_cancelled_within_2h_by_store_id'
    """

    _: KW_ONLY
    first_event: str
    second_event: str | tuple[str, ...]
    max_age: str | timedelta | None = None

    def _check_specs(self) -> None:
        given = self.second_event
        closing = (given,) if isinstance(given, str) else tuple(given)
        if not 1 <= len(closing) <= MAX_CLOSING_EVENTS or len(set(closing)) < len(closing):
            raise DefinitionError(
                f"second_event is {given!r}; expected 1 to {MAX_CLOSING_EVENTS} different events"
            )
        for event in (self.first_event, *closing):
            self.source.check_event(event)
        if self.first_event in closing:
            raise DefinitionError(
                f"second_event is {given!r}; expected other events than first_event"
            )
        object.__setattr__(self, "second_event", closing)
        if self.max_age is not None:
            max_age = format_duration(duration_to_us(self.max_age, "max_age"))
            object.__setattr__(self, "max_age", max_age)

    @property
    def order_event(self) -> str:
        """The event that orders the samples of a group."""
        return self.first_event

    @property
    def closing_events(self) -> tuple[str, ...]:
        """The events of which any closes the interval."""
        assert isinstance(self.second_event, tuple)
        return self.second_event

    @property
    def max_age_us(self) -> int | None:
        """The age limit in microseconds, or None."""
        return None if self.max_age is None else duration_to_us(self.max_age, "max_age")

    @property
    def events(self) -> tuple[str, ...]:
        """The events that make the selection."""
        return (self.first_event, *self.closing_events)

    @property
    def selection(self) -> SampleSelection:
        """Which samples of a group are selected."""
        return SampleSelection(
            kind=SelectionKind.BETWEEN_EVENTS,
            event=self.first_event,
            max_age_us=self.max_age_us,
            closing=self.closing_events,
        )

    @property
    def specs(self) -> dict[str, Any]:
        """The events and the age limit."""
        return {
            "first_event": self.first_event,
            "second_event": sorted(self.closing_events),
            "max_age": self.max_age,
        }

    def _selection_name(self) -> str:
        closing = "_or_".join(self.closing_events)
        limit = f"_within_{self.max_age}" if self.max_age else ""
        return f"between_{self.first_event}_and_{closing}{limit}"

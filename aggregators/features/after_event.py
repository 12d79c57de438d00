"""Select the samples of a group whose event happened within a window that ends now."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Any

from aggregators.feature import SampleSelection, SelectionKind
from aggregators.features.base import Aggregator
from aggregators.times import duration_to_us, format_duration

__all__ = ["StatsAfterEvent"]


@dataclass(frozen=True)
class StatsAfterEvent(Aggregator):
    """Computes a function of the samples with ``as_of - window <= event time < as_of``.

    Values come in the order of (event time, sample_id).

    Args:
        event: the event.
        window: how far back, e.g. ``"15min"``, ``"1h"`` or a timedelta; kept in its shortest form.

    See :class:`~aggregators.features.base.Aggregator` for the other arguments.

    >>> from aggregators import Source, StatsAfterEvent
    >>> orders = Source(
    ...     "orders", sample_id="order_id", events=("activated",), dimensions=("city",)
    ... )
    >>> StatsAfterEvent(
    ...     orders, dimension="city", function="count", event="activated", window="60min"
    ... ).name
    'orders_count_1h_after_activated_by_city'
    """

    _: KW_ONLY
    event: str
    window: str | timedelta

    def _check_specs(self) -> None:
        self.source.check_event(self.event)
        window = format_duration(duration_to_us(self.window, "window"))
        object.__setattr__(self, "window", window)

    @property
    def order_event(self) -> str:
        """The event that orders the samples of a group."""
        return self.event

    @property
    def window_us(self) -> int:
        """The window in microseconds."""
        return duration_to_us(self.window, "window")

    @property
    def selection(self) -> SampleSelection:
        """Which samples of a group are selected."""
        return SampleSelection(
            kind=SelectionKind.AFTER_EVENT, event=self.event, window_us=self.window_us
        )

    @property
    def specs(self) -> dict[str, Any]:
        """The event and the window, ready for JSON."""
        return {"event": self.event, "window": self.window}

    def _selection_name(self) -> str:
        return f"{self.window}_after_{self.event}"

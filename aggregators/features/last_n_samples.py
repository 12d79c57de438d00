"""Select the last N samples of a group, by the latest event that has happened."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

from aggregators.errors import DefinitionError
from aggregators.feature import SampleSelection, SelectionKind
from aggregators.features.base import Aggregator

__all__ = ["StatsLastNSamples"]

MAX_N = 1_000_000
"""The most samples that a last-N feature may ask for."""


@dataclass(frozen=True)
class StatsLastNSamples(Aggregator):
    """Computes a function of the ``n`` samples with the latest ``event`` that has happened.

    Values come in the order of (event time, sample_id). Fewer than ``n`` are taken where there are
    not more; missing attribute values are skipped but use up one of the ``n``.

    Args:
        event: the event that orders the samples.
        n: how many samples, at least 1.

    See :class:`~aggregators.features.base.Aggregator` for the other arguments.

    >>> from aggregators import Duration, Source, StatsLastNSamples
    >>> orders = Source(
    ...     "orders",
    ...     sample_id="order_id",
    ...     events=("accepted", "ready"),
    ...     dimensions=("store_id",),
    ... )
    >>> StatsLastNSamples(
    ...     orders,
    ...     dimension="store_id",
    ...     function="mean",
    ...     event="ready",
    ...     n=5,
    ...     attribute=Duration("accepted", "ready"),
    ... ).name
    'orders_mean_accepted_to_ready_s_last_5_ready_by_store_id'
    """

    _: KW_ONLY
    event: str
    n: int

    def _check_specs(self) -> None:
        self.source.check_event(self.event)
        n: Any = self.n
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_N:
            raise DefinitionError(
                f"n is {self.n!r}; expected a whole number from 1 to {MAX_N:,} (samples)"
            )

    @property
    def order_event(self) -> str:
        """The event that orders the samples of a group."""
        return self.event

    @property
    def selection(self) -> SampleSelection:
        """Which samples of a group are selected."""
        return SampleSelection(kind=SelectionKind.LAST_N, event=self.event, n=self.n)

    @property
    def specs(self) -> dict[str, Any]:
        """The event and n."""
        return {"event": self.event, "n": self.n}

    def _selection_name(self) -> str:
        return f"last_{self.n}_{self.event}"

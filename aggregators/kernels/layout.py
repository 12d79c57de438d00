"""Lay out arrays: where a source's events and columns stand in those that the kernels read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aggregators.attributes import Attribute, columns_of, events_of
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels import selection

__all__ = ["Layout", "needed_layout"]


@dataclass(frozen=True)
class Layout:
    """Says where a source's events and columns stand in the arrays.

    ``folded`` holds attributes that were computed for the whole table beforehand: for each the
    column of its values and the row of ``times`` from which they are known. ``precedes`` holds
    pairs of rows of ``times`` of which the first is never later than the second in this table: what
    is known from the first on is known of every sample that is selected by the second.
    """

    events: Mapping[str, int]
    columns: Mapping[str, int]
    folded: Mapping[Attribute, tuple[int, int]] = field(default_factory=dict)
    precedes: frozenset[tuple[int, int]] = frozenset()

    def gate(self, known: int, order_event: str) -> int:
        """Return the event to check before a column may be used, or KNOWN if there is no need."""
        selected_by = self.events[order_event]
        if known == selected_by or (known, selected_by) in self.precedes:
            return selection.KNOWN
        return known

    @classmethod
    def of_source(cls, source: Source) -> Layout:
        """Return the layout of all events and attribute columns in their declared order."""
        return cls(
            {name: i for i, name in enumerate(source.events)},
            {name: i for i, name in enumerate(source.attributes)},
        )


def needed_layout(features: Iterable[Feature]) -> Layout:
    """Return the layout of just those events and columns that the features of one source need."""
    events: dict[str, int] = {}
    columns: dict[str, int] = {}
    for feature in features:
        source = feature.source
        names = [*feature.events, source.known_from_event(feature.dimension)]
        if feature.attribute is not None:
            names += events_of(feature.attribute)
            for column in columns_of(feature.attribute):
                columns.setdefault(column, len(columns))
                names.append(source.known_from_event(column))
        for name in names:
            events.setdefault(name, len(events))
    return Layout(events, columns)

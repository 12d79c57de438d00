"""Keep a source's table as arrays, with its orders: each is made once, and shared by features."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from aggregators.attributes import Attribute
from aggregators.engine.clustering import IndexedPlans, cluster
from aggregators.engine.execution import OrderedQueries
from aggregators.engine.folding import fold, foldable
from aggregators.engine.kept_arrays import KeptArrays
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels import query_kernels as kernels
from aggregators.kernels.layout import Layout, needed_layout
from aggregators.kernels.plan import SelectionPlan
from aggregators.kernels.time_order import time_order
from aggregators.tables.sample_table import SampleTable
from aggregators.typing import Int32Array, Int64Array, Native

__all__ = ["SourceArrays"]


class SourceArrays:
    """Reads a source's table as features need it, and sorts it once per (dimension, event).

    Several threads may use it.

    Attributes:
        source: the source.
        table: what has been read so far.

    Args:
        source: the source.
        data: its table.
        kept: keeps for the next run what depends on the index and the features.
    """

    table: SampleTable

    def __init__(self, source: Source, data: Native, kept: KeptArrays | None = None) -> None:
        self.source = source
        self._kept = kept or KeptArrays(0)
        self._data = data
        self._changing = threading.RLock()
        self._folded: dict[Attribute, tuple[int, int]] = {}
        self._indexes: dict[tuple[str, str], tuple[Int32Array, Int64Array]] = {}

    def layout_for(self, features: Sequence[Feature], extra_events: Sequence[str] = ()) -> Layout:
        """Read what features need, if it has not been read yet; return where it stands.

        Args:
            features: the features, all of this source.
            extra_events: events that are needed besides.

        Raises:
            DataError: a column is missing, or its values cannot be taken.
        """
        wanted = foldable(features)
        with self._changing:
            self._read(features, extra_events, len(wanted))
            lacking = {one: by for one, by in wanted.items() if one not in self._folded}
            self._folded |= fold(lacking, self.table)
            layout = self.table.layout
            folded = {attribute: self._folded[attribute] for attribute in wanted}
            placed = Layout(layout.events, layout.columns, folded)
            return Layout(layout.events, layout.columns, folded, self._ordered(features, placed))

    def _read(self, features: Sequence[Feature], extra_events: Sequence[str], spare: int) -> None:
        needed = needed_layout(features)
        dimensions = list(dict.fromkeys(feature.dimension for feature in features))
        events = dict.fromkeys([*needed.events, *extra_events])
        if hasattr(self, "table"):
            self.table.read_more(events, needed.columns, dimensions)
            return
        layout = Layout({event: i for i, event in enumerate(events)}, needed.columns)
        self.table = SampleTable.read(self.source, self._data, layout, dimensions, spare)

    def _ordered(self, features: Sequence[Feature], layout: Layout) -> frozenset[tuple[int, int]]:
        """Find out which events never come later than those that select, in this table."""
        pairs: set[tuple[int, int]] = set()
        for feature in features:
            event = layout.events[feature.order_event]
            pairs.add((layout.events[self.source.known_from_event(feature.dimension)], event))
            attribute = feature.attribute
            if isinstance(attribute, str):
                pairs.add((layout.events[self.source.known_from_event(attribute)], event))
            elif attribute is not None and attribute in layout.folded:
                pairs.add((layout.folded[attribute][1], event))
        return frozenset(pair for pair in pairs if self.table.never_later(*pair))

    def sort(self, pairs: Iterable[tuple[str, str]], pool: ThreadPoolExecutor) -> None:
        """Sort the table for every (dimension, event) for which it has not been sorted yet."""
        with self._changing:
            wanted = sorted(set(pairs) - self._indexes.keys())
            events = sorted({event for _, event in wanted})
            orders = dict(zip(events, pool.map(self._time_order, events), strict=True))

            def group(pair: tuple[str, str]) -> tuple[Int32Array, Int64Array]:
                groups = self.table.groups[pair[0]]
                return kernels.group_rows(groups.codes, orders[pair[1]], len(groups.values))

            self._indexes.update(zip(wanted, pool.map(group, wanted), strict=True))

    def index(self, dimension: str, event: str) -> tuple[Int32Array, Int64Array]:
        """Return the rows by (group, event time, sample id), and where each group starts and ends.

        Only rows with a group whose event has happened.
        """
        return self._indexes[dimension, event]

    def clustered(
        self, pair: tuple[str, str], plans: Sequence[SelectionPlan], asked: OrderedQueries
    ) -> tuple[IndexedPlans, OrderedQueries]:
        """Return the samples of an index in its order, and all queries with their places there.

        Args:
            pair: the index's dimension and event.
            plans: the selections over it.
            asked: all queries of the run, by group.
        """
        key = (self.source.name, *pair)
        table = self.table
        here = cluster(plans, self.index(*pair), table.times, table.columns, self._kept, key)
        (own,) = self._kept.get(("own", key), lambda: (here.places_of_rows(asked.own_rows),))
        return here, replace(asked, own_rows=own)

    def _time_order(self, event: str) -> Int32Array:
        """Return the rows in the order of (event time, sample id), where the event has happened."""
        return time_order(self.table.times[self.table.layout.events[event]])

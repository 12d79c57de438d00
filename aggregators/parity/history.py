"""Compare the history that a store keeps with a table: training must learn the same from both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aggregators.events import Source
from aggregators.kernels.layout import Layout
from aggregators.stores.base import EventStore
from aggregators.stores.facts import facts_of_table
from aggregators.tables.groups import Groups
from aggregators.tables.sample_table import SampleTable
from aggregators.times import NEVER
from aggregators.typing import Int64Array, Native

__all__ = ["HistoryDifference", "compare_history"]


@dataclass(frozen=True)
class HistoryDifference:
    """Counts the differences between a store's samples and a table's.

    Attributes:
        samples: samples of the table that have an event.
        cells: event times, dimensions, attributes, and facts of the table, compared.
        absent: samples that the store lacks.
        foreign: samples that only the store has.
        different: cells of the samples of both that differ.
    """

    samples: int
    cells: int
    absent: int
    foreign: int
    different: int

    @property
    def is_same(self) -> bool:
        """Whether there is no difference."""
        return not (self.absent or self.foreign or self.different)


def compare_history(store: EventStore, source: Source, table: Native) -> HistoryDifference:
    """Compare all samples of a source with a table, to the microsecond and to the bit.

    Args:
        store: the store.
        source: the source.
        table: its samples; rows without any event are left out, as no store can know them.

    >>> import pandas as pd
    >>> from aggregators import MemoryEventStore, Source
    >>> orders = Source("orders", sample_id="order_id", events=("ready",))
    >>> store = MemoryEventStore(sources=[orders])
    >>> ready = pd.date_range("2026-01-01", periods=2, freq="h", tz="UTC")
    >>> table = pd.DataFrame({"order_id": [1, 2], "ready": ready})
    >>> store.append_table(orders, table).applied
    2
    >>> compare_history(store, orders, table).is_same
    True
    """
    layout, dimensions = Layout.of_source(source), list(source.dimensions)
    expected = SampleTable.read(source, table, layout, dimensions)
    kept_table = store.table(source)
    kept = SampleTable.read(source, kept_table, layout, dimensions)
    met = (expected.times != NEVER).any(axis=0)
    ids = expected.ids[met]
    place = kept.ids.get_indexer(ids)
    there = place >= 0
    expected_rows, kept_rows = np.flatnonzero(met)[there], place[there]
    different = int((expected.times[:, expected_rows] != kept.times[:, kept_rows]).sum())
    numbers = expected.columns[:, expected_rows], kept.columns[:, kept_rows]
    bits = [np.ascontiguousarray(values).view(np.int64) for values in numbers]
    different += int(((bits[0] != bits[1]) & ~np.isnan(numbers).all(axis=0)).sum())
    for name in dimensions:
        values = (
            _values(expected.groups[name])[expected_rows],
            _values(kept.groups[name])[kept_rows],
        )
        different += int((values[0] != values[1]).sum())
    expected_facts = facts_of_table(source, table, expected.row_of)
    kept_facts = facts_of_table(source, kept_table, kept.row_of)
    for name, expected_values in expected_facts.items():
        different += _n_different(expected_values, expected_rows, kept_facts[name], kept_rows)
    n_cells = len(source.events) + len(source.columns) + len(expected_facts)
    return HistoryDifference(
        samples=len(ids),
        cells=len(expected_rows) * n_cells,
        absent=int((~there).sum()),
        foreign=len(kept) - int(there.sum()),
        different=different,
    )


def _values(groups: Groups) -> Any:
    """Return a dimension's value of each sample, None where it is missing."""
    return np.append(groups.values.to_numpy(dtype=object), [None])[groups.codes]


def _n_different(
    expected: list[Any], expected_rows: Int64Array, kept: list[Any], kept_rows: Int64Array
) -> int:
    """Return how many facts differ; True is not 1."""
    pairs = (
        (expected[i], kept[j])
        for i, j in zip(expected_rows.tolist(), kept_rows.tolist(), strict=True)
    )
    return sum(a != b or type(a) is not type(b) for a, b in pairs)

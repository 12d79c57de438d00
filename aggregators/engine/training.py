"""Compute the features of many queries over a table, in parallel, in chunks if wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from aggregators.attributes import Attribute, columns_of, events_of, has_elapsed
from aggregators.engine.clustering import IndexedPlans, cluster
from aggregators.engine.execution import OrderedQueries, answer_expensive, answer_queries
from aggregators.engine.queries import Queries, events_of_requests, read_queries, tables_by_source
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels import query_kernels as kernels
from aggregators.kernels.layout import Layout, needed_layout
from aggregators.kernels.plan import SelectionPlan, compile_features, program_of
from aggregators.tables.sample_table import SampleTable
from aggregators.times import NEVER
from aggregators.typing import Float64Array, Int32Array, Int64Array, Native

__all__ = ["SourceRun", "TrainingRun", "available_threads"]

_NO_PLACES = np.empty(0, np.int64)  # rows are those of the table

BLOCK_QUERIES = 32_768
"""How many queries a thread answers at a time.

They are neighbours in time: the samples that they need fit into the processor's cache.
"""


def available_threads() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SourceRun:
    """Computes features of one source over one table, which is read and sorted once."""

    def __init__(
        self,
        source: Source,
        features: Sequence[tuple[int, Feature]],
        data: Native,
        extra_events: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.features = features
        layout = needed_layout(feature for _, feature in features)
        events = dict(layout.events)
        for event in extra_events:
            events.setdefault(event, len(events))
        layout = Layout(events, layout.columns)
        folded = _foldable(features)
        dimensions = list(dict.fromkeys(feature.dimension for _, feature in features))
        self.table = SampleTable.read(source, data, layout, dimensions, spare=len(folded))
        self.layout = self._ordered_layout(self._fold(folded))
        self.plans = compile_features(features, self.layout)
        self._indexes: dict[tuple[str, str], tuple[Int32Array, Int64Array]] = {}

    def _fold(self, folded: Mapping[Attribute, Feature]) -> Layout:
        """Compute attributes that do not depend on ``as_of`` once, as if they were columns."""
        table, layout = self.table, self.table.layout
        n_times, n_columns = len(layout.events), len(layout.columns)
        places: dict[Attribute, tuple[int, int]] = {}
        for attribute, feature in folded.items():
            program = program_of(attribute, feature, layout)
            kernels.materialise(program, table.times, table.columns, table.columns[n_columns])
            rows = _known_rows(attribute, self.source, layout)
            known = rows[0]
            if len(rows) > 1:
                latest = np.maximum.reduce([table.times[row] for row in rows])
                same = [row for row in rows if np.array_equal(latest, table.times[row])]
                known = same[0] if same else n_times
                if not same:
                    table.times[n_times] = latest
                    n_times += 1
            places[attribute] = (n_columns, known)
            n_columns += 1
        return Layout(layout.events, layout.columns, places)

    def _ordered_layout(self, layout: Layout) -> Layout:
        """Find out which events never come later than those that select, in this table."""
        times = self.table.times
        pairs: set[tuple[int, int]] = set()
        for _, feature in self.features:
            event = layout.events[feature.order_event]
            pairs.add((layout.events[self.source.known_from_event(feature.dimension)], event))
            attribute = feature.attribute
            if isinstance(attribute, str):
                pairs.add((layout.events[self.source.known_from_event(attribute)], event))
            elif attribute is not None and attribute in layout.folded:
                pairs.add((layout.folded[attribute][1], event))
        # An event that has not happened has the time NEVER, and nothing is later than NEVER.
        precedes = frozenset(
            (known, event) for known, event in pairs if np.all(times[known] <= times[event])
        )
        return Layout(layout.events, layout.columns, layout.folded, precedes)

    def prepare(self, pool: ThreadPoolExecutor) -> None:
        """Sort the table for every (dimension, event) that the features need."""
        pairs = {(plan.dimension, plan.order_event) for plan in self.plans} - self._indexes.keys()
        events = sorted({event for _, event in pairs})
        orders = dict(zip(events, pool.map(self._time_order, events), strict=True))

        def group(pair: tuple[str, str]) -> tuple[Int32Array, Int64Array]:
            groups = self.table.groups[pair[0]]
            rows, offsets = kernels.group_rows(groups.codes, orders[pair[1]], len(groups.values))
            return rows, offsets

        ordered = sorted(pairs)
        self._indexes.update(zip(ordered, pool.map(group, ordered), strict=True))

    def _time_order(self, event: str) -> Int32Array:
        """Return the rows in the order of (event time, sample id), where the event has happened."""
        times = self.table.times[self.layout.events[event]]
        happened = np.flatnonzero(times != NEVER).astype(np.int32)
        moments = times if len(happened) == len(times) else times[happened]
        if np.all(moments[:-1] <= moments[1:]):
            return happened
        return happened[np.argsort(moments, kind="stable")]

    def compute(
        self,
        queries: Queries,
        start: int,
        stop: int,
        result: Float64Array,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Write the features of queries ``start`` to ``stop`` into ``result[output, query]``."""
        self.prepare(pool)
        in_time = np.argsort(queries.as_of[start:stop], kind="stable").astype(np.int32)
        if len(in_time) == len(queries.as_of):
            self._answer_whole(queries, in_time, result, pool)
        else:
            self._answer_part(queries, start, in_time, result, pool)
        self._answer_expensive(queries, start, in_time, result)

    def _answer_whole(
        self,
        queries: Queries,
        in_time: Int32Array,
        result: Float64Array,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Answer all queries, index by index: at most one cluster per thread is in memory."""
        dimensions = sorted({plan.dimension for plan in self.plans})
        orders = pool.map(lambda name: self._ordered(queries, name, 0, in_time), dimensions)
        ordered = dict(zip(dimensions, orders, strict=True))
        self._fill_ungrouped(ordered, result)

        def answer(pair: tuple[str, str]) -> None:
            plans = [p for p in self.plans if (p.dimension, p.order_event) == pair]
            rows, offsets = self._indexes[pair]
            here = cluster(plans, rows, offsets, self.table.times, self.table.columns)
            asked, _ = ordered[pair[0]]
            own_rows = np.where(asked.own_rows < 0, -1, here.place_of[asked.own_rows])
            for plan in here.plans:
                answer_queries(plan, here, replace(asked, own_rows=own_rows), result)

        for _ in pool.map(answer, sorted(self._indexes)):
            pass

    def _answer_part(
        self,
        queries: Queries,
        start: int,
        in_time: Int32Array,
        result: Float64Array,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Answer a part of the queries in blocks, from the table itself: it needs no more memory.

        Open intervals without an age limit are walked from the beginning of each group: once, not
        once per block.
        """
        endless = [plan for plan in self.plans if plan.is_endless]
        others = [plan for plan in self.plans if not plan.is_endless]
        blocks = [in_time[i : i + BLOCK_QUERIES] for i in range(0, len(in_time), BLOCK_QUERIES)]
        tasks = [([plan], in_time) for plan in endless] + [(others, block) for block in blocks]

        def answer(task: tuple[list[SelectionPlan], Int32Array]) -> None:
            plans, block = task
            dimensions = {plan.dimension for plan in plans}
            ordered = {name: self._ordered(queries, name, start, block) for name in dimensions}
            self._fill_ungrouped(ordered, result)
            for plan in plans:
                answer_queries(plan, self._whole_table(plan), ordered[plan.dimension][0], result)

        for _ in pool.map(answer, tasks):
            pass

    def _fill_ungrouped(
        self, ordered: Mapping[str, tuple[OrderedQueries, Int32Array]], result: Float64Array
    ) -> None:
        """Give queries without a key the empty value."""
        for output, feature in self.features:
            if feature.dimension in ordered:
                _, missing = ordered[feature.dimension]
                result[output, missing] = 0.0 if feature.function in ("count", "sum") else np.nan

    def _ordered(
        self, queries: Queries, dimension: str, start: int, in_time: Int32Array
    ) -> tuple[OrderedQueries, Int32Array]:
        return _ordered(queries, self.source.name, dimension, start, in_time)

    def _answer_expensive(
        self, queries: Queries, start: int, in_time: Int32Array, result: Float64Array
    ) -> None:
        """Compute all functions that run in Python."""
        for plan in self.plans:
            if plan.expensive:
                asked, _ = self._ordered(queries, plan.dimension, start, in_time)
                index = self._whole_table(plan)
                for item in plan.expensive:
                    answer_expensive(plan, item, index, asked, result)

    def _whole_table(self, plan: SelectionPlan) -> IndexedPlans:
        rows, offsets = self._indexes[plan.dimension, plan.order_event]
        return IndexedPlans((), rows, offsets, self.table.times, self.table.columns, _NO_PLACES)


def _foldable(features: Sequence[tuple[int, Feature]]) -> dict[Attribute, Feature]:
    """Return the expressions that do not depend on ``as_of``, each with a feature that uses it."""
    result: dict[Attribute, Feature] = {}
    for _, feature in features:
        attribute = feature.attribute
        if attribute is None or isinstance(attribute, str) or has_elapsed(attribute):
            continue
        result.setdefault(attribute, feature)
    return result


def _known_rows(attribute: Attribute, source: Source, layout: Layout) -> list[int]:
    """Return the rows of ``times`` that must all have happened for the attribute to be known."""
    names = list(events_of(attribute))
    names += [source.known_from_event(column) for column in columns_of(attribute)]
    return sorted({layout.events[name] for name in names})


def _ordered(
    queries: Queries, source: str, dimension: str, start: int, in_time: Int32Array
) -> tuple[OrderedQueries, Int32Array]:
    """Return queries, given in the order of time and counted from ``start``, by group.

    The second result holds the output columns of queries without a group.
    """
    codes = queries.codes[source, dimension][start:]
    asked = codes[in_time]
    places, offsets = kernels.group_rows(codes, in_time, int(asked.max(initial=-1)) + 1)
    ordered = OrderedQueries(
        groups=np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)),
        as_of=queries.as_of[start:][places],
        own_rows=queries.own_rows[source][start:][places],
        places=places.astype(np.int64),
    )
    return ordered, in_time[asked < 0]


class TrainingRun:
    """Computes any range of the queries of a feature set over its tables.

    Args:
        features: the features, in the order of the output rows.
        data: a table, or one per source name.
        as_of: an event's name or one moment per row; None with ``at``.
        at: a table of queries; None with ``as_of``.
        threads: how many threads to use; by default as many as there are cores for this process.
    """

    def __init__(
        self,
        features: Sequence[Feature],
        data: Native | Mapping[str, Native],
        *,
        as_of: Any = None,
        at: Native = None,
        threads: int | None = None,
    ) -> None:
        self.features = features
        self.threads = threads or available_threads()
        sources = {feature.source.name: feature.source for feature in features}
        tables = tables_by_source(data, sources)
        self.runs = [
            SourceRun(
                source,
                [(i, f) for i, f in enumerate(features) if f.source.name == name],
                tables[name],
                events_of_requests(source, features, as_of),
            )
            for name, source in sources.items()
        ]
        self.queries, self.frame = read_queries(
            {run.source.name: run.table for run in self.runs}, tables, as_of, at
        )

    def __len__(self) -> int:
        return len(self.queries.as_of)

    def compute(self, start: int = 0, stop: int | None = None) -> Float64Array:
        """Return the features of a range of queries, shape (n_features, n_queries)."""
        stop = len(self) if stop is None else stop
        result = np.empty((len(self.features), stop - start))
        with ThreadPoolExecutor(self.threads) as pool:
            for run in self.runs:
                run.compute(self.queries, start, stop, result, pool)
        return result

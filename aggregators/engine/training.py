"""Compute the features of many queries over a table, in parallel, in chunks if wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from aggregators.engine.clustering import IndexedPlans
from aggregators.engine.execution import OrderedQueries, answer_expensive
from aggregators.engine.prepared import PreparedTable
from aggregators.engine.queries import Queries
from aggregators.engine.query_order import in_order_of_time, ordered_queries
from aggregators.engine.sliding import KEPT_ROWS, PlanAnswers
from aggregators.engine.source_arrays import SourceArrays
from aggregators.engine.tasks import SharedCluster, parts_of
from aggregators.errors import QueryError
from aggregators.events import Source
from aggregators.feature import Feature
from aggregators.kernels.layout import Layout
from aggregators.kernels.plan import SelectionPlan, compile_features
from aggregators.tables.sample_table import SampleTable
from aggregators.typing import Float64Array, Int32Array, Native

__all__ = ["SourceRun", "TrainingRun", "available_threads"]

_NO_PLACES = np.empty(0, np.int32)  # rows are those of the table


def available_threads() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SourceRun:
    """Computes features of one source over one table, which is read and sorted once."""

    def __init__(
        self,
        source: Source,
        features: Sequence[tuple[int, Feature]],
        arrays: SourceArrays,
        layout: Layout,
        threads: int,
    ) -> None:
        self.source = source
        self.features = features
        self.arrays = arrays
        self.layout = layout
        self.threads = threads
        self.plans = compile_features(features, layout)
        self._answers: list[PlanAnswers] = []

    @property
    def table(self) -> SampleTable:
        """The samples; later runs may add to it."""
        return self.arrays.table

    def compute(
        self,
        queries: Queries,
        start: int,
        stop: int,
        result: Float64Array,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Write the features of queries ``start`` to ``stop`` into ``result[output, query]``."""
        self.arrays.sort({(plan.dimension, plan.order_event) for plan in self.plans}, pool)
        in_time = in_order_of_time(queries, start, stop)
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

        def answer(task: tuple[SharedCluster, list[int]]) -> None:
            shared, numbers = task
            here, asked = shared.take()
            for number in numbers:
                plan = here.plans[number]
                PlanAnswers(plan, here).answer(here, asked, result)
            shared.give_back()

        for _ in pool.map(answer, self._tasks(ordered)):
            pass

    def _tasks(
        self, ordered: Mapping[str, tuple[OrderedQueries, Int32Array]]
    ) -> list[tuple[SharedCluster, list[int]]]:
        """Divide the plans of each index into tasks, those with the most plans first."""
        tasks = []
        total = sum(map(_cost, self.plans))
        for pair in sorted({(p.dimension, p.order_event) for p in self.plans}):
            plans = [p for p in self.plans if (p.dimension, p.order_event) == pair]
            parts = parts_of([_cost(plan) for plan in plans], total, self.threads)
            make = partial(self.arrays.clustered, pair, plans, ordered[pair[0]][0])
            shared = SharedCluster(make, len(parts))
            tasks += [(shared, part) for part in parts]
        return sorted(tasks, key=lambda task: -len(task[1]))

    def _answer_part(
        self,
        queries: Queries,
        start: int,
        in_time: Int32Array,
        result: Float64Array,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Answer a part of the queries from the table itself: it needs no more memory.

        Windows stay where they are for the next part.
        """
        dimensions = sorted({plan.dimension for plan in self.plans})
        orders = pool.map(lambda name: self._ordered(queries, name, start, in_time), dimensions)
        ordered = dict(zip(dimensions, orders, strict=True))
        self._fill_ungrouped(ordered, result)

        def answer(plan: SelectionPlan, answers: PlanAnswers) -> None:
            asked = ordered[plan.dimension][0]
            answers.answer(self._whole_table(plan), asked, result, keep_rows=KEPT_ROWS)

        for _ in pool.map(answer, self.plans, self._kept_answers()):
            pass

    def _kept_answers(self) -> list[PlanAnswers]:
        """Return the answers of each plan, which keep their windows from part to part."""
        if not self._answers:
            for plan in self.plans:
                index = self._whole_table(plan)
                self._answers.append(PlanAnswers(plan, index, is_continued=True))
        return self._answers

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
        return ordered_queries(queries, self.source.name, dimension, start, in_time)

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
        rows, offsets = self.arrays.index(plan.dimension, plan.order_event)
        return IndexedPlans((), rows, offsets, self.table.times, self.table.columns, _NO_PLACES)


def _cost(plan: SelectionPlan) -> int:
    """Return how long a plan takes beside others, roughly: a walk, and its functions."""
    return 1 + len(plan.functions)


class TrainingRun:
    """Computes any range of the queries of a feature set over its tables.

    Args:
        features: the features, in the order of the output rows.
        data: a table, or one per source name, or what was prepared from them.
        as_of: an event's name or one moment per row; None with ``at`` or a prepared table.
        at: a table of queries; None with ``as_of`` or a prepared table.
        threads: how many threads to use; by default as many as there are cores for this process.
    """

    def __init__(
        self,
        features: Sequence[Feature],
        data: Native | Mapping[str, Native] | PreparedTable,
        *,
        as_of: Any = None,
        at: Native = None,
        threads: int | None = None,
    ) -> None:
        self.features = features
        self.threads = threads or available_threads()
        if not isinstance(data, PreparedTable):
            sources = {feature.source.name: feature.source for feature in features}
            data = PreparedTable(sources.values(), data, as_of=as_of, at=at)
        elif as_of is not None or at is not None:
            raise QueryError(
                "the moments were given when the table was prepared; expected neither as_of nor at"
            )
        layouts = data.read(features)
        self.runs = [
            SourceRun(
                data.sources[name],
                [(i, f) for i, f in enumerate(features) if f.source.name == name],
                data.arrays(name),
                layout,
                self.threads,
            )
            for name, layout in layouts.items()
        ]
        self.queries, self.frame = data.queries, data.frame

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

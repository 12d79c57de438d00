"""Moments in the lives of orders: the rows that the parts of an ETA are trained and scored on.

An estimate is asked when an order has just been accepted, while its courier waits, or before there
is an order at all. So each order gives several rows: right after its events, and in between. A row
contains what was known at its moment and nothing else, whatever the table has of the order's later
life. This is landmarking, with all landmarks stacked into one table.

Source: van Houwelingen, Dynamic prediction by landmarking in event history analysis (Scandinavian
Journal of Statistics, 2007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aggregators.errors import unknown_name
from aggregators.times import NEVER, column_to_us
from estimators.core.dataset import Dataset
from estimators.core.errors import DatasetError
from estimators.core.sampling import evenly_spaced
from estimators.core.stages import LIFE, elapsed_columns, happened_by, is_elapsed, rest_s, stages_of
from estimators.core.typing import BoolArray, FloatArray, IntArray
from estimators.eta.parts import COURIER_FACTS
from estimators.model.base import Estimator

__all__ = ["PER_ORDER", "ROWS_MAX", "Moments"]

PER_ORDER = 2.5
"""The most rows per order on average: more of them make training longer and estimates hardly
better, as they describe the same orders.
"""

ROWS_MAX = 150_000
"""The most rows of the training period, approximately: of more orders some are left out, evenly, so
that all stages stay represented.
"""

RANDOM_MOMENTS = 2
"""The average number of candidate moments anywhere in an order's life."""

HORIZON_LEVEL = 0.999
"""These moments reach as far as this share of the orders lasts."""

JUST_AFTER_US = 2_000_000
"""The greatest distance of a moment "right after" an event."""

ALWAYS = LIFE.index("courier_assigned") + 1
"""The event at which every order has a row, because couriers are chosen then."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Rows of a data set's orders, each at a moment of its own.

    Args:
        dataset: the orders.
        rows: positions in the data set's table, shape (n_rows,).
        as_of_us: the moment of each row, microseconds UTC, ascending.
        ready_us: of every row of the table: when the order was ready, for labels, where the
            record of it may be late or missing; None: as recorded.
    """

    dataset: Dataset
    rows: IntArray
    as_of_us: IntArray
    ready_us: IntArray | None = None

    @classmethod
    def draw(
        cls,
        dataset: Dataset,
        *,
        seed: int = 0,
        per_order: float = PER_ORDER,
        rows_max: int = ROWS_MAX,
    ) -> Moments:
        """Choose moments of all orders that were delivered.

        Each order has one before it was placed (at the very time of ``activated``), one right after
        each event, and ``RANDOM_MOMENTS`` anywhere; ``per_order`` of these are drawn.

        Args:
            dataset: whose source has all events of ``LIFE``.
            seed: of the draw.
            per_order: rows per order, on average, at most.
            rows_max: rows of the training period and of the test period, each, about at most.

        Raises:
            UnknownNameError: an event of ``LIFE`` is not recorded at all.
            DatasetError: no order was delivered.
        """
        for event in LIFE:
            if event not in dataset.source.events:
                raise unknown_name("event", event, f"source {dataset.source.name!r}", [*LIFE])
        times = np.column_stack([_times_of(dataset, event) for event in LIFE])
        done = (times[:, 0] != NEVER) & (times[:, -1] != NEVER) & (times[:, -1] > times[:, 0])
        orders = np.flatnonzero(done)
        if not len(orders):
            raise DatasetError(f"data set {dataset.name!r}: no order was delivered")
        later = times[orders, 0] >= dataset.test_from_us
        rng = np.random.default_rng(seed)
        found = [
            _drawn(
                times,
                some[evenly_spaced(len(some), max(1, round(rows_max / per_order)))],
                rng,
                per_order,
            )
            for some in (orders[~later], orders[later])
        ]
        rows, as_of_us = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((rows, as_of_us))
        return cls(dataset=dataset, rows=rows[order], as_of_us=as_of_us[order])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: BoolArray | IntArray) -> Moments:
        """Return some of the moments: a mask or an array of positions."""
        return replace(self, rows=self.rows[which], as_of_us=self.as_of_us[which])

    @cached_property
    def event_us(self) -> Mapping[str, IntArray]:
        """The time of each event, past or future, microseconds UTC, NEVER for never, by name."""
        events = [*LIFE, *(["cancelled"] if "cancelled" in self.dataset.source.events else [])]
        return {event: _times_of(self.dataset, event)[self.rows] for event in events}

    @cached_property
    def stage(self) -> npt.NDArray[np.str_]:
        """The stage that each order is in, shape (n_rows,)."""
        return stages_of(self.event_us, self.as_of_us)

    @property
    def has_courier(self) -> BoolArray:
        """Whether a courier has the order."""
        assigned = happened_by(self.event_us["courier_assigned"], self.as_of_us)
        return assigned | happened_by(self.event_us["courier_at_store"], self.as_of_us)

    @property
    def ended_us(self) -> IntArray:
        """When the order was delivered, and so all of the row's labels known."""
        return self.event_us["delivered"]

    @property
    def trains(self) -> BoolArray:
        """Rows of orders that were over before the test period."""
        return self.ended_us < self.dataset.test_from_us

    @property
    def tests(self) -> BoolArray:
        """Rows of orders that were placed in the test period."""
        return self.event_us["activated"] >= self.dataset.test_from_us

    def rest_s(self, part: str) -> FloatArray:
        """Return the label of a part, seconds, NaN where there is none, shape (n_rows,)."""
        ready_us = None if self.ready_us is None else self.ready_us[self.rows]
        return rest_s(part, self.event_us, self.as_of_us, ready_us=ready_us)

    def columns(self, names: tuple[str, ...]) -> pd.DataFrame:
        """Return facts and dimensions as known at each moment, else missing.

        Args:
            names: columns of the data set's table, and elapsed facts.
        """
        source, table = self.dataset.source, self.dataset.table
        elapsed = elapsed_columns(self.event_us, self.as_of_us)
        found: dict[str, Any] = {}
        for name in names:
            if is_elapsed(name):
                found[name] = elapsed[name]
                continue
            values = table[name].iloc[self.rows].reset_index(drop=True)
            known_from = source.known_from.get(name, source.events[0])
            if name in COURIER_FACTS:
                known_from = "courier_assigned"
            if known_from != source.events[0]:
                known = happened_by(self.event_us[known_from], self.as_of_us)
                values = values.where(known)
            found[name] = values
        return pd.DataFrame(found)

    def inputs(self, estimator: Estimator, *, threads: int | None = None) -> FloatArray:
        """Return the inputs of an estimator at each moment.

        Args:
            estimator: says which facts and features.
            threads: of the features' computation.

        Returns:
            float64 of shape (n_rows, n_features), in the order of ``feature_names``.
        """
        dataset, features = self.dataset, estimator.features
        known = self.columns(tuple(dict.fromkeys((*estimator.facts.inputs, *features.dimensions))))
        sample_id = dataset.source.sample_id
        spine = known[list(features.dimensions)].copy()
        spine[sample_id] = dataset.table[sample_id].iloc[self.rows].to_numpy()
        spine["as_of"] = pd.to_datetime(self.as_of_us, unit="us", utc=True)
        tables = {one.name: other for one, other in dataset.others.items()}
        tables[dataset.source.name] = dataset.table
        used = {one.name: tables[one.name] for one in features.sources if one.name in tables}
        realtime = features.transform(used, "training", at=spine, threads=threads)
        facts = estimator.facts.encode(known, self.as_of_us)
        return estimator.assemble(facts, realtime.to_numpy(dtype=np.float64))


def _times_of(dataset: Dataset, event: str) -> IntArray:
    return np.asarray(column_to_us(dataset.table[event], f"column {event!r}"))


def _drawn(
    times: IntArray, orders: IntArray, rng: np.random.Generator, per_order: float
) -> tuple[IntArray, IntArray]:
    """Return rows and moments of some orders, in no order."""
    if not len(orders):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    times = times[orders]
    begin, end = times[:, 0], times[:, -1]
    after = np.where(times[:, :-1] == NEVER, end[:, np.newaxis], times[:, :-1])
    after = after + rng.integers(1, JUST_AFTER_US, after.shape)
    # Drawn without a look at the order's end, and each kept or not by itself: rows that were
    # chosen by what became of the order would make long ones rarer than they are.
    horizon_us = float(np.quantile(end - begin, HORIZON_LEVEL))
    n_anywhere = max(1, round(RANDOM_MOMENTS * horizon_us / float(np.mean(end - begin))))
    offset_us = rng.integers(1, max(2, int(horizon_us)), (len(orders), n_anywhere))
    # In the order of LIFE, one earlier: the moment when nothing has happened yet.
    moments = np.column_stack([begin, after, begin[:, np.newaxis] + offset_us])
    share = max(0.0, (per_order - 1.0) / (after.shape[1] + RANDOM_MOMENTS))
    kept = rng.random(moments.shape) < share
    kept[:, ALWAYS] = True
    kept &= moments < end[:, np.newaxis]
    return np.repeat(orders, kept.sum(axis=1)), moments[kept]

"""Compose ETAs for rows of orders: ask each part about the rows that need it, then compose.

Rows may be in different stages. A part that does not look at the courier is asked once per order,
whatever the number of couriers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np

from estimators.core.distribution import Distribution
from estimators.core.stages import DIRECT, OPEN_STAGES
from estimators.core.typing import FloatArray, IntArray
from estimators.eta.composition import SHOWN_PARTS, Composed, compose
from estimators.eta.model import ETA_PARTS, EtaModel
from estimators.model.base import Estimator
from estimators.quantiles.calibration import GRID_LEVELS
from estimators.quantiles.widening import widen_to_baseline
from services.composition.parts import Parts
from services.core.context import in_thread, record_duration
from services.core.limits import MAX_NOTES
from services.estimation.metrics import EstimateMetrics
from services.estimation.results import DEGRADED, FALLBACK, CodeArray, RowResults
from services.estimation.rows import RequestRows
from services.schemas.common import ModelInfo

__all__ = ["Composer", "Composition"]


COURIER_FACTS = frozenset(("courier_id", "vehicle", "distance_to_store_m"))
"""What is known of an order's courier."""

_PER_ORDER = frozenset(("ready", "conditions"))
"""Parts that do not depend on the courier, unless their model takes facts of couriers."""

BESIDE_FROM_ROWS = 256
"""From so many rows on, composing runs beside the event loop, so that others need not wait."""

_SOMETHING = Distribution(GRID_LEVELS, [[60.0 + k for k in range(len(GRID_LEVELS))]] * 2)
_NO_FEATURES = np.empty((0, 0))


@dataclass(slots=True, kw_only=True, eq=False)
class Composition(RowResults):
    """Composed ETAs of rows with their statuses and notes; seconds from ``as_of``.

    Its distribution is that of the ETA.

    Args:
        at_store: until the courier is at the store; 0 where it is there.
        expected_s: of each of ``SHOWN_PARTS``, exact multiples of an eighth, shape (n_rows,).
        ready_on_arrival: probability that the order is ready when the courier comes.
        courier_wait_s: expected wait of the courier.
        food_wait_s: expected wait of the ready order.
        models: what answered each part.
    """

    at_store: Distribution
    expected_s: Mapping[str, FloatArray]
    ready_on_arrival: FloatArray
    courier_wait_s: FloatArray
    food_wait_s: FloatArray
    models: Mapping[str, ModelInfo]

    @property
    def eta(self) -> Distribution:
        """Until the order is handed over."""
        return self.distribution

    @property
    def expected_eta_s(self) -> FloatArray:
        """The expected ETA: exactly the sum of the expected parts, shape (n_rows,)."""
        return np.asarray(sum(self.expected_s[name] for name in SHOWN_PARTS))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The rows that one part answers, the rows it is sent, and how the two correspond.

    Where ``copies`` is None, each row has its own answer.
    """

    rows: IntArray
    copies: IntArray | None
    sent: RequestRows

    def places(self, rows: IntArray) -> IntArray | None:
        """Return which of the sent rows answers each of some of the rows; None: each its own."""
        if len(rows) == len(self.rows):
            return self.copies
        part_rows = np.searchsorted(self.rows, rows)
        return part_rows if self.copies is None else self.copies[part_rows]


class Composer:
    """Answers rows by composing the parts of an ETA.

    Args:
        model: composes; its parts may be in other processes.
        parts: are asked.
        threads: compose many rows, beside the event loop.
        metrics: time the composition; those of its parts are theirs.
    """

    def __init__(
        self, model: EtaModel, parts: Parts, threads: Executor, *, metrics: EstimateMetrics
    ) -> None:
        self._model = model
        self._parts = parts
        self._threads = threads
        self._metrics = metrics
        self._per_order = _PER_ORDER - {
            name for name, one in model.parts.items() if COURIER_FACTS & _inputs(one)
        }

    def warm_up(self) -> None:
        """Compose an ETA of every stage, so that later ones find everything compiled."""
        for stage in OPEN_STAGES:
            parts = dict.fromkeys(self._model.needed(stage), _SOMETHING)
            self._model.compose(parts, stage)

    def parts(self, stages: Iterable[str], only: Collection[str] = ETA_PARTS) -> list[str]:
        """Return the parts that are asked in some of these stages."""
        return list(dict.fromkeys(part for one in stages for part in self._needed(one, only)))

    async def ask(self, part: str, rows: RequestRows) -> RowResults:
        """Return the answers of one part alone about rows."""
        return (await self._parts.ask_many({part: rows}))[part]

    async def compose(
        self,
        rows: RequestRows,
        *,
        orders: RequestRows | None = None,
        order_of: IntArray | None = None,
        only: Collection[str] = ETA_PARTS,
    ) -> Composition:
        """Return the composed ETAs of rows.

        Args:
            rows: in open stages, all at one moment.
            only: the parts that are wanted, where that is not all of the ETA. So when courier and
                order meet at the store is known from ``to_store`` and ``ready`` alone.
            orders: where many rows are about one order: the orders, without a courier.
            order_of: which of them each row is about.
        """
        began_s = perf_counter()
        stages = _by_stage(rows)
        asked = self._asked(rows, stages, orders, order_of, only)
        answers = await self._parts.ask_many({part: one.sent for part, one in asked.items()})
        answered_s = perf_counter()
        composed = partial(self._composed, rows, stages, asked, answers, only)
        if len(rows) < BESIDE_FROM_ROWS:
            composition = composed()
        else:
            composition = await in_thread(self._threads, composed)
        record_duration("parts", answered_s - began_s)
        composed_s = perf_counter() - answered_s
        record_duration("composition", composed_s)
        self._metrics.time_model(composed_s)
        return composition

    def _asked(
        self,
        rows: RequestRows,
        stages: Sequence[tuple[str, IntArray]],
        orders: RequestRows | None,
        order_of: IntArray | None,
        only: Collection[str],
    ) -> dict[str, _Asked]:
        """Return the rows to send to each part; parts with equal questions share them."""
        wanted: dict[str, list[IntArray]] = {}
        for stage, places in stages:
            for part in self._needed(stage, only):
                wanted.setdefault(part, []).append(places)
        known: dict[tuple[bool, bytes], _Asked] = {}
        asked: dict[str, _Asked] = {}
        for part, groups in wanted.items():
            part_rows = np.sort(np.concatenate(groups)) if len(groups) > 1 else groups[0]
            is_per_order = orders is not None and part in self._per_order
            key = is_per_order, part_rows.tobytes()
            if key not in known and is_per_order and orders is not None and order_of is not None:
                places, copies = np.unique(order_of[part_rows], return_inverse=True)
                known[key] = _Asked(part_rows, copies, orders.take(places))
            elif key not in known:
                known[key] = _Asked(part_rows, None, rows.take(part_rows))
            asked[part] = known[key]
        return asked

    def _needed(self, stage: str, only: Collection[str]) -> list[str]:
        return [part for part in self._model.needed(stage) if part in only]

    def _composed(
        self,
        rows: RequestRows,
        stages: Sequence[tuple[str, IntArray]],
        asked: Mapping[str, _Asked],
        answers: Mapping[str, RowResults],
        only: Collection[str],
    ) -> Composition:
        filling = _Filling(len(rows))
        for stage, part_rows in stages:
            parts = self._needed(stage, only)
            of_stage = {part: answers[part].distribution for part in parts}
            places = {part: asked[part].places(part_rows) for part in parts}
            shared = {part: one for part, one in places.items() if one is not None}
            if only is ETA_PARTS:
                filling.take(part_rows, self._model.compose(of_stage, stage, places=shared))
            else:
                filling.take(part_rows, compose(of_stage, self._model.dependence, places=shared))
        codes = np.zeros(len(rows), dtype=np.int8)
        notes: dict[int, list[str]] = {}
        for row, row_notes in rows.notes.items():
            codes[row] = DEGRADED
            _add(notes, row, row_notes)
        for part, one in asked.items():
            _take_status(codes, notes, one, answers[part])
        models = {part: answer.model for part, answer in answers.items()}
        composition = filling.composition(
            codes, notes, {part: one for part, one in models.items() if one is not None}
        )
        return self._widened(composition, rows) if only is ETA_PARTS else composition

    def _widened(self, composition: Composition, rows: RequestRows) -> Composition:
        """Widen ETAs to the baseline where a part did not answer.

        The stretch of a stage was learned where every part had its model; without, it is too sure.
        """
        places = np.flatnonzero(composition.codes == FALLBACK)
        fallback = self._model.fallbacks.get(DIRECT)
        if fallback is None or not len(places):
            return composition
        lacking = rows.take(places)
        typical, _ = fallback.distribution(lacking.plain_columns(), lacking.as_of_us)
        values = composition.distribution.values.copy()
        wide = widen_to_baseline(Distribution(GRID_LEVELS, values[places]), typical, "log")
        values[places] = np.maximum(wide.values, 0.0)
        return replace(composition, distribution=Distribution(GRID_LEVELS, values))


class _Filling:
    """Arrays of all rows, filled stage by stage."""

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._parts: list[tuple[IntArray, Composed]] = []

    def take(self, places: IntArray, estimate: Composed) -> None:
        """Take the estimates of the rows of one stage."""
        self._parts.append((places, estimate))

    def composition(
        self, codes: CodeArray, notes: dict[int, list[str]], models: Mapping[str, ModelInfo]
    ) -> Composition:
        """Return all rows."""
        return Composition(
            distribution=self._grid("eta"),
            at_store=self._grid("at_store"),
            expected_s={
                name: self._column([one.expected_s[name] for _, one in self._parts])
                for name in SHOWN_PARTS
            },
            ready_on_arrival=self._column([one.ready_on_arrival for _, one in self._parts]),
            courier_wait_s=self._column([one.courier_wait_s for _, one in self._parts]),
            food_wait_s=self._column([one.food_wait_s for _, one in self._parts]),
            codes=codes,
            notes=notes,
            model=None,
            realtime=_NO_FEATURES,
            models=models,
        )

    def _column(self, values: Sequence[FloatArray]) -> FloatArray:
        if len(values) == 1:
            return values[0]
        column = np.empty(self._n_rows)
        for (places, _), some in zip(self._parts, values, strict=True):
            column[places] = some
        return column

    def _grid(self, name: str) -> Distribution:
        found: list[Distribution] = [getattr(one, name) for _, one in self._parts]
        if len(found) == 1:
            return found[0]
        values = np.empty((self._n_rows, len(GRID_LEVELS)))
        for (places, _), some in zip(self._parts, found, strict=True):
            same = np.array_equal(some.levels, GRID_LEVELS)
            values[places] = some.values if same else some.quantile(GRID_LEVELS)
        return Distribution(GRID_LEVELS, values)


def _inputs(estimator: Estimator) -> set[str]:
    return {*estimator.facts.inputs, *estimator.features.dimensions}


def _by_stage(rows: RequestRows) -> list[tuple[str, IntArray]]:
    """Return each stage with the places of its rows."""
    assert rows.stages is not None, "the caller has looked the orders up"
    names, which = np.unique(rows.stages, return_inverse=True)
    if len(names) == 1:
        return [(str(names[0]), np.arange(len(rows)))]
    return [(str(name), np.flatnonzero(which == k)) for k, name in enumerate(names)]


def _take_status(
    codes: CodeArray, notes: dict[int, list[str]], asked: _Asked, answer: RowResults
) -> None:
    """Copy the status and the notes of a part to the rows that it answered."""
    if not answer.codes.any() and not answer.notes:
        return
    copies = slice(None) if asked.copies is None else asked.copies
    codes[asked.rows] = np.maximum(codes[asked.rows], answer.codes[copies])
    # A row that is as it should be may have a note all the same: a category nobody has seen.
    if not answer.notes:
        return
    rows = asked.rows.tolist()
    if asked.copies is None:
        for place in sorted(answer.notes):
            _add(notes, rows[place], answer.notes[place])
        return
    for row, place in zip(rows, asked.copies.tolist(), strict=True):
        if place in answer.notes:
            _add(notes, row, answer.notes[place])


def _add(notes: dict[int, list[str]], row: int, more: Iterable[str]) -> None:
    known = notes.setdefault(row, [])
    known.extend(one for one in more if one not in known)
    del known[MAX_NOTES:]

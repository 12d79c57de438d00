"""From rows about orders to composed ETAs: ask each part for the rows that need it, then compose.

Rows may be in different stages. A part that does not look at the courier is asked once per order,
whatever the number of couriers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregators.times import moment_to_us
from aggregators.typing import SampleId
from estimators.core.distribution import Distribution
from estimators.core.stages import DIRECT, OPEN_STAGES
from estimators.eta.composition import SHOWN_PARTS, Composed, compose
from estimators.eta.model import ETA_PARTS, EtaModel
from estimators.model.base import Estimator
from estimators.quantiles.calibration import GRID_LEVELS
from estimators.quantiles.widening import widen_to_baseline
from services.composition.parts import PartAnswer, PartRows, Parts
from services.core.context import in_thread, record_duration
from services.core.limits import MAX_NOTES
from services.estimation.metrics import EstimateMetrics
from services.schemas.common import ModelInfo, Status

__all__ = ["STATUSES", "Composer", "Composition", "Rows", "statuses_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.int8]

STATUSES: tuple[Status, ...] = ("ok", "input_clipped", "degraded", "fallback")
"""From good to bad: the status of a composed estimate is the worst of its parts."""

COURIER_FACTS = frozenset(("courier_id", "vehicle", "distance_to_store_m"))
"""What is known of an order's courier."""

_PER_ORDER = frozenset(("ready", "conditions"))
"""Parts that are the same whoever the courier is, unless their model takes facts of couriers."""

_CODES = {status: code for code, status in enumerate(STATUSES)}
_NAMES: NDArray[np.object_] = np.array(STATUSES, dtype=object)
_DEGRADED = _CODES["degraded"]
_FALLBACK = _CODES["fallback"]

BESIDE_FROM_ROWS = 256
"""From so many rows on, composing runs beside the event loop, so that others need not wait."""

_SOMETHING = Distribution(GRID_LEVELS, [[60.0 + k for k in range(len(GRID_LEVELS))]] * 2)


def statuses_of(codes: CodeArray) -> list[Status]:
    """Return the statuses of codes.

    >>> statuses_of(np.array([0, 3], dtype=np.int8))
    ['ok', 'fallback']
    """
    return list(_NAMES[codes])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows about orders, as columns.

    Args:
        columns: facts and elapsed facts by name, one value per row; None or NaN: not known.
        sample_ids: the order of each row, None where it does not exist yet.
        stages: of each row, one of ``estimators.core.stages.OPEN_STAGES``.
        notes: what is lacking, by row; rows that lack nothing need not be there.
    """

    columns: Mapping[str, Sequence[Any] | NDArray[Any]]
    sample_ids: Sequence[SampleId | None]
    stages: NDArray[np.str_]
    notes: Mapping[int, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sample_ids)

    def some(self, places: IntArray) -> Rows:
        """Return the rows of some places, which ascend, each once."""
        if len(places) == len(self):
            return self
        kept = {place: row for row, place in enumerate(places.tolist())}
        return Rows(
            columns={name: _taken(column, places) for name, column in self.columns.items()},
            sample_ids=[self.sample_ids[place] for place in kept],
            stages=self.stages[places],
            notes={kept[row]: row_notes for row, row_notes in self.notes.items() if row in kept},
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Composition:
    """Composed ETAs of rows, and how they came about; seconds from ``as_of``.

    Args:
        eta: until the order is handed over.
        at_store: until the courier is at the store; 0 where it is there.
        expected_s: of each of ``SHOWN_PARTS``, exact multiples of an eighth, shape (n_rows,).
        ready_on_arrival: probability that the order is ready when the courier comes.
        courier_wait_s: expected wait of the courier.
        food_wait_s: expected wait of the ready order.
        codes: statuses as places in ``STATUSES``, shape (n_rows,).
        notes: what made a status other than ok, by row; rows without any are not there.
        models: what answered each part.
    """

    eta: Distribution
    at_store: Distribution
    expected_s: Mapping[str, FloatArray]
    ready_on_arrival: FloatArray
    courier_wait_s: FloatArray
    food_wait_s: FloatArray
    codes: CodeArray
    notes: Mapping[int, list[str]]
    models: Mapping[str, ModelInfo]

    @property
    def expected_eta_s(self) -> FloatArray:
        """The expected ETA: exactly the sum of the expected parts, shape (n_rows,)."""
        return np.asarray(sum(self.expected_s[name] for name in SHOWN_PARTS))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows of a question that one part answers, what it is sent, and which of it is for each."""

    rows: IntArray
    copies: IntArray
    sent: PartRows

    def answering(self, places: IntArray) -> IntArray:
        """Return which of the sent rows answers each of some of the rows."""
        if len(places) == len(self.rows):
            return self.copies
        return self.copies[np.searchsorted(self.rows, places)]


class Composer:
    """Answers rows with the parts of an ETA.

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
        """Compose something of every stage, so that what is compiled at first use is."""
        for stage in OPEN_STAGES:
            parts = dict.fromkeys(self._model.needed(stage), _SOMETHING)
            self._model.compose(parts, stage)

    async def ask(self, part: str, rows: Rows, as_of: datetime) -> PartAnswer:
        """Return what one part alone says of rows."""
        asked = PartRows(columns=rows.columns, sample_ids=rows.sample_ids, as_of=as_of)
        return (await self._parts.ask_many({part: asked}))[part]

    async def compose(
        self,
        rows: Rows,
        as_of: datetime,
        *,
        orders: Rows | None = None,
        order_of: IntArray | None = None,
        only: Collection[str] = ETA_PARTS,
    ) -> Composition:
        """Return the composed ETAs of rows.

        Args:
            rows: in open stages.
            as_of: the moment of all.
            only: the parts that are wanted, where that is not all of the ETA. So when courier and
                order meet at the store is known from ``to_store`` and ``ready`` alone.
            orders: where many rows are about one order: the orders, without a courier.
            order_of: which of them each row is about.
        """
        began_s = perf_counter()
        asked = self._asked(rows, as_of, orders, order_of, only)
        answers = await self._parts.ask_many({part: one.sent for part, one in asked.items()})
        answered_s = perf_counter()
        composed = partial(self._composed, rows, asked, answers, only, as_of)
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
        rows: Rows,
        as_of: datetime,
        orders: Rows | None,
        order_of: IntArray | None,
        only: Collection[str],
    ) -> dict[str, _Asked]:
        """Return what to ask each part."""
        wanted: dict[str, list[IntArray]] = {}
        for stage, places in _by_stage(rows.stages):
            for part in self._needed(stage, only):
                wanted.setdefault(part, []).append(places)
        asked: dict[str, _Asked] = {}
        for part, groups in wanted.items():
            part_rows = np.sort(np.concatenate(groups)) if len(groups) > 1 else groups[0]
            if part in self._per_order and orders is not None and order_of is not None:
                places, copies = np.unique(order_of[part_rows], return_inverse=True)
                asked[part] = _Asked(part_rows, copies, _part_rows(orders, places, as_of))
            else:
                copies = np.arange(len(part_rows))
                asked[part] = _Asked(part_rows, copies, _part_rows(rows, part_rows, as_of))
        return asked

    def _needed(self, stage: str, only: Collection[str]) -> list[str]:
        return [part for part in self._model.needed(stage) if part in only]

    def _composed(
        self,
        rows: Rows,
        asked: Mapping[str, _Asked],
        answers: Mapping[str, PartAnswer],
        only: Collection[str],
        as_of: datetime,
    ) -> Composition:
        filling = _Filling(len(rows))
        for stage, places in _by_stage(rows.stages):
            of_stage: dict[str, Distribution] = {}
            for part in self._needed(stage, only):
                answer = answers[part].distribution
                taken = asked[part].answering(places)
                same = len(taken) == len(answer) and bool((np.diff(taken) == 1).all())
                of_stage[part] = answer if same else answer[taken]
            if only is ETA_PARTS:
                filling.take(places, self._model.compose(of_stage, stage))
            else:
                filling.take(places, compose(of_stage, self._model.dependence))
        codes = np.zeros(len(rows), dtype=np.int8)
        notes: dict[int, list[str]] = {}
        for row, row_notes in rows.notes.items():
            codes[row] = _DEGRADED
            _add(notes, row, row_notes)
        for part, one in asked.items():
            _take_status(codes, notes, one, answers[part])
        models = {part: answer.model for part, answer in answers.items()}
        composition = filling.composition(
            codes, notes, {part: one for part, one in models.items() if one is not None}
        )
        return self._widened(composition, rows, as_of) if only is ETA_PARTS else composition

    def _widened(self, composition: Composition, rows: Rows, as_of: datetime) -> Composition:
        """Let ETAs reach as far as what is usual where a part could not be asked.

        The stretch of a stage was learned where every part had its model; without, it is too sure.
        """
        places = np.flatnonzero(composition.codes == _FALLBACK)
        fallback = self._model.fallbacks.get(DIRECT)
        if fallback is None or not len(places):
            return composition
        as_of_us = moment_to_us(as_of, "as_of")
        columns: Mapping[str, Any] = rows.some(places).columns
        typical, _ = fallback.distribution(columns, as_of_us)
        values = composition.eta.values.copy()
        wide = widen_to_baseline(Distribution(GRID_LEVELS, values[places]), typical, "log")
        values[places] = np.maximum(wide.values, 0.0)
        return replace(composition, eta=Distribution(GRID_LEVELS, values))


class _Filling:
    """Arrays of all rows, filled stage by stage."""

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._parts: list[tuple[IntArray, Composed]] = []

    def take(self, places: IntArray, estimate: Composed) -> None:
        """Take the estimates of the rows of one stage."""
        self._parts.append((places, estimate))

    def composition(
        self, codes: CodeArray, notes: Mapping[int, list[str]], models: Mapping[str, ModelInfo]
    ) -> Composition:
        """Return all rows."""
        return Composition(
            eta=self._grid("eta"),
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


def _by_stage(stages: NDArray[np.str_]) -> list[tuple[str, IntArray]]:
    """Return each stage with the places of its rows."""
    names, which = np.unique(stages, return_inverse=True)
    if len(names) == 1:
        return [(str(names[0]), np.arange(len(stages)))]
    return [(str(name), np.flatnonzero(which == k)) for k, name in enumerate(names)]


def _part_rows(rows: Rows, places: IntArray, as_of: datetime) -> PartRows:
    some = rows.some(places)
    return PartRows(columns=some.columns, sample_ids=some.sample_ids, as_of=as_of)


def _taken(column: Sequence[Any] | NDArray[Any], places: IntArray) -> Sequence[Any] | NDArray[Any]:
    if isinstance(column, np.ndarray):
        return column[places]
    return [column[place] for place in places.tolist()]


def _take_status(
    codes: CodeArray, notes: dict[int, list[str]], asked: _Asked, answer: PartAnswer
) -> None:
    """Let the status and the notes of a part be those of the rows that it answered."""
    if answer.status.count("ok") == len(answer.status) and not any(answer.notes):
        return
    sent = np.array([_CODES[status] for status in answer.status], dtype=np.int8)
    codes[asked.rows] = np.maximum(codes[asked.rows], sent[asked.copies])
    # A row that is as it should be may have a note all the same: a category nobody has seen.
    noted = np.fromiter(map(bool, answer.notes), np.bool_, len(answer.notes))
    lacking = np.flatnonzero(noted[asked.copies])
    rows, copies = asked.rows[lacking].tolist(), asked.copies[lacking].tolist()
    for row, copy in zip(rows, copies, strict=True):
        _add(notes, row, answer.notes[copy])


def _add(notes: dict[int, list[str]], row: int, more: Iterable[str]) -> None:
    known = notes.setdefault(row, [])
    known.extend(one for one in more if one not in known)
    del known[MAX_NOTES:]

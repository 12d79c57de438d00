"""What is known of each order and each idle courier when couriers are chosen in a replay.

From the models, as the service of courier selection asks them: the order's own facts, the
candidate's as if assigned a second ago, real-time features from an event store that has been told
everything up to that moment. And from the truth, for a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aggregators import MemoryEventStore
from aggregators.times import moment_to_us
from estimators.core.distribution import Distribution
from estimators.core.stages import LIFE, elapsed_columns, elapsed_name
from estimators.eta.composition import compose
from estimators.eta.model import EtaModel
from estimators.model.base import Estimator
from services.handlers.candidates import JUST_NOW_S
from simulator.dispatch import DispatchedCity, Round
from simulator.engine.state import NEVER, READY
from simulator.records.imperfections import EVENT_OF_MOMENT, records_of
from simulator.records.tables import courier_ids, order_ids, order_table
from simulator.world.arrays import FloatArray, IntArray
from simulator.world.couriers import VEHICLES

__all__ = ["Estimates", "Known", "ModelEstimates", "TrueEstimates"]

CANDIDATES = 6
"""Couriers who are looked at for an order: the nearest ones."""
ANSWER_S = 14.0
"""Who is asked answers after so long, on average; arrivals are later by it."""
MARGIN_S = 120.0
"""Who knows what will be still sends couriers so much too early: some refuse, and the next of them
comes later."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimates:
    """Expected seconds of pairs, all of shape (n_orders, n_couriers); NaN: not a candidate.

    Args:
        at_store_s: until the courier is at the store.
        courier_wait_s: of the courier for the order, there.
        food_wait_s: of the ready order for the courier.
        expected_eta_s: until the order is handed over.
        afterwards_s: of that, the seconds from the pickup on.
        ready_on_arrival: probability that the order is ready when the courier comes.
    """

    at_store_s: FloatArray
    courier_wait_s: FloatArray
    food_wait_s: FloatArray
    expected_eta_s: FloatArray
    afterwards_s: FloatArray
    ready_on_arrival: FloatArray


Known = Callable[[Round, IntArray], Estimates]
"""Returns the estimates of some of a round's orders (positions) and all of its couriers."""


class TrueEstimates:
    """The moment at which each order will be ready, and the true median of every ride.

    Args:
        running: the city that is asked about.
    """

    def __init__(self, running: DispatchedCity) -> None:
        self._running = running
        self._start = running.city.scenario.start
        # Kitchens do the same whoever rides; an order that they never finish is ready "later".
        self._ready_ms = running.city.orders.moments[READY]

    def ready_s(self, waiting: Round) -> FloatArray:
        """Return the seconds until each order is ready, negative where it is."""
        now_s = (waiting.as_of - self._start).total_seconds()
        ready_ms = self._ready_ms[waiting.orders]
        return np.where(ready_ms == NEVER, 1_800.0, ready_ms / 1e3 - now_s)

    def __call__(self, waiting: Round, rows: IntArray) -> Estimates:
        """Return what will be."""
        arrival = self._running.median_to_store_s(waiting)[rows] + ANSWER_S
        ready = np.maximum(self.ready_s(waiting)[rows, np.newaxis], 0.0)
        return Estimates(
            at_store_s=arrival,
            courier_wait_s=np.maximum(ready - arrival, 0.0),
            food_wait_s=np.maximum(arrival - ready, 0.0),
            expected_eta_s=np.maximum(arrival, ready),
            afterwards_s=np.zeros_like(arrival),
            ready_on_arrival=(ready <= arrival + MARGIN_S).astype(np.float64),
        )


class ModelEstimates:
    """What the parts of an ETA say, given the events until now.

    Args:
        model: with the parts ``ready``, ``to_store``, ``to_customer`` and ``parking``.
        store: has been told all events before the moment that is asked about.
        running: the city; only what a platform knows of it is read.
    """

    def __init__(self, model: EtaModel, store: MemoryEventStore, running: DispatchedCity) -> None:
        self._model = model
        self._store = store
        self._running = running
        city = running.city
        table = order_table(city, records_of(city))
        self._facts = {name: table[name].to_numpy() for name in _order_facts(model)}
        self._ids = np.array(order_ids(city), dtype=object)
        self._couriers = np.array(courier_ids(city), dtype=object)
        self._vehicles = np.array(VEHICLES, dtype=object)[city.couriers.vehicle]
        self._start_us = round(city.scenario.start.timestamp() * 1e6)
        self.asked_pairs = 0

    def __call__(self, waiting: Round, rows: IntArray) -> Estimates:
        """Ask the models about the nearest couriers of each order."""
        as_of_us = moment_to_us(waiting.as_of, "as_of")
        order, courier = _candidates(waiting.distance_m[rows])
        self.asked_pairs += len(order)
        number = waiting.orders[rows]
        moments = self._running.moments(number)
        columns = self._columns(moments, number, as_of_us)
        columns[elapsed_name("courier_assigned")] = np.full(len(number), JUST_NOW_S)
        ids = self._ids[number]
        ready = self._ask("ready", columns, ids, as_of_us)
        pairs: dict[str, Any] = {name: column[order] for name, column in columns.items()}
        pairs["courier_id"] = self._couriers[waiting.couriers[courier]]
        pairs["vehicle"] = self._vehicles[waiting.couriers[courier]]
        pairs["distance_to_store_m"] = waiting.distance_m[rows[order], courier]
        parts = {
            name: self._ask(name, pairs, ids[order], as_of_us)
            for name in ("to_store", "to_customer", "parking")
        }
        parts["to_store"] = _later(parts["to_store"], ANSWER_S)
        past = ~np.isnan(columns["since_ready_s"])
        parts["ready"] = Distribution(
            ready.levels, np.where(past[order, np.newaxis], 0.0, ready.values[order])
        )
        composed = compose(parts, self._model.dependence)

        def matrix(values: FloatArray) -> FloatArray:
            return _matrix(values, order, courier, (len(rows), len(waiting.couriers)))

        afterwards = composed.expected_s["to_customer"] + composed.expected_s["parking"]
        surely = np.where(past[order], 1.0, composed.ready_on_arrival)
        return Estimates(
            at_store_s=matrix(composed.expected_s["to_store"]),
            courier_wait_s=matrix(composed.courier_wait_s),
            food_wait_s=matrix(composed.food_wait_s),
            expected_eta_s=matrix(composed.expected_eta_s),
            afterwards_s=matrix(afterwards),
            ready_on_arrival=matrix(surely),
        )

    def facts_of(self, number: int) -> dict[str, Any]:
        """Return what is known of an order from its beginning on."""
        return {name: values[number] for name, values in self._facts.items()}

    def _columns(self, moments: IntArray, number: IntArray, as_of_us: int) -> dict[str, Any]:
        """Return the facts of orders, those of their past included, one value per order."""
        never = np.iinfo(np.int64).max
        event_us = {
            event: np.where(
                moments[EVENT_OF_MOMENT[event]] == NEVER,
                never,
                self._start_us + moments[EVENT_OF_MOMENT[event]] * 1_000,
            )
            for event in LIFE
        }
        elapsed = elapsed_columns(event_us, np.full(len(number), as_of_us))
        return {**{name: values[number] for name, values in self._facts.items()}, **elapsed}

    def _ask(self, part: str, columns: dict[str, Any], ids: Any, as_of_us: int) -> Distribution:
        estimator: Estimator = self._model.parts[part]
        n = len(ids)
        nothing = [None] * n
        encoded = estimator.facts.encode_columns(columns, np.full(n, as_of_us))
        own = estimator.features.sources[0].name
        realtime = estimator.features.transform_many(
            self._store,
            as_of=as_of_us,
            keys={name: columns.get(name, nothing) for name in estimator.features.dimensions},
            sample_id={own: list(ids)},
        )
        return estimator.predict(estimator.assemble(encoded, realtime))


def _order_facts(model: EtaModel) -> tuple[str, ...]:
    """Return the columns of an order that are known from its beginning on, as models take them."""
    asked: set[str] = set()
    for part in model.parts.values():
        asked.update(part.facts.inputs, part.features.dimensions)
    known = ("amount", "products", "distance_m", "floor", "building", "store_id",
             "store_category", "city", "zone", "store_zone")  # fmt: skip
    return tuple(name for name in known if name in asked)


def _candidates(distance_m: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the positions of each order's nearest couriers, order by order."""
    n = min(CANDIDATES, distance_m.shape[1])
    near = np.sort(np.argpartition(distance_m, n - 1, axis=1)[:, :n], axis=1)
    return np.repeat(np.arange(len(distance_m)), n), near.ravel()


def _later(distribution: Distribution, seconds: float) -> Distribution:
    return Distribution(distribution.levels, distribution.values + seconds)


def _matrix(
    values: FloatArray, row: IntArray, column: IntArray, shape: tuple[int, int]
) -> FloatArray:
    filled = np.full(shape, np.nan)
    filled[row, column] = values
    return filled

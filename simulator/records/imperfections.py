"""Record events imperfectly: late, twice, never, wrong at first, or by clocks that are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aggregators.standard_sources import ORDERS
from simulator.engine import state as engine
from simulator.engine.city import DAY_MS, City
from simulator.records.outages import lost
from simulator.world.arrays import BoolArray, FloatArray, IntArray
from simulator.world.regimes import CarelessStores

__all__ = ["EVENT_OF_MOMENT", "Records", "records_of", "true_moments"]

EVENT_OF_MOMENT = {
    "activated": engine.ACTIVATED,
    "dispatched": engine.DISPATCHED,
    "accepted": engine.ACCEPTED,
    "courier_assigned": engine.ASSIGNED,
    "courier_at_store": engine.AT_STORE,
    "ready": engine.READY,
    "picked_up": engine.PICKED_UP,
    "courier_at_customer": engine.AT_CUSTOMER,
    "delivered": engine.DELIVERED,
    "cancelled": engine.CANCELLED,
}
"""The engine's moment behind each event of an order."""
NEVER = engine.NEVER

_BY_STORE = ("accepted", "ready")
_BY_COURIER = ("courier_at_store", "picked_up", "courier_at_customer", "delivered")
PRESSED_LATE_MEAN_S = 240.0
CORRECTED_AFTER_MEAN_S = 600.0
NETWORK_MEAN_S = 0.4
"""Also an event in time takes a moment to arrive."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """What was recorded of each event of each order; arrays of shape (n_events, n_orders).

    Events are in the order of ``ORDERS.events``; all moments are milliseconds since the start,
    ``NEVER`` where there is none. ``time`` is the event's time in the end, ``first_time`` the one
    that was recorded first (another one where it was corrected), ``arrives`` when that arrives,
    ``corrected`` when the correction does, ``again`` when it is delivered a second time.
    """

    time: IntArray
    first_time: IntArray
    arrives: IntArray
    corrected: IntArray
    again: IntArray


def true_moments(city: City) -> IntArray:
    """Return when each event of each order really happened, in the order of ``ORDERS.events``."""
    return city.orders.moments[[EVENT_OF_MOMENT[name] for name in ORDERS.events]]


def records_of(city: City) -> Records:
    """Return what was recorded of a city, as its scenario's imperfections have it."""
    wrong = city.scenario.imperfections
    rng = np.random.default_rng(np.random.SeedSequence([city.scenario.seed, city.index, 77]))
    time = true_moments(city).copy()
    happened = time != NEVER
    _press_ready(city, time, rng)
    _careless_stores(city, time)
    _skew(city, time, rng)
    shape = time.shape
    missing = rng.random(shape) < wrong.missing_share
    missing[0] = False
    time[missing] = NEVER
    recorded = time != NEVER
    delay_s = rng.exponential(NETWORK_MEAN_S, shape)
    late = rng.random(shape) < wrong.late_share
    delay_s += np.where(late, rng.exponential(wrong.late_mean_s, shape), 0.0)
    # What arrives cannot do so before it happened, whatever a wrong clock says.
    happens = np.where(happened, np.maximum(true_moments(city), time), NEVER)
    arrives = np.where(recorded, happens + _ms(delay_s), NEVER)
    corrected = (rng.random(shape) < wrong.corrected_share) & recorded
    error_ms = _ms(rng.normal(0.0, wrong.correction_s, shape))
    first_time = np.where(corrected, np.minimum(time + error_ms, arrives), time)
    twice = (rng.random(shape) < wrong.duplicate_share) & recorded
    records = Records(
        time=time,
        first_time=first_time,
        arrives=arrives,
        corrected=np.where(
            corrected, arrives + 1 + _ms(rng.exponential(CORRECTED_AFTER_MEAN_S, shape)), NEVER
        ),
        again=np.where(twice, arrives + 1 + _ms(rng.exponential(60.0, shape)), NEVER),
    )
    _silence_phones(city, records)
    return records


def _silence_phones(city: City, records: Records) -> None:
    """Remove what couriers' phones sent in an outage; who sends it first sends nothing again."""
    by_phone = np.isin(ORDERS.events, _BY_COURIER)[:, None]
    never, uncorrected, once = (
        by_phone & (moments != NEVER) & lost(city.scenario, "couriers", moments)
        for moments in (records.arrives, records.corrected, records.again)
    )
    records.time[uncorrected] = records.first_time[uncorrected]
    records.corrected[uncorrected] = NEVER
    records.again[once] = NEVER
    for moments in vars(records).values():
        moments[never] = NEVER


def _careless_stores(city: City, time: IntArray) -> None:
    """Draw how the stores of a regime press "ready": when the courier takes the order, or never."""
    scenario = city.scenario
    ready, picked_up = (time[ORDERS.events.index(name)] for name in ("ready", "picked_up"))
    for i, regime in enumerate(scenario.regimes):
        if isinstance(regime, CarelessStores):
            rng = np.random.default_rng([scenario.seed, city.index, 78, i])
            missing = rng.random(len(ready)) < regime.missing
            stores = regime.chosen(scenario.seed, city.index, len(city.stores))
            meets = stores[city.orders.store] & (ready != NEVER)
            meets &= regime.active(ready / DAY_MS)
            ready[meets] = np.where(missing, NEVER, picked_up)[meets]


def _press_ready(city: City, time: IntArray, rng: np.random.Generator) -> None:
    """Draw missing and late presses of the "ready" button; careless stores have more of both."""
    wrong = city.scenario.imperfections
    ready = ORDERS.events.index("ready")
    careless = city.stores.lingers[city.orders.store]
    u = rng.random((2, time.shape[1]))
    was = time[ready] != NEVER
    never = was & (u[0] < np.minimum(wrong.ready_missing_share * careless, 0.95))
    late = was & ~never & (u[1] < np.minimum(wrong.ready_late_share * careless, 0.95))
    late_ms = _ms(rng.exponential(PRESSED_LATE_MEAN_S, time.shape[1]))
    # Most press it when the courier stands there and asks for the order.
    picked_up = time[ORDERS.events.index("picked_up")]
    pressed = time[ready] + late_ms
    pressed = np.where(picked_up != NEVER, np.minimum(pressed, picked_up), pressed)
    cancelled = time[ORDERS.events.index("cancelled")]
    time[ready, late] = pressed[late]
    time[ready, never | ((cancelled != NEVER) & (pressed > cancelled) & late)] = NEVER


def _skew(city: City, time: IntArray, rng: np.random.Generator) -> None:
    """Draw the constant error of each tablet's and phone's clock."""
    skew_s = city.scenario.imperfections.clock_skew_s
    store_ms = _ms(rng.normal(0.0, skew_s, len(city.stores)))[city.orders.store]
    courier_ms = _ms(rng.normal(0.0, skew_s, len(city.couriers)))[city.orders.courier]
    for names, skew_ms in ((_BY_STORE, store_ms), (_BY_COURIER, courier_ms)):
        for name in names:
            row = time[ORDERS.events.index(name)]
            known: BoolArray = row != NEVER
            row[known] = np.maximum(row[known] + skew_ms[known], 0)


def _ms(seconds: FloatArray | float) -> IntArray:
    return np.round(seconds * 1_000.0).astype(np.int64)

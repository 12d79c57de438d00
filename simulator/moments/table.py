"""Compute the moments of a table of orders: of what it has, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from simulator.moments.demand import day_variation, local_hours, peak_hour_share
from simulator.moments.durations import LOADS, durations_of
from simulator.moments.moment import Moment
from simulator.moments.stacking import stacked_moments
from simulator.moments.ways import hour_sd, ways_of
from simulator.world.arrays import IntArray

__all__ = ["DELIVERY_BOUNDS_S", "PREPARATION_BOUNDS_S", "moments_of"]

PREPARATION_BOUNDS_S = (60.0, 7_200.0)
DELIVERY_BOUNDS_S = (60.0, 10_800.0)
"""Durations outside are damaged records, or orders for later."""
FIRST_EVENTS = ("activated", "accepted", "courier_assigned")
"""The first of them that a table has says when demand came."""


def moments_of(
    orders: pd.DataFrame, *, timezone_by: str, timezones: Mapping[str, str]
) -> dict[str, Moment]:
    """Return the moments of a table, recorded or simulated, by the same code for both.

    Args:
        orders: one row per order. Events are timezone-aware datetimes. Used where they are:
            ``accepted`` and ``ready`` (preparation), ``activated`` and ``delivered`` (delivery),
            ``courier_id`` and ``courier_at_store`` or ``picked_up`` (stacking), ``store_id``,
            ``distance_m`` with ``picked_up`` and ``courier_at_customer`` (ways).
        timezone_by: column whose value says which clock an order follows; a city of its own.
        timezones: IANA timezone of each value.

    Returns:
        Name -> moment. Names that begin with ``preparation`` or ``delivery`` are of that duration:
        ``median_s``, ``log_sd``, ``log_iqr`` (within stores), ``q99_s``, ``store_share``,
        ``last_order_correlation``, and for preparation ``load_1``, ``load_2``, ``load_3`` (3 or 4
        open orders) and ``hour_sd``
        (between local hours, within stores). Further ``peak_hour_share``, ``day_variation``,
        ``way_pace_s_per_km``, ``way_log_sd`` (at equal distance), ``way_hour_sd``,
        ``door_median_s``, ``door_log_sd``, ``stacked_share`` and ``stacked_extra_s``.

    Raises:
        ValueError: the table has none of ``FIRST_EVENTS``.

    >>> from simulator import Scenario, simulate_cities
    >>> orders = simulate_cities(Scenario(cities=1, days=2, orders=800)).tables["orders"]
    >>> found = moments_of(orders, timezone_by="city", timezones={"BCN": "Europe/Madrid"})
    >>> 0.05 < found["peak_hour_share"].value < 0.3
    True
    """
    return dict(_moments(orders, timezone_by, timezones))


def _moments(
    orders: pd.DataFrame, timezone_by: str, timezones: Mapping[str, str]
) -> Iterator[tuple[str, Moment]]:
    has = set(orders.columns)
    if {"store_id", "accepted", "ready"} <= has:
        yield from _of_durations(orders, "preparation", ("accepted", "ready"))
    if {"store_id", "activated", "delivered"} <= has:
        yield from _of_durations(orders, "delivery", ("activated", "delivered"))
    yield from _of_demand(orders, timezone_by, timezones)
    start = next((name for name in ("courier_at_store", "picked_up") if name in has), None)
    if start is not None and {"courier_id", "delivered"} <= has:
        share, extra_s = stacked_moments(orders, start)
        yield "stacked_share", share
        yield "stacked_extra_s", extra_s


def _of_durations(
    orders: pd.DataFrame, name: str, events: tuple[str, str]
) -> Iterator[tuple[str, Moment]]:
    bounds_s = PREPARATION_BOUNDS_S if name == "preparation" else DELIVERY_BOUNDS_S
    found = durations_of(orders, *events, bounds_s=bounds_s)
    if not len(found):
        return
    yield f"{name}_median_s", found.median_s()
    yield f"{name}_log_sd", found.log_sd()
    yield f"{name}_log_iqr", found.log_iqr()
    yield f"{name}_q99_s", found.quantile_s(0.99)
    yield f"{name}_store_share", found.store_share()
    yield f"{name}_last_order_correlation", found.last_order_correlation()
    if name == "preparation":
        for (low, _), effect in zip(LOADS, found.load_effects(), strict=True):
            yield f"preparation_load_{low}", effect


def _of_demand(
    orders: pd.DataFrame, timezone_by: str, timezones: Mapping[str, str]
) -> Iterator[tuple[str, Moment]]:
    event = next((name for name in FIRST_EVENTS if name in orders.columns), None)
    if event is None:
        raise ValueError(f"the table has none of the events {', '.join(FIRST_EVENTS)}")
    known = orders[orders[event].notna() & orders[timezone_by].isin(list(timezones))]
    if not len(known):
        return
    places = known["city"] if "city" in known.columns else known[timezone_by]
    city = pd.factorize(places)[0].astype(np.int64)
    kept = city >= 0
    day, hour = local_hours(known[event], known[timezone_by].map(dict(timezones)).astype(str))
    yield "peak_hour_share", peak_hour_share(city[kept], day[kept], hour[kept])
    yield "day_variation", day_variation(city[kept], day[kept])
    yield from ways_of(known, day, hour)
    yield from _of_hours(known, day, hour)


def _of_hours(orders: pd.DataFrame, day: IntArray, hour: IntArray) -> Iterator[tuple[str, Moment]]:
    if not {"store_id", "accepted", "ready"} <= set(orders.columns):
        return
    seconds = (orders["ready"] - orders["accepted"]).dt.total_seconds()
    kept = (seconds.between(*PREPARATION_BOUNDS_S) & orders["store_id"].notna()).to_numpy()
    if kept.any():
        logs = pd.Series(np.log(seconds[kept].to_numpy(np.float64)))
        store = pd.factorize(orders["store_id"][kept])[0]
        residual = (logs - logs.groupby(store).transform("mean")).to_numpy(np.float64)
        days = np.unique(day[kept], return_inverse=True)[1].astype(np.int64)
        yield "preparation_hour_sd", hour_sd(residual, hour[kept], days)

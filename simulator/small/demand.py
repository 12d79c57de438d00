"""When customers order: by hour and weekday, with good and bad days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from simulator.small.plan import CITIES, CityPlan
from simulator.small.stores import SmallStores
from simulator.world.arrays import FloatArray, IntArray

HOUR_SHARE: FloatArray = np.array(
    [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5, 3.0,
     8.0, 11.0, 8.5, 4.0, 2.5, 3.0, 5.5, 11.0, 15.0, 13.5, 8.0, 3.5]
)  # fmt: skip
"""Share of a day's orders in each local hour, 0 to 23; sums to 100."""
WEEKDAY_FACTOR: FloatArray = np.array([0.85, 0.85, 0.9, 0.95, 1.15, 1.2, 1.1])
"""Demand of Monday to Sunday; averages to 1."""


@dataclass(frozen=True, kw_only=True)
class SmallDemand:
    """One entry per order, sorted by time; ``shift`` numbers half days since the start."""

    store: IntArray
    activated_s: FloatArray
    shift: IntArray


def local_hours(plan: CityPlan, city: int) -> tuple[IntArray, IntArray, IntArray]:
    """Local hour, weekday (Monday is 0) and day number of every UTC hour of the plan."""
    zone = ZoneInfo(CITIES[city][1])
    start_day = plan.start.astimezone(zone).toordinal()
    moments = [(plan.start + timedelta(hours=i)).astimezone(zone) for i in range(plan.days * 24)]
    hours = np.array([m.hour for m in moments], dtype=np.int64)
    weekdays = np.array([m.weekday() for m in moments], dtype=np.int64)
    days = np.array([m.toordinal() - start_day for m in moments], dtype=np.int64)
    return hours, weekdays, days


def make_demand(plan: CityPlan, stores: SmallStores, rng: np.random.Generator) -> SmallDemand:
    """Draw the orders of every store: a Poisson count per hour, uniform within the hour.

    A day of a whole city (its weather, say) and a day of one store are each better or worse than
    expected, so that load is not known from the calendar alone.
    """
    store_parts, time_parts, shift_parts = [], [], []
    for city in range(len(CITIES)):
        members = np.flatnonzero(stores.city == city)
        hours, weekdays, days = local_hours(plan, city)
        city_day = rng.lognormal(-0.02, 0.2, plan.days + 2)
        store_day = rng.gamma(8.0, 1.0 / 8.0, (len(members), plan.days + 2))
        hourly = HOUR_SHARE[hours] / 100.0 * WEEKDAY_FACTOR[weekdays] * city_day[days]
        rate = plan.orders_per_store_day * stores.popularity[members, None] * store_day[:, days]
        counts = rng.poisson(rate * hourly)
        member, hour = (
            np.repeat(part, counts.ravel())
            for part in (index.ravel() for index in np.indices(counts.shape))
        )
        store_parts.append(members[member])
        time_parts.append(hour * 3_600.0 + rng.uniform(0.0, 3_600.0, len(hour)))
        shift_parts.append(days[hour] * 2 + (hours[hour] >= 17))
    activated_s = np.concatenate(time_parts)
    order = np.argsort(activated_s, kind="stable")
    return SmallDemand(
        store=np.concatenate(store_parts)[order].astype(np.int64),
        activated_s=activated_s[order],
        shift=np.concatenate(shift_parts)[order].astype(np.int64),
    )

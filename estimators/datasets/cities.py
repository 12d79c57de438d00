"""Simulated cities: a folder that `doorstep simulate --out FOLDER` wrote, or its tables in memory.

Orders with all ten events, the weather and the local events as sources of their own. The questions
are those of a delivery's parts, each asked when the part begins, and of the whole, asked when the
order is placed. A question has the facts that a platform has by then: basket, address (building,
floor, street distance from the store) and store from the order on; courier, vehicle and distance to
the store only once a courier has the order. Hidden state (skills, the pace of a kitchen's half day,
what is on the stove, congestion) is in no table that is read here.

The last quarter of the days is the test period.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from aggregators.standard_sources import LOCAL_EVENTS, ORDERS, WEATHER
from estimators.core.dataset import Dataset, Question, seconds_between
from estimators.core.errors import DatasetError
from estimators.core.labels import LabelBounds

__all__ = [
    "CITIES_READY",
    "QUESTIONS",
    "TEST_SHARE",
    "cities_dataset",
    "load_cities",
]

_STORE = ("store_id", "store_category", "city")
_COURIER = ("courier_id", "vehicle")

QUESTIONS: tuple[Question, ...] = (
    Question(
        target=seconds_between("dispatched", "ready"),
        as_of="dispatched",
        numbers=("amount", "products"),
        categories=_STORE,
    ),
    Question(
        target=seconds_between("courier_assigned", "courier_at_store"),
        as_of="courier_assigned",
        numbers=("distance_to_store_m",),
        categories=(*_COURIER, "store_id", "store_zone", "city"),
    ),
    Question(
        target=seconds_between("picked_up", "courier_at_customer"),
        as_of="picked_up",
        numbers=("distance_m",),
        categories=(*_COURIER, "store_id", "store_zone", "zone", "city"),
    ),
    Question(
        target=seconds_between("courier_at_customer", "delivered"),
        as_of="courier_at_customer",
        numbers=("floor", "products"),
        categories=(*_COURIER, "building", "zone", "city"),
    ),
    Question(
        target=seconds_between("courier_assigned", "delivered"),
        as_of="courier_assigned",
        numbers=("distance_to_store_m", "distance_m"),
        categories=("vehicle", "zone", "store_zone", "city"),
    ),
    Question(
        target=seconds_between("picked_up", "delivered"),
        as_of="picked_up",
        numbers=("distance_m",),
        categories=("vehicle", "zone", "store_zone", "city"),
    ),
    Question(
        target=seconds_between("activated", "delivered"),
        as_of="activated",
        numbers=("amount", "products", "distance_m", "floor"),
        categories=(*_STORE, "zone", "store_zone", "building"),
    ),
)
"""eTP, courier travel to the store and to the customer, parking; what is left when there is a
courier, and when the order is picked up (for conditions); and the whole delivery."""

CITIES_READY = LabelBounds(
    event="ready",
    at_least=("accepted",),
    at_most=("picked_up", "courier_at_customer", "delivered"),
    waits_from="courier_at_store",
)
"""Bounds of the moment when food is ready: kitchens press the button late, or not at all."""

FORGOTTEN_SHARE = 0.01
"""Above this share of picked-up orders that were never ready, `ready` is treated as censored."""

TEST_SHARE = 0.25
"""The last part of the days, kept for the test."""

FILES = {
    "orders": "orders.parquet",
    "weather": "weather.parquet",
    "local_events": "local_events.parquet",
}
SCENARIO_FILE = "scenario.json"


def load_cities(folder: Path) -> Dataset:
    """Load a folder that ``doorstep simulate --out FOLDER`` wrote; it asks when food is ready.

    Args:
        folder: holds ``orders.parquet``, ``weather.parquet``, ``local_events.parquet`` and
            ``scenario.json``.

    Raises:
        DatasetError: a file is missing, or is not what the simulator writes.
    """
    absent = [name for name in (*FILES.values(), SCENARIO_FILE) if not (folder / name).is_file()]
    if absent:
        raise DatasetError(
            f"simulated cities: no file {', '.join(absent)} in {folder}; expected a folder that"
            " `doorstep simulate --out FOLDER` wrote"
        )
    scenario = json.loads((folder / SCENARIO_FILE).read_text(encoding="utf-8"))
    lacking = [name for name in ("start", "days", "timezones") if name not in scenario]
    if lacking:
        raise DatasetError(
            f"simulated cities: {folder / SCENARIO_FILE} lacks {', '.join(lacking)}; write the"
            " folder again with `doorstep simulate --out FOLDER`"
        )
    return cities_dataset(
        {name: pd.read_parquet(folder / file) for name, file in FILES.items()},
        start=pd.Timestamp(scenario["start"]),
        days=int(scenario["days"]),
        timezones=scenario["timezones"],
    )


def cities_dataset(
    tables: Mapping[str, pd.DataFrame],
    *,
    start: pd.Timestamp,
    days: int,
    timezones: Mapping[Any, str],
) -> Dataset:
    """Return the tables of simulated cities as a data set; it asks when food is ready.

    Args:
        tables: ``orders``, ``weather`` and ``local_events``.
        start: first moment, timezone-aware.
        days: length; the last quarter of the days is the test period.
        timezones: IANA timezone of every city.

    Raises:
        DatasetError: a table or a column is missing.
    """
    absent = [name for name in FILES if name not in tables]
    if absent:
        raise DatasetError(f"simulated cities: no table {', '.join(absent)}")
    first = QUESTIONS[0]
    return Dataset(
        name="cities",
        source=ORDERS,
        table=tables["orders"],
        as_of=first.as_of,
        target=first.target,
        numbers=first.numbers,
        categories=first.categories,
        questions=QUESTIONS,
        timezone_by="city",
        timezones=dict(timezones),
        test_from=start + pd.Timedelta(days=max(1, round(days * (1.0 - TEST_SHARE)))),
        others={WEATHER: tables["weather"], LOCAL_EVENTS: tables["local_events"]},
        censoring=CITIES_READY if _ready_is_unreliable(tables["orders"]) else None,
    )


def _ready_is_unreliable(orders: pd.DataFrame) -> bool:
    """Whether orders that were picked up lack `ready`: then it is late in others, too."""
    taken = orders["picked_up"].notna()
    forgotten = int((taken & orders["ready"].isna()).sum())
    return forgotten > FORGOTTEN_SHARE * int(taken.sum())

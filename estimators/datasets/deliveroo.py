"""Deliveroo, June 2015: when restaurants accepted an order, and when they said that it was ready.

Two files: ``orders.csv`` (order_acknowledged_at and order_ready_at with their UTC offset,
order_value_gbp, restaurant_id, number_of_items) and ``restaurants.csv`` (restaurant_id, country,
city, type_of_food). 32,394 orders of 1,697 restaurants in 22 cities, one month.

Damaged rows. 4.6% of the durations cannot be preparation times: 0 s (the button pressed at once),
71 h (the button forgotten). They are no labels: only 60 s <= duration <= 7,200 s is learned and
scored. But they did happen, so they stay in the table with their own times: such an order is open
in the kitchen until its button is pressed (features of open orders bound its age), and its duration
enters the store's last preparation times as any other. A restaurant that presses the button at once
is known by just that. Features that must not be moved by a single 71 h use medians and quantiles.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aggregators.events import Source
from estimators.core.dataset import Dataset, seconds_between
from estimators.core.errors import DatasetError

__all__ = ["DELIVEROO_ORDERS", "load_deliveroo"]

DELIVEROO_ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("accepted", "ready"),
    dimensions=("store_id", "store_category", "city", "country"),
    attributes=("amount", "products"),
)
"""An order in the kitchen. ``store_category`` is city and type of food, ``"London thai"``."""

TEST_FROM = pd.Timestamp("2015-06-24", tz="UTC")
LABEL_BOUNDS_S = (60.0, 7_200.0)
ORDERS_MAX = 5_000_000
TIMEZONES = {
    "UK": "Europe/London",
    "Ireland": "Europe/Dublin",
    "France": "Europe/Paris",
    "Germany": "Europe/Berlin",
}
PUBLISHED = {
    "LightGBM without aggregates (reference)": 438.0,
    "LightGBM without aggregates, store as category (reference)": 428.0,
    "LightGBM with plain aggregates (reference)": 410.0,
}
_ORDERS_COLUMNS = {
    "order_acknowledged_at": "accepted",
    "order_ready_at": "ready",
    "order_value_gbp": "amount",
    "restaurant_id": "store_id",
    "number_of_items": "products",
}
_STORE_COLUMNS = ("restaurant_id", "country", "city", "type_of_food")


def load_deliveroo(folder: Path) -> Dataset:
    """Load the orders; the estimate is asked when the restaurant accepts.

    The files name no orders, so ``order_id`` is the row's number in ``orders.csv`` (from 0).

    Args:
        folder: holds ``orders.csv`` and ``restaurants.csv``.

    Raises:
        DatasetError: a file or column is missing, or an order names an unknown restaurant.
    """
    orders = _read(folder / "orders.csv", tuple(_ORDERS_COLUMNS))
    stores = _read(folder / "restaurants.csv", _STORE_COLUMNS)
    unknown = sorted(set(orders["restaurant_id"]) - set(stores["restaurant_id"]))
    if unknown:
        raise DatasetError(f"restaurants.csv lacks restaurants of orders.csv: {unknown[:5]}")
    table = orders.merge(stores, on="restaurant_id", how="left", validate="many_to_one")
    table = table.rename(columns={**_ORDERS_COLUMNS, "type_of_food": "food"})
    for event in DELIVEROO_ORDERS.events:
        table[event] = pd.to_datetime(table[event], utc=True, format="ISO8601")
    table.insert(0, "order_id", range(len(table)))
    table["store_category"] = table["city"] + " " + table["food"]
    return Dataset(
        name="deliveroo",
        source=DELIVEROO_ORDERS,
        table=table,
        as_of="accepted",
        target=seconds_between("accepted", "ready"),
        numbers=("amount", "products"),
        categories=("store_id", "food", "city"),
        timezone_by="country",
        timezones=TIMEZONES,
        test_from=TEST_FROM,
        label_bounds_s=LABEL_BOUNDS_S,
        published=PUBLISHED,
        published_test_from=TEST_FROM,
    )


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        raise DatasetError(
            f"no file {path.name} in {path.parent}; expected the folder of the Deliveroo data"
            " (orders.csv, restaurants.csv)"
        )
    table = pd.read_csv(path, nrows=ORDERS_MAX + 1)
    if len(table) > ORDERS_MAX:
        raise DatasetError(f"{path.name} has more than {ORDERS_MAX:,} rows")
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise DatasetError(f"{path.name} lacks the column(s) {', '.join(absent)}")
    return table[list(columns)]

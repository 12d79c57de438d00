"""Jumpman23, New York, October 2014: what couriers did, from accepting a delivery to the door.

One file, ``jumpman23.csv``: courier and vehicle, where the pickup place and the drop-off are, what
was ordered, and four moments. 5,214 deliveries of 578 couriers.

Rows. One row per item, so a ``delivery_id`` has several; all else is the same in them (refused
otherwise). ``products`` is the sum of their quantities, missing where no items were written down
(a fifth of the deliveries). Two equal rows are two equal items: nothing says otherwise.

Time. The times carry no zone and are taken as New York's local time. All of October is summer time;
one that a clock shows twice or never is missing (see ``local_to_utc``).

Events. ``courier_assigned`` is when the delivery started, ``courier_at_store``, ``picked_up`` and
``courier_at_customer`` are the others. 495 deliveries lack the two at the store: they stay, and
those events never happened. The file ends at the door, so an order counts as ``delivered`` when the
courier gets there: the courier is free then. Parking and hand-over are therefore not known, and
what is computed of ``delivered - courier_at_customer`` (always 0 s) says nothing.

Damage. In 438 deliveries the courier was at the store up to 160 s before the delivery started (an
order taken on the spot), in 2 the food was even picked up before. They did happen, so they stay as
they are; by the rule of time nothing of such an order is known until it started, as its columns are
known from ``courier_assigned``. As labels only 30 s < travel < 7,200 s count.

``store_id`` is the place's name with its coordinates, since chains have up to 42 places.

Streets. Most of Manhattan's streets run 29 degrees off north and east, so the way is described by
its lengths along the avenues and across them: ``along_m``, ``across_m``, and ``street_m``, the sum
of both without their signs. Elsewhere these are as good a pair of axes as any.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aggregators.events import Source
from estimators.core.dataset import Dataset, seconds_between
from estimators.core.errors import DatasetError
from estimators.datasets.places import (
    distance_m,
    grid_cell,
    local_to_utc,
    read_csv,
    street_offsets_m,
)

__all__ = ["JUMPMAN_ORDERS", "load_jumpman"]

JUMPMAN_ORDERS = Source(
    "orders",
    sample_id="delivery_id",
    events=(
        "courier_assigned",
        "courier_at_store",
        "picked_up",
        "courier_at_customer",
        "delivered",
    ),
    dimensions=("store_id", "courier_id", "city", "zone", "store_category"),
    attributes=("products", "distance_m"),
)
"""A delivery from its start to the door.

``zone`` is the drop-off's cell of about 2.2 km by 1.7 km, ``store_category`` the city and the kind
of place, ``distance_m`` the great-circle distance from place to drop-off. ``courier_id`` is known
from the first event on.
"""

FILE = "jumpman23.csv"
CITY = "New York"
TIMEZONES = {CITY: "America/New_York"}
# 80% of the deliveries that have all their moments started before.
TEST_FROM = pd.Timestamp("2014-10-25 16:49", tz=TIMEZONES[CITY])
PUBLISHED = {
    "constant median (reference)": 369.0,
    "LightGBM without aggregates (reference)": 217.0,
}
TRAVEL_BOUNDS_S = (np.nextafter(30.0, 31.0), np.nextafter(7_200.0, 7_199.0))
ZONE_LAT_STEP, ZONE_LON_STEP = 0.02, 0.02
AVENUES_BEARING_DEG = 29.0
COORDINATES = ("store_lat", "store_lon", "customer_lat", "customer_lon")
_TIMES = {
    "when_the_delivery_started": "courier_assigned",
    "when_the_Jumpman_arrived_at_pickup": "courier_at_store",
    "when_the_Jumpman_left_pickup": "picked_up",
    "when_the_Jumpman_arrived_at_dropoff": "courier_at_customer",
}
_SAME = (
    "jumpman_id",
    "vehicle_type",
    "pickup_place",
    "place_category",
    "pickup_lat",
    "pickup_lon",
    "dropoff_lat",
    "dropoff_lon",
    *_TIMES,
)


def load_jumpman(folder: Path) -> Dataset:
    """Load the deliveries; the question, at the pickup, is the duration of the way to the customer.

    For the way to the store: ``dataset.about(seconds_between("courier_assigned",
    "courier_at_store"), as_of="courier_assigned")``.

    Args:
        folder: holds ``jumpman23.csv``.

    Raises:
        DatasetError: the file or a column is missing, a time cannot be read, or the rows of one
            delivery contradict each other.
    """
    file = read_csv(folder / FILE, ("delivery_id", *_SAME, "item_quantity"), "Jumpman23")
    rows = _one_row_per_delivery(file)
    pickup = (rows["pickup_lat"], rows["pickup_lon"])
    dropoff = (rows["dropoff_lat"], rows["dropoff_lon"])
    along_m, across_m = street_offsets_m(*pickup, *dropoff, bearing_deg=AVENUES_BEARING_DEG)
    moments = {event: local_to_utc(rows[name], TIMEZONES[CITY]) for name, event in _TIMES.items()}
    table = pd.DataFrame(
        {
            "delivery_id": rows["delivery_id"],
            **moments,
            "delivered": moments["courier_at_customer"],
            "store_id": _stores(rows),
            "courier_id": rows["jumpman_id"],
            "vehicle": rows["vehicle_type"],
            "city": CITY,
            "zone": grid_cell(*dropoff, lat_step=ZONE_LAT_STEP, lon_step=ZONE_LON_STEP),
            "store_category": CITY + " " + rows["place_category"],
            "products": rows["products"],
            "distance_m": distance_m(*pickup, *dropoff),
            "along_m": along_m,
            "across_m": across_m,
            "street_m": np.abs(along_m) + np.abs(across_m),
            **dict(zip(COORDINATES, (*pickup, *dropoff), strict=True)),
        }
    )
    return Dataset(
        name="jumpman",
        source=JUMPMAN_ORDERS,
        table=table,
        as_of="picked_up",
        target=seconds_between("picked_up", "courier_at_customer"),
        numbers=("products", "distance_m", "along_m", "across_m", "street_m", *COORDINATES),
        categories=("vehicle", "courier_id", "store_id", "zone"),
        timezone_by="city",
        timezones=TIMEZONES,
        test_from=TEST_FROM,
        label_bounds_s=TRAVEL_BOUNDS_S,
        published=PUBLISHED,
        published_test_from=TEST_FROM,
    )


def _one_row_per_delivery(file: pd.DataFrame) -> pd.DataFrame:
    """Return one row per delivery, in the order of the file, with the sum of its items."""
    groups = file.groupby("delivery_id", sort=False)
    for column in _SAME:
        differing = groups[column].nunique(dropna=False) > 1
        if differing.any():
            delivery = differing.index[int(np.argmax(differing))]
            raise DatasetError(
                f"{FILE}: the rows of delivery {delivery} have different values of {column!r};"
                " expected one row per item, all else equal"
            )
    rows = file.drop_duplicates("delivery_id").reset_index(drop=True)
    products = groups["item_quantity"].sum(min_count=1)
    rows["products"] = products.to_numpy(np.float64)
    return rows


def _stores(rows: pd.DataFrame) -> list[str]:
    columns = (rows["pickup_place"], rows["pickup_lat"], rows["pickup_lon"])
    return [f"{name} {lat:.5f} {lon:.5f}" for name, lat, lon in zip(*columns, strict=True)]

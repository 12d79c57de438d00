"""Wolt, Helsinki, August and September 2020: whole deliveries, from order to door.

One file, ``orders_autumn_2020.csv``: when an order was placed, where venue and user are (rounded to
0.001 degrees, about 100 m), how many items, how long the platform said that it would take and how
long it took, in whole minutes, and the weather. 18,706 orders, 331 distinct venue coordinates.

Time. ``TIMESTAMP`` carries no zone; it is taken as the local time of Helsinki. (Most orders are
then placed at 8 to 10 and at 14 to 16 o'clock, which would suit UTC better; were it so, all would
lie three hours later, and features would be the same, as all events move together.) Two months of
summer time: no time is ambiguous or skipped in the file; one that were is missing, and its order
never happened (see ``local_to_utc``). Times are whole minutes, so many orders share a moment;
``delivered`` is the order's time plus the whole minutes that it took, computed in UTC.

Names. The file names neither orders nor venues: ``order_id`` is the row's number (from 0),
``store_id`` the venue's coordinates, which two venues in one building share.

Weather. Each order carries the weather of its hour (it never changes within one), so the hours are
observations of a source of their own, at the start of the hour: the file does not say when they
were made. Hours without orders have none. Where temperature and wind are missing (277 orders),
precipitation stands at 0, which is no measurement: it is missing, too.

Nothing is damaged: all deliveries took 6 to 58 minutes. There is no amount, courier or cancelling.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aggregators.events import Source
from estimators.core.dataset import Dataset, seconds_between
from estimators.datasets.places import distance_m, grid_cell, local_to_utc, read_csv

__all__ = ["WOLT_ORDERS", "WOLT_WEATHER", "load_wolt"]

WOLT_ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("activated", "delivered"),
    dimensions=("store_id", "city", "zone"),
    attributes=("products", "distance_m"),
)
"""An order from placing to delivery. ``zone`` is the user's cell of about 1.1 km by 1.1 km."""

WOLT_WEATHER = Source(
    "weather",
    sample_id="observation_id",
    events=("observed",),
    dimensions=("city",),
    attributes=("temperature_c", "precipitation_mm", "wind_speed_m_s"),
)
"""The weather of an hour, once for all orders of that hour."""

FILE = "orders_autumn_2020.csv"
CITY = "Helsinki"
TIMEZONES = {CITY: "Europe/Helsinki"}
# The first 80% of the orders by time are before this moment (15:17 in Helsinki).
TEST_FROM = pd.Timestamp("2020-09-19 15:17", tz=TIMEZONES[CITY])
ZONE_LAT_STEP, ZONE_LON_STEP = 0.01, 0.02
PUBLISHED = {
    "constant median (reference)": 493.8,
    "the platform's own ETA (reference)": 448.2,
    "LightGBM without aggregates (reference)": 471.6,
    "LightGBM without aggregates, store as category (reference)": 461.4,
    "LightGBM with plain aggregates (reference)": 409.8,
}
_WEATHER = {
    "TEMPERATURE": "temperature_c",
    "PRECIPITATION": "precipitation_mm",
    "WIND_SPEED": "wind_speed_m_s",
    "CLOUD_COVERAGE": "cloud_cover_percent",
}
_COLUMNS = (
    "TIMESTAMP",
    "ITEM_COUNT",
    "USER_LAT",
    "USER_LONG",
    "VENUE_LAT",
    "VENUE_LONG",
    "ESTIMATED_DELIVERY_MINUTES",
    "ACTUAL_DELIVERY_MINUTES",
    *_WEATHER,
)


def load_wolt(folder: Path) -> Dataset:
    """Load the orders and the weather; the estimate is asked when the order is placed.

    The table has the platform's own estimate as ``platform_eta_s`` and the weather of the order's
    hour beside the source's columns.

    Args:
        folder: holds ``orders_autumn_2020.csv``.

    Raises:
        DatasetError: the file or a column is missing, or a time cannot be read.
    """
    file = read_csv(folder / FILE, _COLUMNS, "Wolt").rename(columns=_WEATHER)
    activated = local_to_utc(file["TIMESTAMP"], TIMEZONES[CITY])
    took = pd.to_timedelta(file["ACTUAL_DELIVERY_MINUTES"], unit="min")
    venue, user = (file["VENUE_LAT"], file["VENUE_LONG"]), (file["USER_LAT"], file["USER_LONG"])
    table = pd.DataFrame(
        {
            "order_id": range(len(file)),
            "activated": activated,
            "delivered": activated + took,
            "store_id": _places(*venue),
            "city": CITY,
            "zone": grid_cell(*user, lat_step=ZONE_LAT_STEP, lon_step=ZONE_LON_STEP),
            "products": file["ITEM_COUNT"],
            "distance_m": distance_m(*venue, *user),
            "platform_eta_s": file["ESTIMATED_DELIVERY_MINUTES"] * 60.0,
            **_weather_columns(file),
        }
    )
    return Dataset(
        name="wolt",
        source=WOLT_ORDERS,
        table=table,
        as_of="activated",
        target=seconds_between("activated", "delivered"),
        numbers=("products", "distance_m"),
        categories=("store_id", "zone"),
        timezone_by="city",
        timezones=TIMEZONES,
        test_from=TEST_FROM,
        published=PUBLISHED,
        published_test_from=TEST_FROM,
        others={WOLT_WEATHER: _observations(table)},
    )


def _places(lat: pd.Series[float], lon: pd.Series[float]) -> list[str]:
    return [f"{north:.3f} {east:.3f}" for north, east in zip(lat, lon, strict=True)]


def _weather_columns(file: pd.DataFrame) -> dict[str, pd.Series[float]]:
    measured = file["temperature_c"].notna()
    return {name: file[name].astype("float64").where(measured) for name in _WEATHER.values()}


def _observations(table: pd.DataFrame) -> pd.DataFrame:
    """Return one observation per hour that has an order, from the first order that carries it."""
    names = list(WOLT_WEATHER.attributes)
    known = table[table["activated"].notna() & table["temperature_c"].notna()]
    hours = known.assign(observed=known["activated"].dt.floor("h")).drop_duplicates("observed")
    ids = hours["observed"].dt.strftime("%Y-%m-%dT%H")
    observed = hours[["observed", "city", *names]].reset_index(drop=True)
    observed.insert(0, "observation_id", ids.to_list())
    return observed

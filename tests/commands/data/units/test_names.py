"""Units that names of columns contain, and names that only look so.

Tests `commands.data.units.names`.
"""

from __future__ import annotations

import pytest

from commands.data.units.conversions import fits_unit
from commands.data.units.names import proposed_unit

CONTAIN = {
    "Distance (KM)": ("km", "distance_m"),
    "distance_km": ("km", "distance_m"),
    "km_driven": ("km", "driven_m"),
    "DistanceKm": ("km", "distance_m"),
    "dist_mi": ("miles", "distance_m"),
    "tripMiles": ("miles", "trip_m"),
    "Trip Distance [ft]": ("feet", "trip_distance_m"),
    "walk_yards": ("yards", "walk_m"),
    "trip_minutes": ("minutes", "trip_s"),
    "router_min": ("minutes", "router_s"),
    "Estimated time (mins)": ("minutes", "estimated_time_s"),
    "drive_hrs": ("hours", "drive_s"),
    "routing_ms": ("ms", "routing_s"),
    "Speed (km/h)": ("km_h", "speed_m_s"),
    "wind_mph": ("mph", "wind_m_s"),
    "fee_cents": ("cents", "fee"),
    "cents": ("cents", "amount"),
    "temp_fahrenheit": ("fahrenheit", "temp_c"),
    "2nd leg miles": ("miles", "column_2nd_leg_m"),
}
NONE = (
    "distance_m", "router_s", "order_hour", "pickup_minute", "price_min", "min_price", "order_min",
    "percent", "opening_hours", "items_per_hour", "within_5km", "fee_per_km", "kmart", "amount",
    "h_index",
)  # fmt: skip


@pytest.mark.parametrize("column", CONTAIN)
def test_a_unit_in_a_name_is_proposed(column: str) -> None:
    found = proposed_unit(column)
    assert found == CONTAIN[column]
    assert found is not None
    assert fits_unit(found.attribute, found.unit)


@pytest.mark.parametrize("column", NONE)
def test_other_names_propose_nothing(column: str) -> None:
    assert proposed_unit(column) is None


def test_a_known_name_is_kept_where_the_unit_fits_it() -> None:
    assert proposed_unit("trip_km", "distance_m") == ("km", "distance_m")
    assert proposed_unit("trip_km", "amount") == ("km", "trip_m")
    assert proposed_unit("total_cents", "amount") == ("cents", "amount")

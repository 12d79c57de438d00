"""Eight kinds of headers, and what is guessed of each.

Tests `commands.guessing.guess`, `commands.guessing.columns`, `commands.guessing.derived_columns`,
 `commands.guessing.durations`,
`commands.guessing.event_names`, `commands.guessing.guessed`, `commands.guessing.ids`,
`commands.guessing.known_from`, `commands.guessing.label_bounds`,
`commands.guessing.mapping_text`, `commands.guessing.places`,
`commands.guessing.sampled_rows`, `commands.guessing.times` and `commands.guessing.words`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands.data.mapped_dataset import mapped_dataset
from commands.guessing.event_names import candidates
from commands.guessing.guess import guess_mapping
from commands.guessing.guessed import TimeAfter
from commands.guessing.mapping_text import mapping_text
from commands.guessing.words import is_estimate, is_outcome, known_name
from tests.commands.guessing.tables import BAKERY, BEGUN, LASTED_MIN, RNG, ROWS, guess, later, some


def test_an_arrival_is_named_by_its_place_in_the_order_of_events(tmp_path: Path) -> None:
    before = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "ordered_on": BEGUN,
            "arrival_time": later(12),
            "pickup_time": later(15),
            "handover_time": later(30),
        },
    )
    assert [*before.events] == ["activated", "courier_at_store", "picked_up", "delivered"]
    after = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "handover_time": later(33),
            "pickup_time": later(15),
            "ordered_on": BEGUN,
            "arrival_time": later(30),
        },
    )
    assert [*after.events] == ["activated", "picked_up", "courier_at_customer", "delivered"]
    assert after.events["courier_at_customer"] == "arrival_time"
    ride = guess(tmp_path, {"car": BAKERY, "Pick-Up At": BEGUN, "Drop-Off At": later(20)})
    assert [*ride.events] == ["picked_up", "courier_at_customer"]
    whole = guess(tmp_path, {"car": BAKERY, "requested": BEGUN, "Drop-Off At": later(20)})
    assert [*whole.events] == ["activated", "delivered"]


def test_estimates_and_promises_are_no_dimensions_and_no_events(tmp_path: Path) -> None:
    promised = later(40)
    found = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "ordered_on": BEGUN,
            "promised_for": promised,
            "delivered_on": later(35),
            "expected_bakery_to_client_drive": some(240, 300, 360, 420),
            "quoted minutes": some(20, 30, 45),
        },
    )
    assert [*found.events] == ["activated", "delivered"]
    assert found.attributes == {
        "expected_bakery_to_client_drive": "expected_bakery_to_client_drive",
        "quoted_s": "quoted minutes",
        "promised_for_in_s": "promised_for_in_s",
    }
    table = mapped_dataset(tmp_path / "mapping.yaml").table
    promised_s = (promised - BEGUN).dt.total_seconds()
    assert table["promised_for_in_s"].to_numpy() == pytest.approx(promised_s)
    assert found.units == {"quoted_s": "minutes"}
    assert found.dimensions == {"store_id": "bakery"}
    assert found.left_out == {}


def test_columns_that_number_the_rows_are_dropped(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        {
            "Unnamed: 0": range(ROWS),
            "": range(1, ROWS + 1),
            "index": RNG.permutation(10 * ROWS)[:ROWS],
            "bakery": BAKERY,
            "ordered_on": BEGUN,
            "delivered_on": later(35),
        },
    )
    assert {*found.left_out} == {"Unnamed: 0", "Unnamed: 1", "index"} or {*found.left_out} == {
        "Unnamed: 0", "", "index",
    }  # fmt: skip
    assert found.id == ""
    assert found.attributes == {}
    named = guess(tmp_path, {"ticket_no": range(ROWS), "ordered_on": BEGUN, "ready_on": later(9)})
    assert named.id == "ticket_no"


def test_what_is_known_only_afterwards_is_left_out_with_the_reason(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "ordered_on": BEGUN,
            "delivered_on": BEGUN + pd.to_timedelta(LASTED_MIN, unit="min"),
            "gratuity": some(0, 1, 2, 3),
            "Refunded Amount": some(0, 5, 9),
            "client_stars": some(1, 2, 3, 4, 5),
            "final_status": some("ok", "complaint"),
            "was_late": some(True, False),
            "meter": LASTED_MIN * 60.0,
            "avg_prep_time": some(300, 400, 500),
            "bakery_rating": some(3, 4, 5),
        },
    )
    left = ("gratuity", "Refunded Amount", "client_stars", "final_status", "was_late", "meter")
    assert {*found.left_out} == {*left}
    assert all("known only when all is over" in found.left_out[one] for one in left)
    assert {*found.attributes} == {"avg_prep_time", "bakery_rating"}
    assert any("meter" in question for question in found.questions)


def test_rows_of_one_order_become_one(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        {
            "shipment_id": [f"s-{k // 2}" for k in range(ROWS)],
            "sku": some("bun", "roll", "cake"),
            "bakery": [BAKERY[k // 2] for k in range(ROWS)],
            "ordered_on": [BEGUN[k // 2] for k in range(ROWS)],
            "delivered_on": [BEGUN[k // 2] + pd.Timedelta("20min") for k in range(ROWS)],
        },
    )
    assert (found.id, found.has_repeated_ids) == ("shipment_id", True)
    assert [*found.left_out] == ["sku"]
    assert "rows of one 'shipment_id'" in found.left_out["sku"]
    table = mapped_dataset(tmp_path / "mapping.yaml").table
    assert table["order_id"].tolist() == [f"s-{k}" for k in range(ROWS // 2)]


def test_a_column_of_minutes_gives_the_event_that_has_no_time(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        {"bakery": BAKERY, "ordered_on": BEGUN, "REAL_DELIVERY_MINS": LASTED_MIN},
    )
    assert found.later == {"delivered": TimeAfter("activated", "minutes", "REAL_DELIVERY_MINS")}
    dataset = mapped_dataset(tmp_path / "mapping.yaml")
    took_s = (dataset.table["delivered"] - dataset.table["activated"]).dt.total_seconds()
    assert took_s.to_numpy() == pytest.approx(LASTED_MIN * 60.0)
    told = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "confirmed_on": BEGUN,
            "cooking_time": LASTED_MIN * 60.0,
            "minutes late": RNG.normal(0.0, 5.0, ROWS),
        },
    )
    assert told.later == {"ready": TimeAfter("accepted", "seconds", "cooking_time")}
    assert any("'cooking_time' seconds?" in question for question in told.questions)
    assert "minutes late" in told.left_out
    both = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "ordered_on": BEGUN,
            "delivered_on": BEGUN + pd.to_timedelta(LASTED_MIN, unit="min"),
            "REAL_DELIVERY_MINS": LASTED_MIN,
        },
    )
    assert both.later == {}
    assert "REAL_DELIVERY_MINS" in both.left_out


def test_coordinates_of_both_ends_are_those_of_the_way(tmp_path: Path) -> None:
    at = {one: RNG.uniform(0.0, 0.1, 2) for one in {*BAKERY}}
    columns = {
        "fleet_vendor": some(1, 2),
        "bakery": BAKERY,
        "ordered_on": BEGUN,
        "delivered_on": later(20),
        "CollectionLat": [52.0 + at[one][0] for one in BAKERY],
        "CollectionLng": [4.0 + at[one][1] for one in BAKERY],
        "client_latitude": RNG.uniform(52.0, 52.1, ROWS),
        "client_longitude": RNG.uniform(4.0, 4.1, ROWS),
        "rider_lat": RNG.uniform(52.0, 52.1, ROWS),
        "rider_lon": RNG.uniform(4.0, 4.1, ROWS),
        "flat": some(1, 2, 3),
    }
    found = guess(tmp_path, columns)
    assert {name: found.attributes[name] for name in found.attributes if "_l" in name[5:]} == {
        "store_lat": "CollectionLat",
        "store_lon": "CollectionLng",
        "customer_lat": "client_latitude",
        "customer_lon": "client_longitude",
    } | {"rider_lat": "rider_lat", "rider_lon": "rider_lon"}
    assert found.dimensions["store_id"] == "bakery"
    assert found.is_one_city
    assert mapped_dataset(tmp_path / "mapping.yaml").source.dimensions[-1] == "city"
    vendors = guess(tmp_path, {name: columns[name] for name in columns if name != "bakery"} | {
        "vendor_code": some("x", "y")
    })  # fmt: skip
    assert vendors.dimensions["store_id"] == "store_at"
    assert vendors.dimensions["vendor_code"] == "vendor_code"


def test_a_store_without_a_name_is_its_place(tmp_path: Path) -> None:
    at = {one: RNG.uniform(0.0, 0.1, 2).round(4) for one in {*BAKERY}}
    columns = {
        "ordered_on": BEGUN,
        "delivered_on": later(20),
        "Shop Lat": [52.0 + at[one][0] for one in BAKERY],
        "Shop Lon": [4.0 + at[one][1] for one in BAKERY],
    }
    found = guess(tmp_path, columns)
    assert found.dimensions == {"store_id": "store_at"}
    stores = mapped_dataset(tmp_path / "mapping.yaml").table["store_id"]
    assert stores.nunique() == len(at)
    assert pd.crosstab(stores, pd.Series(BAKERY)).gt(0).sum().max() == 1
    pd.DataFrame(columns).to_parquet(tmp_path / "shops.parquet")
    (tmp_path / "mapping.yaml").write_text(mapping_text(guess_mapping(tmp_path / "shops.parquet")))
    assert mapped_dataset(tmp_path / "mapping.yaml").table["store_id"].nunique() == len(at)
    anywhere = {**columns, "Shop Lat": RNG.uniform(52.0, 52.1, ROWS)}
    assert guess(tmp_path, anywhere).dimensions == {}


def test_columns_are_known_from_the_event_with_which_they_are_filled(tmp_path: Path) -> None:
    is_taken = RNG.uniform(size=ROWS) < 0.8
    is_baked = is_taken & (RNG.uniform(size=ROWS) < 0.9)
    found = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "ordered_on": BEGUN,
            "confirmed_on": later(2).where(is_taken),
            "rider_allocated_on": later(5).where(RNG.uniform(size=ROWS) < 0.7),
            "ready_on": later(9).where(is_baked),
            "oven": pd.Series(some("a", "b", "c")).where(is_taken),
            "trays": pd.Series(some(1.0, 2.0, 3.0)).where(is_baked),
            "rider": some("ann", "bob", "cy"),
            "rider_bag": some("big", "small"),
            "slices": pd.Series(some(1.0, 2.0)).where(RNG.uniform(size=ROWS) < 0.5),
        },
    )
    assert found.known_from == {
        "oven": "accepted",
        "trays": "ready",
        "courier_id": "courier_assigned",
        "rider_bag": "courier_assigned",
    }


def test_a_few_far_longer_durations_are_bounded_with_a_question(tmp_path: Path) -> None:
    forgotten = later(20).where(BEGUN.index != 7, BEGUN + pd.Timedelta(days=2))
    columns = {"bakery": BAKERY, "ordered_on": BEGUN, "delivered_on": forgotten}
    found = guess(tmp_path, columns)
    assert found.longest_s == 5_400.0
    assert any("1 durations of more than 5,400 s" in one for one in found.questions)
    assert mapped_dataset(tmp_path / "mapping.yaml").label_bounds_s == (0.0, 5_400.0)
    assert guess(tmp_path, {**columns, "delivered_on": later(20)}).longest_s is None


def test_long_durations_are_bounded_if_they_are_another_kind_of_order(tmp_path: Path) -> None:
    is_booked = BEGUN.index % 12 == 0
    delivered = later(20).where(~is_booked, BEGUN + pd.Timedelta(days=1))
    columns = {"bakery": BAKERY, "ordered_on": BEGUN, "delivered_on": delivered}
    booked = guess(tmp_path, {**columns, "slot": np.where(is_booked, "booked", "now")})
    assert booked.longest_s is not None
    assert 1_320.0 < booked.longest_s < 86_400.0
    assert any("of another kind (25 have slot = booked)" in one for one in booked.questions)
    assert guess(tmp_path, columns).longest_s is None


@pytest.mark.parametrize(
    ("column", "event"),
    [
        ("rider_reached_kitchen", "courier_at_store"),
        ("out_for_delivery_on", "picked_up"),
        ("order_delivered_carrier_date", "picked_up"),
        ("cooking_finished", "ready"),
        ("ready_for_pickup", "ready"),
        ("driver_accepted", "courier_assigned"),
        ("abortedAt", "cancelled"),
        ("received_by_client", "delivered"),
        ("prep_started", "accepted"),
        ("left_customer", "delivered"),
        ("weighed", ""),
    ],
)
def test_events_are_named_by_their_words(column: str, event: str) -> None:
    found = candidates(column)
    assert max(found, key=lambda one: found[one], default="") == event


def test_of_two_columns_the_finer_and_plainer_one_has_the_known_name(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        {
            "MerchantID": some(1, 2),
            "PULocationID": some(*range(1, 30)),
            "merchantName": some("x", "y"),
            "orderedAt": BEGUN,
            "delivery_gps_time": later(20),
            "delivery_time": later(20),
            "copied": BEGUN,
            "signed_up": BEGUN - pd.Timedelta(days=400),
            "dateOfExport": BEGUN,
        },
    )
    assert found.dimensions == {
        "merchant_id": "MerchantID", "store_id": "PULocationID", "merchant_name": "merchantName",
    }  # fmt: skip
    assert found.events["delivered"] == "delivery_time"
    assert {*found.left_out} == {"copied", "signed_up", "dateOfExport"}


def test_words_decide_what_a_column_tells() -> None:
    assert known_name("total_onshift_riders", "dimensions") == ""
    assert known_name("Number of Dishes", "attributes") == "products"
    assert known_name("pickup_point_code", "dimensions") == "store_id"
    assert known_name("dropoff_district", "dimensions") == "zone"
    assert not is_estimate("promised_vs_actual")
    assert is_outcome("promised_vs_actual")
    assert not is_outcome("wind_speed")

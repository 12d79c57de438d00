"""The guess is right on public tables, where they are there, and training by it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.data.mapped_dataset import mapped_dataset
from commands.guessing.guess import guess_mapping
from commands.guessing.guessed import GuessedMapping, TimeAfter
from commands.guessing.mapping_text import mapping_text
from commands.options.estimators import choices_for
from estimators import Dataset

ENDS = {"store_lat", "store_lon", "customer_lat", "customer_lon"}


def guessed(data_folder: Path, name: str, tmp_path: Path) -> tuple[GuessedMapping, Dataset]:
    if not (data_folder / name).is_file():
        pytest.skip(f"no {name} in {data_folder}")
    found = guess_mapping(data_folder / name)
    (tmp_path / "mapping.yaml").write_text(mapping_text(found, tmp_path))
    return found, mapped_dataset(tmp_path / "mapping.yaml")


def trained(dataset: Dataset) -> list[str]:
    return [one.name for one in choices_for(dataset) if one.asked_of(dataset).trains.sum() > 400]


def test_kitchens(data_folder: Path, tmp_path: Path) -> None:
    found, dataset = guessed(data_folder, "deliveroo_prep/orders.csv", tmp_path)
    assert [*found.events] == ["accepted", "ready"]
    assert found.dimensions == {"store_id": "restaurant_id"}
    assert {*found.attributes} == {"amount", "products"}
    assert {*found.left_out} == {"prep_time_seconds"}
    assert trained(dataset) == ["etp"]


def test_deliveries_with_their_minutes(data_folder: Path, tmp_path: Path) -> None:
    found, dataset = guessed(data_folder, "wolt/orders_autumn_2020.csv", tmp_path)
    minutes = TimeAfter("activated", "minutes", "ACTUAL_DELIVERY_MINUTES")
    assert (found.events, found.later) == ({"activated": "TIMESTAMP"}, {"delivered": minutes})
    assert found.attributes["estimated_delivery_s"] == "ESTIMATED_DELIVERY_MINUTES"
    assert found.units == {"estimated_delivery_s": "minutes"}
    assert {*found.attributes} >= ENDS
    assert {*found.left_out} == {"ACTUAL_DELIVERY_MINUTES - ESTIMATED_DELIVERY_MINUTES"}
    assert found.is_one_city
    assert dataset.table["store_id"].nunique() == 331
    assert trained(dataset) == ["wall_eta"]


def test_a_row_for_each_item(data_folder: Path, tmp_path: Path) -> None:
    found, dataset = guessed(data_folder, "jumpman23/jumpman23.csv", tmp_path)
    assert (found.id, found.has_repeated_ids) == ("delivery_id", True)
    assert [*found.events] == [
        "courier_assigned", "courier_at_store", "picked_up", "courier_at_customer",
    ]  # fmt: skip
    assert found.dimensions["store_id"] == "pickup_place"
    assert found.dimensions["courier_id"] == "jumpman_id"
    assert {*found.attributes} == ENDS
    assert found.known_from == {}
    assert len(dataset.table) == 5_214
    assert trained(dataset) == ["courier_travel_to_customer", "courier_travel_to_store"]


def test_orders_with_tips_and_refunds(data_folder: Path, tmp_path: Path) -> None:
    found, dataset = guessed(data_folder, "lifecycle/lifecycle.csv", tmp_path)
    assert [*found.events] == ["activated", "dispatched", "courier_at_store", "delivered"]
    assert {*found.dimensions} == {"courier_id", "store_id", "zone", "is_asap"}
    assert {*found.attributes} == {"amount", "discount"}
    assert {*found.left_out} == {"consumer_id", "tip", "refund"}
    assert found.known_from == {"courier_id": "courier_at_store"}
    assert found.longest_s == 12_600.0  # longer ones are scheduled
    assert any("have is_asap = False" in question for question in found.questions)
    assert "timezone_by: courier_id" not in (tmp_path / "mapping.yaml").read_text()
    assert trained(dataset) == ["wall_eta"]


def test_rides(data_folder: Path, tmp_path: Path) -> None:
    found, dataset = guessed(data_folder, "nyc_taxi/nyc_train.csv", tmp_path)
    assert (found.id, [*found.events]) == ("id", ["picked_up", "courier_at_customer"])
    assert {*found.dimensions} == {"vendor_id", "store_and_fwd_flag"}
    assert {*found.attributes} == {"passenger_count", *ENDS}
    assert {*found.left_out} == {"trip_duration"}
    assert found.longest_s == 13_200.0
    assert trained(dataset) == ["courier_travel_to_customer"]

"""The Wolt and Jumpman loaders: made-up rows in the files' layout, and the files where they are.

Tests `estimators.datasets.wolt` and `estimators.datasets.jumpman`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aggregators.catalog import features_for
from estimators import Dataset, DatasetError
from estimators.datasets import load_dataset
from estimators.datasets.places import distance_m, grid_cell, local_to_utc

WOLT_HEADER = (
    "TIMESTAMP,ACTUAL_DELIVERY_MINUTES - ESTIMATED_DELIVERY_MINUTES,ITEM_COUNT,USER_LAT,USER_LONG,"
    "VENUE_LAT,VENUE_LONG,ESTIMATED_DELIVERY_MINUTES,ACTUAL_DELIVERY_MINUTES,CLOUD_COVERAGE,"
    "TEMPERATURE,WIND_SPEED,PRECIPITATION"
)
JUMPMAN_HEADER = (
    "delivery_id,customer_id,jumpman_id,vehicle_type,pickup_place,place_category,item_name,"
    "item_quantity,item_category_name,how_long_it_took_to_order,pickup_lat,pickup_lon,dropoff_lat,"
    "dropoff_lon,when_the_delivery_started,when_the_Jumpman_arrived_at_pickup,"
    "when_the_Jumpman_left_pickup,when_the_Jumpman_arrived_at_dropoff"
)


def wolt_of(folder: Path, *rows: str) -> Dataset:
    text = "\n".join([WOLT_HEADER, *rows, ""])
    (folder / "orders_autumn_2020.csv").write_text(text, encoding="utf-8-sig")
    return load_dataset("wolt", folder)


def jumpman_of(folder: Path, *rows: str) -> Dataset:
    (folder / "jumpman23.csv").write_text("\n".join([JUMPMAN_HEADER, *rows, ""]))
    return load_dataset("jumpman", folder)


def wolt_row(time: str, *, minutes: int = 20, venue: str = "60.170,24.940", more: str = "") -> str:
    weather = more or "25,12.5,3.25,0.5"
    return f"{time},-5,2,60.159,24.941,{venue},25,{minutes},{weather}"


def jumpman_row(
    delivery: int = 1, items: str = "Soup,2,Starters", times: str = "", place: str = "Inn,Thai"
) -> str:
    times = times or "2014-10-05 12:00:00,2014-10-05 12:05:00,2014-10-05 12:09:30,"
    if times.endswith(","):
        times += "2014-10-05 12:20:00.5"
    return f"{delivery},7,31,bicycle,{place},{items},,40.741,-73.991,40.759,-73.981,{times}"


def test_wolt_orders_become_samples(tmp_path: Path) -> None:
    dataset = wolt_of(
        tmp_path,
        wolt_row("2020-08-03 12:30:00.000", minutes=35),
        wolt_row("2020-08-03 12:45:00.000", venue="60.171,24.940"),
        wolt_row("2020-09-20 10:00:00.000"),
    )
    table = dataset.table
    assert str(table["activated"].iloc[0]) == "2020-08-03 09:30:00+00:00"
    assert dataset.target_s.tolist() == [2_100.0, 1_200.0, 1_200.0]
    assert table["store_id"].tolist() == ["60.170 24.940", "60.171 24.940", "60.170 24.940"]
    assert table["zone"].iloc[0] == "60.150 24.940"
    assert table["distance_m"].iloc[0] == pytest.approx(1_224.0, abs=2.0)
    assert table["platform_eta_s"].tolist() == [1_500.0] * 3
    assert dataset.trains.tolist() == [True, True, False]
    assert dataset.tests.tolist() == [False, False, True]


def test_an_hour_of_wolt_is_one_observation_of_the_weather(tmp_path: Path) -> None:
    dataset = wolt_of(
        tmp_path,
        wolt_row("2020-08-03 12:30:00.000"),
        wolt_row("2020-08-03 12:59:00.000"),
        wolt_row("2020-08-03 14:00:00.000", more="0,13,2,0"),
        wolt_row("2020-08-03 15:10:00.000", more=",,,0"),  # nothing was measured
    )
    ((source, weather),) = dataset.others.items()
    assert source.name == "weather"
    assert weather["observed"].astype(str).tolist() == [
        "2020-08-03 09:00:00+00:00",
        "2020-08-03 11:00:00+00:00",
    ]
    assert weather["temperature_c"].tolist() == [12.5, 13.0]
    assert np.isnan(dataset.table["precipitation_mm"].iloc[3])


def test_a_time_that_the_clock_shows_twice_is_missing(tmp_path: Path) -> None:
    dataset = wolt_of(
        tmp_path, wolt_row("2020-10-25 03:30:00.000"), wolt_row("2020-10-25 05:00:00.000")
    )
    assert dataset.asked.tolist() == [False, True]
    assert dataset.table["delivered"].isna().tolist() == [True, False]
    assert len(dataset.events()) == 2


def test_the_rows_of_a_delivery_become_one_sample(tmp_path: Path) -> None:
    dataset = jumpman_of(
        tmp_path,
        jumpman_row(1, "Soup,2,Starters"),
        jumpman_row(2, ",,", times="2014-10-05 12:00:00,,,"),
        jumpman_row(1, "Tea,1,Drinks"),
        jumpman_row(3, "Tea,1,Drinks", place="Inn,"),
    )
    table = dataset.table
    assert table["delivery_id"].tolist() == [1, 2, 3]
    assert table["products"].tolist()[::2] == [3.0, 1.0]
    assert np.isnan(table["products"].iloc[1])
    assert table["store_category"].fillna("-").tolist() == ["New York Thai"] * 2 + ["-"]
    assert table["store_id"].iloc[0] == "Inn 40.74100 -73.99100"
    assert str(table["courier_assigned"].iloc[0]) == "2014-10-05 16:00:00+00:00"
    assert dataset.asked.tolist() == [True, False, True]
    assert dataset.target_s.tolist()[::2] == [630.5, 630.5]
    assert (table["delivered"] == table["courier_at_customer"]).all()


def test_rows_of_a_delivery_that_disagree_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"rows of delivery 2 .* 'pickup_place'"):
        jumpman_of(tmp_path, jumpman_row(1), jumpman_row(2), jumpman_row(2, place="Pub,Thai"))


def test_events_in_an_odd_order_stay_as_they_are(tmp_path: Path) -> None:
    times = "2014-10-05 12:02:00,2014-10-05 12:00:00,2014-10-05 12:09:30,"
    dataset = jumpman_of(tmp_path, jumpman_row(times=times))
    assert [event.event for event in dataset.events()][:2] == [
        "courier_at_store",
        "courier_assigned",
    ]
    assert dataset.events()[0].data == {}
    assert dataset.events()[1].data["courier_id"] == 31


@pytest.mark.parametrize("name", ["wolt", "jumpman"])
def test_absent_files_and_columns_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no file \w+\.csv in "):
        load_dataset(name, tmp_path)
    for file in ("orders_autumn_2020.csv", "jumpman23.csv"):
        (tmp_path / file).write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="lacks the column"):
        load_dataset(name, tmp_path)


def test_text_that_is_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="column 'TIMESTAMP'"):
        wolt_of(tmp_path, wolt_row("yesterday"))
    with pytest.raises(DatasetError, match="has offsets"):
        local_to_utc(pd.Series(["2020-08-03 12:00+03:00"], name="t"), "Europe/Helsinki")


def test_places_without_coordinates_have_no_cell_and_no_distance() -> None:
    lat, lon = pd.Series([40.76, np.nan]), pd.Series([-73.98, -73.98])
    cells = grid_cell(lat, lon, lat_step=0.02, lon_step=0.02)
    assert cells.iloc[0] == "40.760 -73.980"
    assert pd.isna(cells.iloc[1])
    assert np.isnan(distance_m(lat, lon, 40.0, -73.0)).tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "rows", "labels", "tests", "features"),
    [("wolt", 18_706, 18_706, 3_742, 22), ("jumpman", 5_214, 4_719, 947, 87)],
)
def test_the_public_files(
    name: str, rows: int, labels: int, tests: int, features: int, data_folder: Path
) -> None:
    dataset = load_dataset(name, data_folder)
    assert len(dataset.table) == rows
    assert int(dataset.labelled.sum()) == labels
    assert int(dataset.tests.sum()) == tests
    assert len(features_for(dataset.source)) == features
    assert dataset.table[dataset.source.events[0]].notna().all()
    for source, table in dataset.others.items():
        assert table[source.sample_id].is_unique
        assert len(features_for(source)) == 14

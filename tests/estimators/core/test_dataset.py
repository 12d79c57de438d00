"""Data sets: which rows are labels, the split, events, and the Deliveroo loader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aggregators import FeatureSet, MemoryEventStore
from estimators import Dataset, DatasetError
from estimators.datasets import load_dataset
from estimators.features.etp_features import etp_features
from tests.estimators.building import START, TEST_FROM, town, town_dataset

SEED = 11


def test_rows_are_split_by_when_they_were_asked_and_when_their_label_was_known() -> None:
    minute = pd.Timedelta(minutes=1)
    accepted = [TEST_FROM - 20 * minute, TEST_FROM - 5 * minute, TEST_FROM, TEST_FROM + minute]
    table = town(SEED, rows=4).assign(
        accepted=accepted, ready=[moment + 10 * minute for moment in accepted]
    )
    dataset = town_dataset(table)
    assert dataset.trains.tolist() == [True, False, False, False]
    assert dataset.tests.tolist() == [False, False, True, True]


def test_damaged_durations_are_no_labels_but_stay_events() -> None:
    dataset = town_dataset(town(SEED))
    damaged = dataset.target_s > 7_200.0
    assert damaged.sum() > 10
    assert not dataset.labelled[damaged].any()
    ready = [event for event in dataset.events() if event.event == "ready"]
    assert len(ready) == int(dataset.table["ready"].notna().sum())


def test_rows_that_were_never_asked_are_in_no_period() -> None:
    table = town(SEED)
    table.loc[:9, "accepted"] = pd.NaT
    dataset = town_dataset(table)
    assert not dataset.asked[:10].any()
    assert not (dataset.trains | dataset.tests)[:10].any()


def test_events_come_in_the_order_of_time_and_rebuild_the_table() -> None:
    dataset = town_dataset(town(SEED, rows=300))
    events = dataset.events()
    times = [event.time_us for event in events]
    assert times == sorted(times)
    assert all(event.data for event in events if event.event == "accepted")
    assert not any(event.data for event in events if event.event != "accepted")
    store = MemoryEventStore(sources=[dataset.source])
    store.append(events)
    features = FeatureSet(etp_features(dataset.source, dataset.target))
    spine = pd.DataFrame({"store_id": ["s1"], "city": ["WAW"], "as_of": [TEST_FROM]})
    trained = features.transform(dataset.table, "training", at=spine).to_numpy()[0]
    served = features.transform_array(
        store,
        as_of=TEST_FROM.to_pydatetime(),
        keys={"store_id": "s1", "city": "WAW"},
        sample_id=None,
    )
    np.testing.assert_array_equal(trained, served)


def test_the_fingerprint_is_that_of_the_content() -> None:
    table = town(SEED, rows=50)
    first = town_dataset(table).fingerprint
    assert town_dataset(table.copy()).fingerprint == first
    changed = table.assign(amount=table["amount"] + (table.index == 3) * 0.01)
    assert town_dataset(changed).fingerprint != first


def test_published_results_are_about_one_split_only() -> None:
    dataset = town_dataset(
        town(SEED, rows=50), published={"theirs": 300.0}, published_test_from=TEST_FROM
    )
    assert dataset.references == {"theirs": 300.0}
    assert replace(dataset, test_from=START).references == {}


def test_what_is_no_data_set_is_refused() -> None:
    table = town(SEED, rows=50)
    with pytest.raises(DatasetError, match="lacks the column\\(s\\) products"):
        town_dataset(table.drop(columns="products"))
    with pytest.raises(DatasetError, match="naive"):
        town_dataset(table, test_from=pd.Timestamp("2026-03-08"))
    with pytest.raises(ValueError, match="delivered"):
        town_dataset(table, as_of="delivered")


def test_a_folder_without_files_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no file orders\.csv"):
        load_dataset("deliveroo", tmp_path)
    (tmp_path / "orders.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="lacks the column"):
        load_dataset("deliveroo", tmp_path)


def write_two_orders(folder: Path) -> None:
    """Two made-up orders in the files' own layout."""
    folder.mkdir(exist_ok=True)
    (folder / "orders.csv").write_text(
        "order_acknowledged_at,order_ready_at,order_value_gbp,restaurant_id,number_of_items\n"
        "2015-06-01 12:00:00.5+01:00,2015-06-01 12:10:00+01:00,20.5,1,2\n"
        "2015-06-25 20:00:00+02:00,2015-06-25 20:00:00+02:00,9,2,1\n"
    )
    (folder / "restaurants.csv").write_text(
        "restaurant_id,country,city,type_of_food\n1,UK,Leeds,thai\n2,France,Paris,french\n"
    )


def test_the_deliveroo_files_become_a_data_set(tmp_path: Path) -> None:
    write_two_orders(tmp_path / "deliveroo_prep")
    dataset = load_dataset("deliveroo", tmp_path)
    assert dataset.target_s.tolist() == [599.5, 0.0]
    assert dataset.trains.tolist() == [True, False]
    assert not dataset.tests.any()  # 0 s is no label
    assert dataset.table["store_category"].tolist() == ["Leeds thai", "Paris french"]
    assert str(dataset.table["accepted"].iloc[1]) == "2015-06-25 18:00:00+00:00"
    assert len(dataset.events()) == 4


def test_an_order_of_an_unknown_restaurant_is_refused(tmp_path: Path) -> None:
    write_two_orders(tmp_path)
    (tmp_path / "restaurants.csv").write_text(
        "restaurant_id,country,city,type_of_food\n1,UK,Leeds,thai\n"
    )
    with pytest.raises(DatasetError, match=r"lacks restaurants .* \[2\]"):
        load_dataset("deliveroo", tmp_path)


@pytest.fixture(scope="module")
def deliveroo(data_folder: Path) -> Dataset:
    return load_dataset("deliveroo", data_folder)


def test_the_reference_split_of_deliveroo(deliveroo: Dataset) -> None:
    before = deliveroo.as_of_us < deliveroo.test_from_us
    assert int((deliveroo.labelled & before).sum()) == 23_278
    assert int(deliveroo.tests.sum()) == 7_636
    assert len(deliveroo.events()) == 2 * len(deliveroo.table) == 64_788


def test_every_deliveroo_store_knows_its_local_time(deliveroo: Dataset) -> None:
    assert set(deliveroo.table["country"]) <= set(deliveroo.timezones)

"""Simulated cities as a data set: one from a folder and from memory, nothing from the future."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aggregators.catalog import ORDERS
from commands.data.sources import DatasetName, dataset_of_cities, open_dataset
from commands.simulation.files import write_folder
from estimators import Dataset, DatasetError, Question
from estimators.datasets.cities import QUESTIONS, load_cities
from simulator import Scenario, simulate_cities
from simulator.records.tables import FACTS

SCENARIO = Scenario(cities=2, days=4, orders=900, seed=103)
KNOWN_FROM = {
    "courier_id": "courier_assigned",
    "distance_to_store_m": "courier_assigned",
    "vehicle": "courier_assigned",
}
QUESTION = pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.target.start)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return dataset_of_cities(SCENARIO)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "cities"
    write_folder(simulate_cities(SCENARIO), path, 0, lambda stage, part: None)
    return path


def test_a_folder_gives_what_memory_gives(
    dataset: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_cities(folder)
    assert loaded.fingerprint == dataset.fingerprint
    assert (loaded.test_from, loaded.timezones) == (dataset.test_from, dataset.timezones)
    monkeypatch.delenv("DOORSTEP_DATA", raising=False)

    def opened(data: Path | None) -> Dataset:
        return open_dataset(DatasetName.CITIES, data, stores=4, days=4, seed=103, orders=900)

    for data in (None, folder, folder.parent):
        assert opened(data).fingerprint == dataset.fingerprint
    # The folder of the environment holds other data; one that is named is meant.
    monkeypatch.setenv("DOORSTEP_DATA", str(folder.parent.parent))
    away = folder.parent.parent
    assert opened(away).fingerprint == dataset.fingerprint
    monkeypatch.delenv("DOORSTEP_DATA")
    with pytest.raises(DatasetError, match=r"no file orders\.parquet"):
        opened(away)


def test_a_folder_without_timezones_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("orders", "weather", "local_events"):
        (tmp_path / f"{name}.parquet").write_bytes((folder / f"{name}.parquet").read_bytes())
    (tmp_path / "scenario.json").write_text(json.dumps({"start": "2026-03-02", "days": 4}))
    with pytest.raises(DatasetError, match="lacks timezones"):
        load_cities(tmp_path)


def test_the_last_quarter_of_the_days_is_the_test_period(dataset: Dataset) -> None:
    assert dataset.test_from == pd.Timestamp(SCENARIO.start) + pd.Timedelta(days=3)
    assert dataset.trains.any()
    assert dataset.tests.any()
    assert not (dataset.trains & dataset.tests).any()


@QUESTION
def test_no_fact_comes_from_the_future(question: Question, dataset: Dataset) -> None:
    asked = dataset.about(question.target, as_of=question.as_of)
    assert (asked.numbers, asked.categories) == (question.numbers, question.categories)
    order = ORDERS.events
    for name in (*question.numbers, *question.categories):
        known_from = KNOWN_FROM.get(name, "activated")
        assert order.index(known_from) <= order.index(question.as_of), name
        assert asked.table.loc[asked.labelled, name].notna().all(), name


@QUESTION
def test_every_question_has_labels(question: Question, dataset: Dataset) -> None:
    asked = dataset.about(question.target, as_of=question.as_of)
    seconds = asked.target_s[asked.labelled]
    assert len(seconds) > 700
    assert (seconds > 0.0).all()
    assert np.median(seconds) < 3_600.0


def test_what_is_known_of_couriers_is_missing_without_one(dataset: Dataset) -> None:
    alone = dataset.table["courier_assigned"].isna()
    assert alone.any()
    for name in KNOWN_FROM:
        assert (dataset.table[name].isna() == alone).all()


def test_tables_hold_the_facts_and_nothing_hidden(dataset: Dataset) -> None:
    source = dataset.source
    allowed = {source.sample_id, *source.events, *source.columns, *FACTS}
    assert set(dataset.table.columns) == allowed
    assert set(dataset.table["building"]) == {"house", "flats", "tower", "office"}
    assert set(dataset.table["vehicle"].dropna()) == {"bicycle", "scooter", "car"}

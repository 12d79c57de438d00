"""Columns of times are recognised however they are written; what nobody can tell is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands.data.mapped_dataset import mapped_dataset
from commands.guessing.guess import guess_mapping
from commands.guessing.guessed import GuessedMapping
from commands.guessing.mapping_text import mapping_text
from commands.guessing.sampled_rows import ROWS_LOOKED_AT
from commands.guessing.times import times_beside, times_of

RNG = np.random.default_rng(8)
ROWS = 200
PLACED = pd.Series(pd.date_range("2027-03-01 09:00", periods=ROWS, freq="3h"))
READY = PLACED + pd.to_timedelta(RNG.integers(5, 40, ROWS), unit="min")
KITCHENS = RNG.choice(["north", "south", "port"], ROWS)


def _guess(folder: Path, placed: pd.Series[str], ready: pd.Series[str]) -> GuessedMapping:
    path = folder / "table.csv"
    table = {"kitchen": [KITCHENS[i % ROWS] for i in range(len(placed))]}
    pd.DataFrame({**table, "placed": placed, "meal_ready": ready}).to_csv(path, index=False)
    guessed = guess_mapping(path)
    (folder / "mapping.yaml").write_text(mapping_text(guessed))
    return guessed


def _durations_min(folder: Path) -> list[float]:
    rows = mapped_dataset(folder / "mapping.yaml").table
    return [one.total_seconds() / 60.0 for one in rows["ready"] - rows["activated"]]


@pytest.mark.parametrize(
    "pattern", ["%d/%m/%Y %H:%M", "%m-%d-%y %I:%M %p", "%d %b %Y %H:%M", "%Y%m%d %H:%M"]
)
def test_a_table_with_such_times_is_mapped_without_a_word(pattern: str, tmp_path: Path) -> None:
    guessed = _guess(tmp_path, PLACED.dt.strftime(pattern), READY.dt.strftime(pattern))
    assert guessed.events == {"activated": "placed", "ready": "meal_ready"}
    assert guessed.formats == {}
    assert len(guessed.naive) == 2
    expected = ((READY - PLACED).dt.total_seconds() / 60.0).tolist()
    assert _durations_min(tmp_path) == expected


def test_numbers_since_1970_are_times_if_they_are_called_so(tmp_path: Path) -> None:
    seconds = PLACED.astype("datetime64[s]").astype("int64")
    assert times_of(seconds.rename("created_at")) is not None
    assert times_of(seconds.rename("customer")) is None
    assert times_of(seconds.rename("PickedUp (s)")) is not None
    assert times_of((1_000 * seconds).rename("dropoff_ms")) is not None
    assert times_of(pd.Series([900_000, 1_200_000]).rename("dropoff_ms")) is None
    assert times_of(pd.Series([900, 1200]).rename("prep_time")) is None
    assert times_of(pd.Series([True, False]).rename("on_time")) is None
    guessed = _guess(tmp_path, seconds.astype(str), READY.dt.strftime("%Y-%m-%dT%H:%M:00Z"))
    assert guessed.events == {"activated": "placed", "ready": "meal_ready"}
    assert guessed.naive == []


def test_dates_that_no_row_decides_become_a_question(tmp_path: Path) -> None:
    placed = pd.Series(pd.date_range("2027-03-01 09:00", periods=ROWS, freq="1h"))
    ready = placed + (READY - PLACED)
    guessed = _guess(tmp_path, *(one.dt.strftime("%d/%m/%Y %H:%M") for one in (placed, ready)))
    assert guessed.formats == {"placed": "day_first", "meal_ready": "day_first"}
    assert sum("day/month or month/day" in one for one in guessed.questions) == 2
    assert "activated: {column: placed, format: day_first}" in mapping_text(guessed)
    assert _durations_min(tmp_path) == ((ready - placed).dt.total_seconds() / 60.0).tolist()


def test_a_row_far_below_decides(tmp_path: Path) -> None:
    few = pd.date_range("2027-03-01", periods=10, freq="1D").strftime("%d/%m/%Y 09:00")
    placed = pd.Series([*few] * (ROWS_LOOKED_AT // 10 + 1) + ["31/03/2027 09:00"])
    ready = pd.Series([one.replace("09:00", "09:20") for one in placed])
    guessed = _guess(tmp_path, placed, ready)
    assert guessed.formats == {}
    assert not any("day/month" in one for one in guessed.questions)
    assert {*_durations_min(tmp_path)} == {20.0}


@pytest.mark.parametrize(
    ("day", "clock"), [("%Y-%m-%d", "%H:%M"), ("%d-%m-%Y", "%H:%M:%S"), ("%m/%d/%Y", "%I:%M %p")]
)
def test_times_of_day_get_the_day_of_another_column(day: str, clock: str, tmp_path: Path) -> None:
    """Orders of a late kitchen: some are ready after midnight."""
    placed = pd.Series(pd.date_range("2027-03-01 09:00", periods=ROWS, freq="311min"))
    ready = placed + pd.to_timedelta(RNG.integers(5, 90, ROWS), unit="min")
    assert (ready.dt.date != placed.dt.date).any()
    table = {
        "kitchen": KITCHENS,
        "order_date": placed.dt.strftime(day),
        "meal_ready": ready.dt.strftime(clock),
        "time_ordered": placed.dt.strftime(clock),
    }
    path = tmp_path / "table.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    guessed = guess_mapping(path)
    assert guessed.events == {"activated": "time_ordered", "ready": "meal_ready"}
    text = mapping_text(guessed)
    assert "ready: {column: meal_ready, date: order_date, after: activated}" in text
    (tmp_path / "mapping.yaml").write_text(text)
    assert _durations_min(tmp_path) == ((ready - placed).dt.total_seconds() / 60.0).tolist()


def test_times_of_day_alone_are_no_events(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pd.DataFrame(
        {
            "placed": PLACED.dt.strftime("%Y-%m-%dT%H:%M:00Z"),
            "opens": ["09:00", "10:30"] * (ROWS // 2),
        }
    ).to_csv(path, index=False)
    guessed = guess_mapping(path)
    assert guessed.events == {"activated": "placed"}
    assert guessed.days == {}


def test_times_of_day_need_no_known_name_but_many_values(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pd.DataFrame(
        {
            "Tag": PLACED.dt.strftime("%d.%m.%Y"),
            "Uhr": (PLACED + (READY - PLACED)).dt.strftime("%I:%M %p"),
            "offen": ["11:00", "17:30"] * (ROWS // 2),
            "fertig": (READY + pd.Timedelta(minutes=9)).dt.strftime("%d.%m.%Y %H:%M"),
        }
    ).to_csv(path, index=False)
    guessed = guess_mapping(path)
    assert guessed.days == {"Uhr": "Tag"}
    assert [*guessed.events.values()] == ["Uhr", "fertig"]
    assert "{column: Uhr, date: Tag}" in mapping_text(guessed)


def test_numbers_that_stay_close_to_times_are_times_whatever_they_are_called(
    tmp_path: Path,
) -> None:
    placed, ready = (one.astype("datetime64[s]").astype("int64") for one in (PLACED, READY))
    table = {
        "no": range(ROWS),
        "placed": placed,
        "packed": ready,
        "shelf": ["a", "b"] * (ROWS // 2),
    }
    path = tmp_path / "table.csv"
    pd.DataFrame(
        {**table, "lot": placed.sample(frac=1.0, random_state=1).to_numpy() - 10**8}
    ).to_csv(path, index=False)
    guessed = guess_mapping(path)
    assert guessed.events == {"activated": "placed", "ready": "packed"}
    # Numbers as large that go their own way are none, and an id is made of a time now and then.
    assert "lot" not in guessed.events.values()
    assert times_beside(placed.rename("order_no"), {"placed": PLACED.dt.tz_localize("UTC")}) is None

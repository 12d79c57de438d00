"""Days and times of day of every type are joined to texts that are read as times."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest

from commands.data.times.day_and_time import days_of, joined

DAY = dt.date(2027, 3, 25)
MIDNIGHT = dt.datetime(2027, 3, 25)  # noqa: DTZ001 - tables know no offsets
EXCEL_TIME = dt.datetime(1899, 12, 31, 8, 15)  # noqa: DTZ001 - the day of a cell that has none


@pytest.mark.parametrize(
    ("days", "times", "text"),
    [
        (pa.array([DAY]), pa.array([dt.time(8, 15)]), "2027-03-25 08:15:00"),
        (pa.array([MIDNIGHT], pa.timestamp("s")), pa.array(["8:15"]), "2027-03-25 8:15"),
        (
            pa.array([MIDNIGHT], pa.timestamp("s")),
            pa.array([EXCEL_TIME], pa.timestamp("s")),
            "2027-03-25 08:15:00",
        ),
        (pa.array(["25.3.2027 0:00"]), pa.array(["815"]), "25.3.2027 8:15"),
        (pa.array(["3/25/2027 12:00:00 AM"]), pa.array(["8:15 PM"]), "3/25/2027 8:15 PM"),
        (pa.array(["25.3.2027 12:00"]), pa.array(["8:15"]), "25.3.2027 12:00 8:15"),  # noon
        (pa.array([20270325]), pa.array(["0 days 08:15:00"]), "20270325 08:15:00"),
        (pa.array(["a", "b"]).dictionary_encode()[:1], pa.array([915]), "a 9:15"),
        ("2027-03-25", pa.array([" 08:15 "]), "2027-03-25 08:15"),
    ],
)
def test_a_day_and_a_time_become_one_text(days: pa.Array | str, times: pa.Array, text: str) -> None:
    (found,) = joined(days, times).to_pylist()
    assert found.removesuffix(".000000") == text


def test_what_is_missing_on_one_side_is_missing() -> None:
    days, times = pa.array(["25.3.2027", None, "25.3.2027"]), pa.array([None, "8:15", "8:15"])
    assert joined(days, times).to_pylist() == [None, None, "25.3.2027 8:15"]


def test_the_day_is_that_of_the_clock() -> None:
    moments = pd.Series([pd.Timestamp("2027-03-25T23:30Z"), pd.NaT])
    assert days_of(moments, "Europe/Madrid").to_pylist() == ["2027-03-26", None]

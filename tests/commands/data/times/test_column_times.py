"""Times are read as people write them; what can be read twice is asked for.

Python's own ``strptime``, one text at a time, is the oracle.
Tests `commands.data.times.declared`, `commands.data.times.reading` and
`commands.data.times.day_and_time`.
"""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aggregators import Source
from commands.console.output import UserError
from commands.data.mapped_dataset import mapped_dataset
from commands.data.tables import TableFile
from commands.data.times.declared import EventTime, FormatError, declared_format
from tests.aggregators.random_data import seeds

PARCELS = Source(
    "parcels", sample_id="parcel", events=("handed_in", "handed_out"), dimensions=("depot",)
)
UTC = dt.UTC


def _write(folder: Path, texts: list[str], heading: str = "parcel;handed_in") -> Path:
    path = folder / "parcels.csv"
    lines = [heading, *(f"p{i};{text}" for i, text in enumerate(texts))]
    path.write_text("\n".join(lines) + "\n")
    return path


def _read(path: Path, event: EventTime | None = None, **options: Any) -> list[Any]:
    times = {} if event is None else {"handed_in": event}
    options = {"time_zone": "UTC", **options}
    file = TableFile(path=path, source=PARCELS, renames={}, times=times, **options)
    found = pd.concat(list(file.chunks(7)))["handed_in"]
    return [None if pd.isna(one) else one.to_pydatetime() for one in found]


FORMATS = [
    "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d-%m-%y %H:%M", "%m-%d-%y %I:%M %p",
    "%Y/%m/%d %H:%M", "%Y-%m-%d %I:%M:%S %p", "%d %b %Y %H:%M", "%b %d, %Y %I:%M %p",
    "%A, %d %B %Y %H:%M:%S", "%Y%m%d", "%d/%m/%Y", "%H:%M %d/%m/%Y", "%m/%d/%Y, %I:%M:%S %p",
    "%d.%m.%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S %z",
]  # fmt: skip


def _moments(rng: random.Random, n: int = 40) -> list[dt.datetime]:
    start = dt.datetime(2027, 1, 1, tzinfo=UTC)
    minutes = rng.sample(range(365 * 24 * 60), n)
    found = [start + dt.timedelta(minutes=one, seconds=one % 60) for one in minutes]
    return [*found, dt.datetime(2027, 5, 25, 13, 5, 9, tzinfo=UTC)]


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("pattern", FORMATS)
def test_a_format_is_recognised_from_the_column(pattern: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    texts = [one.strftime(pattern) for one in _moments(rng)]
    if rng.random() < 0.5:  # 5/3/2027 8:05 instead of 05/03/2027 08:05
        texts = [" ".join(part.removeprefix("0") for part in one.split(" ")) for one in texts]
    expected = [dt.datetime.strptime(text, pattern) for text in texts]  # noqa: DTZ007
    expected = [one if one.tzinfo else one.replace(tzinfo=UTC) for one in expected]
    path = _write(tmp_path, [*texts, "", "NULL"])
    assert _read(path) == [*expected, None, None]
    declared = EventTime(column="handed_in", format=pattern)
    assert _read(path, declared) == [*expected, None, None]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6)])
def test_numbers_since_1970_are_recognised_by_their_size(
    unit: str, factor: int, tmp_path: Path
) -> None:
    moments = _moments(random.Random(4))
    texts = [str(round(one.timestamp()) * factor) for one in moments]
    path = _write(tmp_path, [*texts, ""])
    assert _read(path, time_zone=None) == [*moments, None]
    assert _read(path, EventTime(column="handed_in", format=f"epoch_{unit}")) == [*moments, None]
    numbers = pd.DataFrame({"parcel": texts, "handed_in": [int(text) for text in texts]})
    numbers.to_parquet(tmp_path / "parcels.parquet")
    assert _read(tmp_path / "parcels.parquet") == moments


def test_seconds_with_a_fraction_and_nanoseconds(tmp_path: Path) -> None:
    (moment,) = _read(_write(tmp_path, ["1830000000.25"]))
    assert moment == dt.datetime(2027, 12, 28, 13, 20, 0, 250_000, tzinfo=UTC)
    assert _read(_write(tmp_path, ["1830000000250000000"])) == [moment]


@pytest.mark.parametrize("text", ["17", "0", "4100000000000000000000"])
def test_other_numbers_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"row 1 \(line 2\): .* is no time"):
        _read(_write(tmp_path, [text]))


def test_dates_that_can_be_read_twice_are_asked_for(tmp_path: Path) -> None:
    texts = [f"{day:02d}/{month:02d}/2027 10:00" for day in range(1, 13) for month in (3, 4)]
    path = _write(tmp_path, texts)
    with pytest.raises(UserError, match=r"'handed_in': no date says whether .*format: day_first"):
        _read(path)
    by_day = _read(path, EventTime(column="handed_in", format="day_first"))
    by_month = _read(path, EventTime(column="handed_in", format="month_first"))
    assert (by_day[0].day, by_day[0].month) == (1, 3)
    assert (by_month[0].day, by_month[0].month) == (3, 1)
    # One date far below, in another part of what is read, decides for all of them.
    decided = _read(_write(tmp_path, [*texts, "13/04/2027 10:00"]))
    assert decided[:-1] == by_day


def test_a_column_with_both_orders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="some dates can only be read with the day first"):
        _read(_write(tmp_path, ["25/3/2027", "3/25/2027"]))


def test_what_is_recognised_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path, ["25/3/2027 8:15 PM"])
    _read(path)
    _read(path)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("handed_in is read as %d/%m/%Y %I:%M %p, day first") == 1


def test_a_text_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"row 2 \(line 3\): 'soon' is no time read as %d/%m/%Y, day first"
    ):
        _read(_write(tmp_path, ["25/3/2027", "soon"]))


def test_times_with_and_without_an_offset_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path, ["2027-03-01T10:00+01:00", *["2027-03-01T10:00"] * 8])
    hours = [one.hour for one in _read(path, time_zone="Asia/Tokyo")]
    assert hours == [9, *[1] * 8]
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 9 times of handed_in have an offset, the others are read from" in said


@pytest.mark.parametrize(
    "text",
    [
        "20270301T110000Z", "20270301T120000+0100", "2027-03-01T11Z", "2027-03-01 12+01",
        " 2027-03-01 12:00:00 +01:00 ", "2027/03/01 06:00:00-05",
    ],
)  # fmt: skip
def test_an_offset_is_read_however_it_is_written(text: str, tmp_path: Path) -> None:
    path = _write(tmp_path, [text, "2027-03-01T11:00"])
    assert _read(path) == [dt.datetime(2027, 3, 1, 11, tzinfo=UTC)] * 2


@pytest.mark.parametrize("word", ["now", "today"])
def test_a_word_is_no_time(word: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"row 2 \(line 3\): '{word}' is no time in ISO 8601"):
        _read(_write(tmp_path, ["2027-03-01T11:00Z", word]))


def test_a_typed_time_of_day_without_a_day_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "parcels.parquet"
    pd.DataFrame({"parcel": ["p1"], "handed_in": [dt.time(8, 15)]}).to_parquet(path)
    with pytest.raises(UserError, match="row 1: 08:15:00 is no time in ISO 8601"):
        _read(path)


@pytest.mark.parametrize(
    ("days", "clocks"),
    [
        (["2027-03-25", "2027-03-26"], ["8:15", "20:30:30"]),
        (["25/3/2027", "26/3/2027"], ["8:15 AM", "8:30:30 pm"]),
        (["2027-03-25 00:00:00", "2027-03-26 00:00:00"], ["0815", "20:30:30"]),
        (["20270325", "20270326"], ["0 days 08:15:00", "0 days 20:30:30"]),
    ],
)
def test_day_and_time_stand_in_two_columns(
    days: list[str], clocks: list[str], tmp_path: Path
) -> None:
    rows = [f"{clock};{day}" for day, clock in zip(days, clocks, strict=True)]
    path = _write(tmp_path, [*rows, ";2027-03-25", "8:15;"], "parcel;handed_in;day")
    found = _read(path, EventTime(column="handed_in", date="day"))
    assert [one and one.strftime("%d %H:%M:%S") for one in found] == [
        "25 08:15:00", "26 20:30:30", None, None,
    ]  # fmt: skip


def test_typed_days_and_times_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "parcels.parquet"
    pd.DataFrame(
        {
            "parcel": [1, 2],
            "day": [pd.Timestamp("2027-03-25"), pd.NaT],
            "handed_in": [dt.time(8, 15), dt.time(9, 0)],
        }
    ).to_parquet(path)
    found = _read(path, EventTime(column="handed_in", date="day"), time_zone="Europe/Madrid")
    assert found == [dt.datetime(2027, 3, 25, 7, 15, tzinfo=UTC), None]


MAPPING = """
file: parcels.csv
id: parcel
clock: Europe/Madrid
events:
  accepted: {column: taken, date: day}
  ready: {column: packed, after: accepted}
  picked_up: {column: left, date: day, after: ready}
dimensions: {store_id: depot}
"""


def test_a_time_of_day_past_midnight_is_of_the_next_day(tmp_path: Path) -> None:
    rows = [
        "25/3/2027;23:50;23:58;0:20;x",
        "25/3/2027;12:00;12:10;12:30;y",
        "27/3/2027;23:50;0:05;3:30;x",  # the night in which summer time begins
        "25/3/2027;12:00;;12:30;x",
    ]
    path = _write(tmp_path, rows, "parcel;day;taken;packed;left;depot")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)
    table = mapped_dataset(mapping, path).table
    local = {
        event: [
            None if pd.isna(one) else f"{one:%d %H:%M}"
            for one in table[event].dt.tz_convert("Europe/Madrid")
        ]
        for event in ("accepted", "ready", "picked_up")
    }
    assert local["accepted"] == ["25 23:50", "25 12:00", "27 23:50", "25 12:00"]
    assert local["ready"] == ["25 23:58", "25 12:10", "28 00:05", None]
    assert local["picked_up"] == ["26 00:20", "25 12:30", "28 03:30", "25 12:30"]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("accepted: {column: taken, format: sometimes}", "format is 'sometimes'; expected day_f"),
        ("accepted: {column: taken, format: '%H:%M'}", "format is '%H:%M'; expected"),
        ("accepted: {column: taken, minutes: left}", "has column and a duration"),
        ("accepted: {minutes: left}", "lacks after"),
        ("accepted: {after: ready, minutes: left, date: day}", "date and format are of a column"),
        ("accepted: {column: taken, date: dya}", "'dya' is no column of parcels.csv; did you"),
        ("accepted: {column: taken, after: ready}", "'ready' is no event above it"),
    ],
)
def test_a_wrong_declaration_is_named_with_its_line(events: str, said: str, tmp_path: Path) -> None:
    _write(tmp_path, ["25/3/2027;1:00;2:00;3:00;x"], "parcel;day;taken;packed;left;depot")
    mapping = tmp_path / "mapping.yaml"
    ready = "ready: {column: packed, date: day}"
    mapping.write_text(f"file: parcels.csv\nclock: UTC\nevents:\n  {events}\n  {ready}\n")
    with pytest.raises(UserError, match=r"mapping\.yaml, line 4, events\.accepted") as raised:
        mapped_dataset(mapping)
    assert said in str(raised.value)


def test_a_declared_pattern_alone_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path, ["2027-03-25", "25.03.2027"])
    with pytest.raises(UserError, match=r"row 1 .*'2027-03-25' is no time read as %d\.%m\.%Y"):
        _read(path, EventTime(column="handed_in", format="%d.%m.%Y"))
    with pytest.raises(FormatError, match="pattern of day and time"):
        declared_format("%Q %d")

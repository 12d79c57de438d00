"""Doubled and skipped hours of a clock; the oracle looks at every moment around them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from aggregators import Source
from commands.data.tables import TableFile
from commands.data.times.clock import AmbiguousTimes, localised

PARCELS = Source("parcels", sample_id="parcel", events=("handed_in",))
NIGHTS = {
    "Europe/Berlin": ["2027-03-28", "2027-10-31"],
    "America/New_York": ["2027-03-14", "2027-11-07"],
    "Europe/Dublin": ["2027-03-28", "2027-10-31"],  # there winter is the exception
    "Australia/Lord_Howe": ["2027-04-04", "2027-10-03"],  # half an hour
}


def _oracle(local: dt.datetime, zone: ZoneInfo, ambiguous: AmbiguousTimes) -> dt.datetime | None:
    """Read the clock at the offsets of the day before and of the day after."""
    offsets = []
    for day in (-1, 1):
        around = (local + dt.timedelta(days=day)).replace(tzinfo=zone)
        offset = around.utcoffset()
        assert offset is not None
        offsets.append(offset)
    moments = {(local - offset).replace(tzinfo=dt.UTC) for offset in offsets}
    shown = [one for one in moments if one.astimezone(zone).replace(tzinfo=None) == local]
    if len(shown) == 1:
        return shown[0]
    if ambiguous == "drop":
        return None
    return min(moments) if ambiguous == "earlier" else max(moments)


@pytest.mark.parametrize("ambiguous", ["earlier", "later", "drop"])
@pytest.mark.parametrize("zone", NIGHTS)
def test_every_minute_of_a_changing_night_is_read(zone: str, ambiguous: AmbiguousTimes) -> None:
    minutes = [
        time.to_pydatetime()
        for night in NIGHTS[zone]
        for time in pd.date_range(night, periods=6 * 60, freq="min")
    ]
    found = localised(pd.Series(minutes, dtype="datetime64[us]"), zone, ambiguous)
    expected = [_oracle(one, ZoneInfo(zone), ambiguous) for one in minutes]
    read = [None if pd.isna(one) else one.to_pydatetime() for one in found.moments]
    assert read == expected
    dropped = localised(pd.Series(minutes, dtype="datetime64[us]"), zone, "drop").moments.isna()
    assert found.n_ambiguous == dropped.sum() > 0


@pytest.mark.parametrize(
    ("ambiguous", "hours", "taken"),
    [
        ("earlier", [1, 0, 0], "the earlier moment is taken"),
        ("later", [1, 1, 1], "the later moment is taken"),
        ("drop", [1, None, None], "they count as missing"),
    ],
)
def test_such_times_refuse_no_table_and_are_counted(
    ambiguous: AmbiguousTimes,
    hours: list[int | None],
    taken: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "parcels.csv"
    path.write_text(
        "parcel,handed_in\na,2027-05-05 03:00:00\nb,2027-10-31 02:30:00\nc,2027-10-31 02:45:00\n"
    )
    file = TableFile(
        path=path, source=PARCELS, renames={}, time_zone="Europe/Berlin", ambiguous=ambiguous
    )
    for _ in range(2):  # a table is often read twice: checked, then taken
        found = pd.concat(list(file.chunks(1)))["handed_in"]
        read = [None if pd.isna(one) else one.hour for one in found]
        assert read == hours
    said = " ".join(capsys.readouterr().err.split())
    expected = f"of Europe/Berlin shows 2 of 3 times of handed_in twice or never: {taken}"
    assert said.count(expected) == 1


def test_times_that_a_clock_shows_once_are_not_looked_at() -> None:
    local = pd.Series(pd.date_range("2027-06-01", periods=50, freq="h"))
    found = localised(local, "Europe/Berlin", "earlier")
    assert found.n_ambiguous == 0
    assert (found.moments.dt.tz_convert("Europe/Berlin").dt.tz_localize(None) == local).all()

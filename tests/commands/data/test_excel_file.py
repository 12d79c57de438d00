"""The first sheet of an Excel file is a table like any other."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xlsxwriter
from typer.testing import CliRunner

from aggregators import Source
from commands.console.output import UserError
from commands.data.csv_format import CsvFormat
from commands.data.excel_file import excel_table
from commands.data.tables import TableFile
from commands.main import app

PARCELS = Source(
    "parcels", sample_id="parcel", events=("handed_in", "handed_out"), dimensions=("depot",),
    attributes=("weight", "price"),
)  # fmt: skip
HEADING = ["parcel", "handed_in", "handed_out", "depot", "weight", "price"]
NOON = dt.datetime(2027, 11, 5, 12, 30, 15)  # noqa: DTZ001 - Excel knows no offsets
OUT = "2027-11-05T13:00:00+01:00"


def _sheet(folder: Path, rows: list[list[Any]], *more: str) -> Path:
    path = folder / "parcels.xlsx"
    book = xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yy hh:mm"})
    sheet = book.add_worksheet("Parcels")
    for number, row in enumerate([HEADING, *rows]):
        for place, value in enumerate(row):
            sheet.write(number, place, value)
    for name in more:
        book.add_worksheet(name)
    book.close()
    return path


def _read(path: Path, **options: Any) -> pd.DataFrame:
    file = TableFile(path=path, source=PARCELS, renames={}, time_zone="Europe/Berlin", **options)
    return pd.concat(list(file.chunks(2)))


def test_a_sheet_is_read_with_its_types(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [7, NOON, OUT, "Köln", 2.5, 3],
        [8, NOON, "NULL", "NULL", 3, None],
        [9, None, OUT, " - ", None, 1],
        [None] * 6,
        ["  "],
    ]
    found = _read(_sheet(tmp_path, rows))
    assert found["parcel"].tolist() == [7, 8, 9]
    assert found.index.tolist() == [1, 2, 3]
    assert found["depot"].fillna("gone").tolist() == ["Köln", "gone", "gone"]
    assert found["weight"].fillna(-1).tolist() == [2.5, 3.0, -1.0]
    assert found["handed_in"].iloc[0] == pd.Timestamp("2027-11-05T11:30:15Z")
    assert found["handed_out"].isna().tolist() == [False, True, False]


def test_a_column_of_several_kinds_is_text(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["a-7", NOON, None, 3, "1,5", 2], [8, NOON, None, "x", 2, 3]]
    with pytest.raises(UserError, match=r"column 'weight', row 1: '1,5' is no finite number"):
        _read(_sheet(tmp_path, rows))
    rows[0][4] = "1.5"
    found = _read(_sheet(tmp_path, rows))
    assert found["parcel"].tolist() == ["a-7", "8"]
    assert found["depot"].tolist() == ["3", "x"]
    assert found["weight"].tolist() == [1.5, 2.0]


def test_a_declared_decimal_mark_is_that_of_texts(tmp_path: Path) -> None:
    path = _sheet(tmp_path, [["a", NOON, None, "x", "1,25", 1.5], ["b", NOON, None, "x", "3", 2]])
    with pytest.raises(UserError, match=r"'1,25' is no finite number; .* csv: {decimal: ','}$"):
        _read(path)
    found = _read(path, csv=CsvFormat(decimal=","))
    assert found["weight"].tolist() == [1.25, 3.0]
    assert found["price"].tolist() == [1.5, 2.0]


@pytest.mark.parametrize(("last", "is_twice"), [("weight", True), ("weight_1", False)])
def test_a_name_that_stands_twice_is_refused(
    last: str, is_twice: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.commands.data.test_excel_file.HEADING", [*HEADING[:5], last])
    path = _sheet(tmp_path, [[1, NOON, None, "x", 2.5, 7.5]])
    if is_twice:
        with pytest.raises(UserError, match="has the column 'weight' 2 times"):
            _read(path)
    else:
        assert _read(path)["weight"].tolist() == [2.5]


def test_an_id_that_excel_has_rounded_is_refused(tmp_path: Path) -> None:
    path = _sheet(tmp_path, [[2**53 + 1, NOON, None, "x", 1, 1]])
    with pytest.raises(UserError, match=r"holds 9007199254740992\.0, and floats from 2\*\*53 on"):
        _read(path)


def test_other_sheets_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _sheet(tmp_path, [[1, NOON, None, "x", 1, 1]], "Notes", "Old")
    assert excel_table(path).num_rows == 1
    assert "the sheet 'Parcels' is read, not Notes, Old" in capsys.readouterr().err


def test_a_mapping_names_an_excel_file(tmp_path: Path) -> None:
    _sheet(tmp_path, [[i, NOON, OUT, f"d{i % 3}", 1.5, i] for i in range(30)])
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "file: parcels.xlsx\nid: parcel\nclock: Europe/Berlin\n"
        "events: {accepted: handed_in, ready: handed_out}\ndimensions: {store_id: depot}\n"
    )
    found = CliRunner().invoke(app, ["mapping", "check", str(mapping)])
    assert found.exit_code == 0, found.output
    assert "30 orders" in found.output


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "parcels.xlsx"
    path.write_bytes(b"PK\3\4 and nothing more")
    with pytest.raises(UserError, match=r"parcels\.xlsx cannot be read: "):
        _read(path)


def test_without_the_library_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    path = _sheet(tmp_path, [[1, NOON, None, "x", 1, 1]])
    with pytest.raises(UserError, match=r"pip install 'doorstep\[excel\]', or save the sheet"):
        _read(path)


def test_a_first_mapping_is_made_of_an_excel_file(tmp_path: Path) -> None:
    path = _sheet(tmp_path, [[i, NOON, None, f"d{i % 3}", 1.5, i] for i in range(30)])
    found = CliRunner().invoke(app, ["mapping", "init", str(path)])
    assert found.exit_code == 0, found.output
    assert "handed_in: handed_in" in found.output

"""A CSV file is read as it is written, whatever its dialect."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregators import Source
from commands.console.output import UserError
from commands.data.csv_format import CsvFormat, Dialect, dialect_of
from commands.data.table_values import number_reader
from commands.data.tables import TableFile

PARCELS = Source(
    "parcels",
    sample_id="parcel",
    events=("handed_in",),
    dimensions=("depot",),
    attributes=("weight", "price"),
)
MOMENT = "2027-11-05T08:15:00Z"
HEADING = ["parcel", "handed_in", "depot", "weight", "price"]


def _read(path: Path, **options: object) -> pd.DataFrame:
    file = TableFile(path=path, source=PARCELS, renames={}, **options)  # type: ignore[arg-type]
    return pd.concat(list(file.chunks()))


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_a_european_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "parcel;handed_in;depot;weight;price\r\n"
        f"0071;{MOMENT};Köln;2,5;1.234,50\r\n"
        f"9007199254740993;{MOMENT};Graz;12;99,00\r\n"
    )
    rows = _read(_write(tmp_path / "pakete.csv", text, "cp1252"))
    assert rows["parcel"].tolist() == ["0071", "9007199254740993"]
    assert rows["depot"].tolist() == ["Köln", "Graz"]
    assert rows["weight"].tolist() == [2.5, 12.0]
    assert rows["price"].tolist() == [1234.5, 99.0]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("pakete.csv is read with") == 1
    assert "delimiter ';', decimal ',', thousands '.'" in said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_unicode_files_are_read(encoding: str, delimiter: str, tmp_path: Path) -> None:
    lines = [HEADING, ["7", MOMENT, "Łódź", "1.5", "2"]]
    text = "\n".join(delimiter.join(line) for line in lines) + "\n"
    rows = _read(_write(tmp_path / "t.csv", text, encoding))
    assert rows[["parcel", "depot", "weight"]].values.tolist() == [["7", "Łódź", 1.5]]


@pytest.mark.parametrize(
    ("encoding", "depots"),
    [
        ("cp1252", ["Córdoba", "Cádiz", "A Coruña", "Jaén"]),
        ("cp1252", ["Århus", "Malmö", "Tromsø", "Besançon"]),
        ("cp1251", ["Казань", "Самара", "Пермь", "Омск"]),
    ],
)
def test_older_encodings_are_recognised(encoding: str, depots: list[str], tmp_path: Path) -> None:
    lines = [f"{i},{MOMENT},{depot},1,2" for i, depot in enumerate(depots)]
    text = "\n".join([",".join(HEADING), *lines]) + "\n"
    assert _read(_write(tmp_path / "t.csv", text, encoding))["depot"].tolist() == depots


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_compressed_files_are_read(ending: str, tmp_path: Path) -> None:
    text = f"{';'.join(HEADING)}\n7;{MOMENT};north;1,5;2\n".encode()
    path = tmp_path / f"t.csv.{ending}"
    packed = gzip.compress(text) if ending == "gz" else bytes(pa.compress(text, "zstd"))
    path.write_bytes(packed)
    assert _read(path)["weight"].tolist() == [1.5]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spaces_after_commas_belong_to_no_field(end: str, tmp_path: Path) -> None:
    lines = [
        ", ".join(HEADING),
        f'7, {MOMENT}, "Bath, Avon", 1.5, 2',
        f'8, {MOMENT}, "two{end}lines", 3, NULL',
    ]
    rows = _read(_write(tmp_path / "t.csv", end.join(lines) + end))
    assert rows["depot"].tolist() == ["Bath, Avon", f"two{end}lines"]
    assert rows["weight"].tolist() == [1.5, 3.0]
    assert rows["price"].isna().tolist() == [False, True]


def test_a_file_of_one_line_has_columns_and_no_rows(tmp_path: Path) -> None:
    path = _write(tmp_path / "t.csv", ";".join(HEADING) + "\n")
    file = TableFile(path=path, source=PARCELS, renames={})
    assert file.absent == ()
    assert list(file.chunks()) == []


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_a_column_of_row_numbers_is_ignored(name: str, tmp_path: Path) -> None:
    text = f"{name},{','.join(HEADING)}\n0,7,{MOMENT},north,1.5,2\n"
    path = _write(tmp_path / "t.csv", text)
    assert TableFile(path=path, source=PARCELS, renames={}).ignored == (name,)
    assert _read(path)["depot"].tolist() == ["north"]


MARKERS = ["", " ", "NULL", "null", "None", "NA", "N/A", "nan", "NaN ", "\\N", "-", " - "]


@pytest.mark.parametrize("text", MARKERS)
def test_a_missing_text_is_missing_in_every_kind_of_column(text: str, tmp_path: Path) -> None:
    rows = _read(
        _write(
            tmp_path / "t.csv",
            f"{','.join(HEADING)}\n7,{MOMENT},north,1,2\n8,{text},{text},{text},{text}\n",
        )
    )
    assert rows.loc[2, ["handed_in", "depot", "weight", "price"]].isna().all()
    nameless = f"{','.join(HEADING)}\n{text},{MOMENT},north,1,2\n"
    assert _read(_write(tmp_path / "u.csv", nameless))["parcel"].isna().tolist() == [True]


def test_declared_missing_texts_replace_the_usual_ones(tmp_path: Path) -> None:
    path = _write(tmp_path / "t.csv", f"{','.join(HEADING)}\n7,{MOMENT},NA,?,2\n8,{MOMENT},?,1,2\n")
    rows = _read(path, missing=("?",))
    assert rows["depot"].fillna("gone").tolist() == ["NA", "gone"]
    assert rows["weight"].isna().tolist() == [True, False]


def test_missing_texts_of_parquet_files_are_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame([["7", MOMENT, "NULL", 1.0, 2.0]], columns=HEADING)
    frame["handed_in"] = pd.to_datetime(frame["handed_in"])
    frame.to_parquet(tmp_path / "t.parquet")
    assert _read(tmp_path / "t.parquet")["depot"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("delimiter", "weights", "is_said"),
    [
        (";", ["1.234", "12", "2.500"], True),
        (";", ["1.234", "2.5"], False),
        (",", ["1.234", "12", "2.500"], False),
    ],
)
def test_points_that_may_mark_thousands_are_named(
    delimiter: str,
    weights: list[str],
    is_said: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [HEADING, *([str(i), MOMENT, "north", one, "3"] for i, one in enumerate(weights))]
    path = _write(tmp_path / "p.csv", "".join(delimiter.join(row) + "\n" for row in rows))
    assert _read(path)["weight"].tolist() == [float(one) for one in weights]
    said = capsys.readouterr().err
    assert ("column 'weight': 1.234 is read as a fraction" in said) == is_said
    if is_said:
        declared = _read(path, csv=CsvFormat(thousands="."))
        assert declared["weight"].tolist() == [1234.0, 12.0, 2500.0]


def test_a_number_that_can_be_read_twice_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "t.csv", f"{';'.join(HEADING)}\n7;{MOMENT};north;1,234;2\n")
    with pytest.raises(UserError, match=r"'1,234' is no finite number; declare .* csv:"):
        _read(path)
    assert _read(path, csv=CsvFormat(decimal=","))["weight"].tolist() == [1.234]
    assert _read(path, csv=CsvFormat(thousands=","))["weight"].tolist() == [1234.0]


@pytest.mark.parametrize(
    ("text", "declare", "marks", "number"),
    [
        ("1 234,5", """csv: {decimal: ',', thousands: " "}""", (",", " "), 1234.5),
        ("1\u202f234", """csv: {thousands: " "}""", (".", " "), 1234.0),
        ("1'234.5", """csv: {thousands: "'"}""", (".", "'"), 1234.5),
    ],
)
def test_an_error_says_which_marks_to_declare(
    text: str, declare: str, marks: tuple[Any, Any], number: float, tmp_path: Path
) -> None:
    path = _write(tmp_path / "t.csv", f"{';'.join(HEADING)}\n7;{MOMENT};north;{text};2\n")
    with pytest.raises(UserError, match=rf"is no finite number; declare the marks .*{declare}$"):
        _read(path)
    declared = CsvFormat(decimal=marks[0], thousands=marks[1])
    assert _read(path, csv=declared)["weight"].tolist() == [number]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (CsvFormat(delimiter=";;"), "csv.delimiter is ';;'"),
        (CsvFormat(quote=""), "csv.quote is ''"),
        (CsvFormat(decimal=",", thousands=","), "csv.thousands and csv.decimal are both ','"),
    ],
)
def test_a_format_that_is_none_is_refused(declared: CsvFormat, said: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "t.csv", "a,b\n1,2\n")
    with pytest.raises(UserError, match=said):
        dialect_of(path, declared, None, "encoding:")


@pytest.mark.parametrize(
    ("marks", "text", "number"),
    [
        ((",", "."), "1.234.567,8", 1234567.8), ((",", ""), "-0,5", -0.5), ((",", ""), ",5", 0.5),
        ((".", ","), "1,234", 1234.0), ((".", "'"), "1'234.5", 1234.5),
        ((",", " "), "1\u202f234,5", 1234.5), ((",", ""), "1,5e3", 1500.0),
    ],
)  # fmt: skip
def test_numbers_are_read_with_their_marks(
    marks: tuple[str, str], text: str, number: float
) -> None:
    assert number_reader(*marks)(text) == number


@pytest.mark.parametrize("text", ["1.23", "12.34,5", "1,2,3", ",", "", "x", "1,", "inf"])
def test_other_marks_are_no_number(text: str) -> None:
    assert str(number_reader(",", ".")(text)) == ("1.0" if text == "1," else "nan")


DIALECTS = st.builds(
    Dialect,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    spaces=st.booleans(),
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=2).map(
    lambda text: f"v{text}"
)
ROWS = st.lists(
    st.tuples(TEXTS, TEXTS | st.just("a;b|c,d"), st.integers(1, 10**9)), min_size=3, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(dialect=DIALECTS, rows=ROWS)
def test_any_dialect_gives_the_same_values(
    dialect: Dialect, rows: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=dialect.delimiter, lineterminator="\n")
    space = " " if dialect.spaces else ""
    writer.writerow(HEADING)
    for parcel, depot, cents in rows:
        price = f"{cents // 100}.{cents % 100:02d}".replace(".", dialect.decimal)
        writer.writerow([parcel, MOMENT, depot, "1", price])
    text = out.getvalue()
    if dialect.spaces:
        records = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)
        joint = f"{dialect.delimiter}{space}"
        text = "".join(joint.join(_quoted(v, dialect) for v in one) + "\n" for one in records)
    path = tmp_path_factory.mktemp("dialects") / "t.csv"
    found = _read(_write(path, text, dialect.encoding))
    assert found["parcel"].tolist() == [parcel for parcel, _, _ in rows]
    assert found["depot"].tolist() == [depot for _, depot, _ in rows]
    assert found["price"].tolist() == [float(f"{c // 100}.{c % 100:02d}") for _, _, c in rows]


def _quoted(value: str, dialect: Dialect) -> str:
    needs = any(mark in value for mark in (dialect.delimiter, '"', "\n"))
    return '"' + value.replace('"', '""') + '"' if needs else value

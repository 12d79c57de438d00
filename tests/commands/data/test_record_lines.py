"""Errors name the line of the file on which a row begins, whatever stands in its fields."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aggregators import Source
from commands.console.output import UserError
from commands.data.csv_format import Dialect
from commands.data.record_lines import lines_of, odd_record, with_lines
from commands.data.sample_check import check_samples
from commands.data.tables import TableFile
from commands.guessing.sampled_rows import first_rows
from commands.main import app
from tests.aggregators.random_data import seeds

PARCELS = Source(
    "parcels", sample_id="parcel", events=("handed_in",), dimensions=("depot",),
    attributes=("weight",),
)  # fmt: skip
MOMENT = "2027-11-05T08:15:00Z"
TEXT = f"""parcel,handed_in,depot,weight
a,{MOMENT},"north
or south",1

b,{MOMENT},"x ""y"",
z
",2
c,{MOMENT},west,heavy
"""


def _file(folder: Path, text: str, encoding: str = "utf-8") -> TableFile:
    path = folder / "parcels.csv"
    path.write_bytes(text.encode(encoding))
    return TableFile(path=path, source=PARCELS, renames={})


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_bad_value_is_named_with_its_line(end: str, tmp_path: Path) -> None:
    file = _file(tmp_path, TEXT.replace("\n", end))
    assert lines_of(file.path, Dialect(), [0, 1, 2, 3]) == {0: 1, 1: 2, 2: 5, 3: 8}
    with pytest.raises(UserError, match=r"column 'weight', row 3 \(line 8\): 'heavy' is no"):
        list(file.chunks())


def test_what_the_engine_refuses_is_named_with_its_line(tmp_path: Path) -> None:
    file = _file(tmp_path, TEXT.replace("\nc,", "\na,").replace("heavy", "3"))
    (rows,) = file.chunks()
    with pytest.raises(UserError, match=r"rows 1 and 3 \(lines 2 and 8\)"):
        check_samples(file, PARCELS, rows)


def test_an_import_names_both_lines_of_an_id_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = [f"o-{i % 60_000},{MOMENT},s" for i in range(60_001)]
    path.write_text("\n".join(["order_id,activated,store_id", "", *rows]) + "\n")
    command = ["import", "--store", str(tmp_path / "e.db"), "--table", str(path)]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 1
    printed = " ".join(found.output.split())
    assert "'o-0' stands in rows 1 and 60001 (lines 3 and 60003)" in printed


@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_are_those_of_the_characters_before_a_record(
    seed: int, encoding: str, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    expected = {}
    for row in range(40):
        expected[row] = out.getvalue().count("\n") + 1
        writer.writerow([f"{row}", "".join(rng.choices('ab;"\n', k=6)), "end"])
        out.write("\n" * rng.choice((0, 0, 0, 1)))
    path = tmp_path / "t.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    assert lines_of(path, Dialect(encoding=encoding, delimiter=";"), range(40)) == expected


def test_rows_that_are_not_found_have_no_line(tmp_path: Path) -> None:
    path = _file(tmp_path, TEXT).path
    for message in ("row 9 is odd", "no number here", "rows 3 and 12 are alike"):
        assert with_lines(path, Dialect(), message) == message


@pytest.mark.parametrize(("fields", "n"), [("p-9", 1), (f"p-9,{MOMENT},west,1,2,3", 6)])
def test_a_record_of_another_width_is_named(fields: str, n: int, tmp_path: Path) -> None:
    rows = f'p-1,{MOMENT},"of two\nlines",1\n\n' + f"p-2,{MOMENT},west,1\n" * 3
    text = f"parcel,handed_in,depot,weight\n{rows}{fields}\n"
    said = rf"parcels\.csv, row 5 \(line 8\) has {n} fields; expected 4, as the heading has"
    with pytest.raises(UserError, match=said):
        list(_file(tmp_path, text).chunks(2))
    with pytest.raises(UserError, match=said):
        first_rows(tmp_path / "parcels.csv", None)


def test_records_of_one_width_are_none(tmp_path: Path) -> None:
    assert odd_record(_file(tmp_path, TEXT).path, Dialect()) is None

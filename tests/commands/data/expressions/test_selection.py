"""`filter:` and `columns:` of a mapping, against pandas on the whole table.

Tests `commands.data.expressions.selection`, `commands.data.expressions.chunk_columns`,
`commands.data.expressions.kept_rows` and `commands.data.expressions.file_kinds`.
"""

from __future__ import annotations

from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from commands.console.output import UserError
from commands.data.expressions.selection import DERIVED_MAX
from commands.data.mapped_dataset import mapped_dataset
from commands.data.mapped_tables import MappedFile
from commands.data.mapping_file import read_mapping
from commands.main import app

ROWS = 200
GOOD = """\
file: {file}
id: ride
events: {{activated: placed, delivered: done}}
dimensions: {{store_id: shop_key, vehicle: vehicle}}
attributes: {{distance_m: way_m, amount: fare, is_long: is_long}}
clock: Europe/Madrid
columns:
  way_m: round(column("Distance (KM)") * 1000, 1)
  vehicle: lower(strip(type))
  shop_key: join(shop, "-", vehicle)
  is_long: column("Distance (KM)") > 3
  took: seconds(placed, done)
filter: >-
  state == "done" and took > 60
  and not (fare < 0)
"""


@pytest.fixture
def rides() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    placed = pd.Timestamp("2026-03-02") + pd.to_timedelta(np.arange(ROWS), unit="min")
    fare = np.round(rng.uniform(-2.0, 20.0, ROWS), 2)
    return pd.DataFrame(
        {
            "ride": [f"r{n}" for n in range(ROWS)],
            "placed": placed,
            "done": placed + pd.to_timedelta(rng.integers(0, 600, ROWS), unit="s"),
            "shop": rng.choice(["a", "b", "c"], ROWS),
            "type": rng.choice([" Bike", "CAR ", "Van"], ROWS),
            "state": rng.choice(["done", "lost"], ROWS),
            "fare": np.where(np.arange(ROWS) % 9 == 0, np.nan, fare),
            "Distance (KM)": np.round(rng.uniform(0.8, 6.0, ROWS), 3),
        }
    )


def kept(rides: pd.DataFrame) -> pd.DataFrame:
    took = (rides["done"] - rides["placed"]).dt.total_seconds()
    return rides[(rides["state"] == "done") & (took > 60) & (rides["fare"] >= 0)]


def written(rides: pd.DataFrame, folder: Path, ending: str, text: str = GOOD) -> Path:
    path = folder / f"rides{ending}"
    if ending == ".xlsx":
        rides.to_excel(path, index=False, engine="xlsxwriter")
    elif ending == ".csv":
        rides.to_csv(path, index=False)
    elif ending == ".parquet":
        rides.to_parquet(path)
    else:
        rides.to_csv(folder / "rides.csv", index=False, sep=";", decimal=",")
        path = folder / "rides.csv"
    mapping = folder / "m.yaml"
    mapping.write_text(text.format(file=path.name), encoding="utf-8")
    return mapping


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".csv with commas", ".xlsx"])
def test_rows_are_kept_and_columns_derived_as_pandas_says(
    ending: str, rides: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = written(rides, tmp_path, ending)
    table = mapped_dataset(mapping).table
    expected = kept(rides)
    assert 10 < len(expected) < ROWS - 10
    assert table["order_id"].tolist() == expected["ride"].tolist()
    way_m = (expected["Distance (KM)"] * 1000).round(1)
    assert table["distance_m"].tolist() == way_m.tolist()
    vehicle = expected["type"].str.strip().str.lower()
    assert table["vehicle"].tolist() == vehicle.tolist()
    assert table["store_id"].tolist() == (expected["shop"] + "-" + vehicle).tolist()
    assert table["is_long"].tolist() == (expected["Distance (KM)"] > 3).astype(float).tolist()
    placed = expected["placed"].dt.tz_localize("Europe/Madrid")
    assert (table["activated"].to_numpy() == placed.dt.tz_convert("UTC").to_numpy()).all()
    said = capsys.readouterr().err
    assert f"filter keeps {len(expected)} of {ROWS} rows; in " in said
    took = (rides["done"] - rides["placed"]).dt.total_seconds()
    undecided = (rides["state"] == "done") & (took > 60) & rides["fare"].isna()
    assert f"in {undecided.sum()} rows its condition is missing" in said


@pytest.mark.parametrize("chunk_rows", [1, 7, 50, 1_000])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_chunks_of_every_length_give_the_same(
    ending: str, chunk_rows: int, rides: pd.DataFrame, tmp_path: Path
) -> None:
    file = read_mapping(written(rides, tmp_path, ending))
    path = tmp_path / f"rides{ending}"
    table = MappedFile.of(file, file.mapping, "", "orders", path)
    rows = pd.concat(list(table.chunks(chunk_rows)))
    expected = kept(rides)
    assert rows["order_id"].tolist() == expected["ride"].tolist()
    # Labels are the rows of the file, whatever is left out before them.
    assert rows.index.tolist() == (expected.index + 1).tolist()


def test_a_damaged_row_that_is_left_out_is_not_refused(rides: pd.DataFrame, tmp_path: Path) -> None:
    texts: Any = rides.astype({"fare": object, "Distance (KM)": object})
    texts.loc[0, ["state", "fare", "Distance (KM)"]] = ["lost", "1.0", "far"]
    mapping = written(texts, tmp_path, ".csv")
    assert len(mapped_dataset(mapping).table) == len(kept(rides))
    texts.loc[7, ["state", "fare", "Distance (KM)"]] = ["done", "1.0", "far"]
    texts["done"] = texts["done"].mask(texts.index == 7, texts["placed"] + pd.Timedelta("5min"))
    mapping = written(texts, tmp_path, ".csv")
    with pytest.raises(
        UserError, match=r"column 'Distance \(KM\)', row 8 \(line 9\): 'far' is no finite num"
    ):
        mapped_dataset(mapping)


def test_a_value_that_the_filter_cannot_read_names_its_row(
    rides: pd.DataFrame, tmp_path: Path
) -> None:
    texts: Any = rides.astype({"fare": object})
    texts.loc[4, "fare"] = "free"
    with pytest.raises(UserError, match=r"rides.csv, column 'fare', row 5 .*: 'free' is no finite"):
        mapped_dataset(written(texts, tmp_path, ".csv"))


def test_integers_beyond_the_exact_ones_are_refused_as_numbers(
    rides: pd.DataFrame, tmp_path: Path
) -> None:
    rides["big"] = np.arange(ROWS) + 2**53
    text = GOOD.replace('state == "done"', "big > 5")
    with pytest.raises(UserError, match=r"column 'big', row 2: .* text\(big\) compares it"):
        mapped_dataset(written(rides, tmp_path, ".parquet", text))
    rides["big"] = rides["big"].astype("uint64")
    with pytest.raises(UserError, match="column 'big', row 2"):
        mapped_dataset(written(rides, tmp_path, ".parquet", text))
    text = GOOD.replace('state == "done"', f'text(big) == "{2**53 + 9}"').replace("< 0", "< -9")
    rides["fare"] = 5.0
    rides["done"] = rides["placed"] + pd.Timedelta("5min")
    table = mapped_dataset(written(rides, tmp_path, ".parquet", text)).table
    assert table["order_id"].tolist() == ["r9"]


MISTAKES = [
    ("took > 60", "tok > 60", "filter: at character 21, tok: did you mean 'took'"),
    ("took > 60", "open(took)", "filter: at character 21, .*no such function; there are: lower"),
    ("took > 60", "took.real > 60", "filter: at character 21, took.real: is not allowed; allowed"),
    ("took > 60", "took ** 60 > 1", "the operator is not allowed"),
    ("lower(strip(type))", "strip(shop_key)", "line 9, columns.vehicle: .*no such column"),
    ("lower(strip(type))", "loewr(type)", "columns.vehicle: .*did you mean 'lower'"),
    ("  took: ", "  state: lower(shop)\n  took: ", "columns.state: the file has a column of this"),
    ("store_id: shop_key", "store_id: shop_kye", "'shop_kye' is no column .* mean 'shop_key'"),
    ("> 3", "> soon", "columns.is_long: at character 27, soon"),
    ('state == "done"', 'state == "never"', "filter keeps none of the 200 rows"),
    ("way_m: round", "way_m: 5\n  other: round", "columns.way_m is 5; expected text"),
]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    old: str, new: str, message: str, ending: str, rides: pd.DataFrame, tmp_path: Path
) -> None:
    assert old in GOOD
    with pytest.raises(UserError, match=message):
        mapped_dataset(written(rides, tmp_path, ending, GOOD.replace(old, new, 1)))


def test_derived_columns_have_a_limit(rides: pd.DataFrame, tmp_path: Path) -> None:
    many = "".join(f"  c{n}: lower(shop)\n" for n in range(DERIVED_MAX))
    text = GOOD.replace("filter:", f"{many}filter:")
    with pytest.raises(UserError, match=f"columns: has {DERIVED_MAX + 5} columns; expected up to"):
        mapped_dataset(written(rides, tmp_path, ".csv", text))


def test_a_column_that_no_expression_can_read_is_no_column(
    rides: pd.DataFrame, tmp_path: Path
) -> None:
    rides["items"] = [[1, 2]] * ROWS
    text = GOOD.replace("took > 60", "items > 60")
    with pytest.raises(UserError, match=r"items: .*no such column; there are: ride, placed"):
        mapped_dataset(written(rides, tmp_path, ".parquet", text))


def test_an_import_counts_rows_as_the_file_does(
    rides: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MappedFile, "chunks", partialmethod(MappedFile.chunks, 8))
    rides["done"] = rides["placed"] + pd.Timedelta("5min")
    rides["fare"], rides["state"] = 5.0, "done"
    rides.loc[:9, "state"] = "lost"
    mapping = written(rides, tmp_path, ".csv")
    arguments = ["import", "--mapping", str(mapping), "--store", str(tmp_path / "events.db")]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert " ".join(shown.output.split()).count("filter keeps 190 of 200 rows") == 1
    rides.loc[30, "ride"] = "r20"
    written(rides, tmp_path, ".csv")
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 1, shown.output
    assert "'r20' stands in rows 21 and 31" in " ".join(shown.output.split())


def test_commands_read_the_selected_rows(rides: pd.DataFrame, tmp_path: Path) -> None:
    mapping = written(rides, tmp_path, ".csv", GOOD.replace(", is_long: is_long", ""))
    runner = CliRunner()
    shown = runner.invoke(app, ["mapping", "check", str(mapping)])
    assert shown.exit_code == 0, shown.output
    assert f"{len(kept(rides))} orders" in shown.output
    arguments = ["check-equivalence", "--mapping", str(mapping), "--max-rows", "30"]
    shown = runner.invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert " 0 mismatches" in shown.output

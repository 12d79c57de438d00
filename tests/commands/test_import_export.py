"""`doorstep import` and `export`: any table in, the same table out, whatever it was called.

Tests `commands.export`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from aggregators import FeatureSet
from aggregators.catalog import ORDERS, features_for
from commands.console import output
from commands.console.output import UserError
from commands.data.tables import TableFile, parse_renames
from commands.main import app
from simulator import CityPlan, simulate
from tests.commands.running import doorstep

CITY = CityPlan(stores=3, days=1, seed=4)


@pytest.fixture(autouse=True)
def consoles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors and notes go where results go, so that a test sees them in this process."""
    for module in ("commands.console.output", "commands.import_"):
        monkeypatch.setattr(f"{module}.error_console", output.console)


def run(*arguments: str) -> tuple[int, str]:
    """Run `doorstep` in this process; returns its exit code and all that it printed."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


def read(path: Path, *, chunk_rows: int = 50_000, **options: Any) -> pd.DataFrame:
    """The whole file as samples of the catalog's orders."""
    file = TableFile(path=path, source=ORDERS, renames=options.pop("renames", {}), **options)
    return pd.concat(file.chunks(chunk_rows))


def csv_of(folder: Path, text: str) -> Path:
    path = folder / "orders.csv"
    path.write_text(text)
    return path


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The orders by their ids, in the same kinds of columns whatever they were read from."""
    names = [ORDERS.sample_id, *ORDERS.columns, *ORDERS.events]
    kinds: Any = {
        **dict.fromkeys((ORDERS.sample_id, *ORDERS.dimensions), "str"),
        **dict.fromkeys(ORDERS.attributes, "float64"),
        **dict.fromkeys(ORDERS.events, "datetime64[us, UTC]"),
    }
    return table[names].sort_values(ORDERS.sample_id).reset_index(drop=True).astype(kinds)


def same_orders(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(plain(first), plain(second), check_exact=True)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_what_is_imported_comes_out_again(kind: str, tmp_path: Path) -> None:
    orders = simulate(CITY)
    orders.loc[::7, "store_category"] = None
    given, store, out = tmp_path / f"o.{kind}", tmp_path / "events.db", tmp_path / "out.parquet"
    renamed = orders.rename(columns={"activated": "placed_at"})
    renamed.to_parquet(given) if kind == "parquet" else renamed.to_csv(given, index=False)
    command = ["import", "--store", str(store), "--table", str(given)]
    command += ["--rename", "placed_at=activated"]
    n_events = int(orders[list(ORDERS.events)].notna().to_numpy().sum())
    first, again = doorstep(*command), run(*command)
    assert first.returncode == 0, first.stderr
    assert f"{len(orders):,} samples of orders: {n_events:,} events taken in" in first.stdout
    assert again[0] == 0, again[1]
    assert f"0 events taken in, {n_events:,} were there already" in again[1]
    code, printed = run("export", "--store", str(store), "--to", str(out))
    assert code == 0, printed
    table = pd.read_parquet(out)
    same_orders(table, orders)
    same_orders(read(out), orders)

    features = FeatureSet(features_for(ORDERS))
    trained = [t.set_index("order_id", drop=False).sort_index() for t in (orders, table)]
    first_bits, bits = (
        features.transform(one, "training", as_of="activated").to_numpy().view(np.int64)
        for one in trained
    )
    assert np.array_equal(first_bits, bits)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_facts_go_in_and_come_out(kind: str, tmp_path: Path) -> None:
    orders = simulate(CITY).head(6)
    floors: list[Any] = [3, 0, None, -1, 12, 7]
    orders["floor"], orders["building"] = floors, ["house", "007", None, "1e9999", "tower", "a"]
    given, store, out = tmp_path / f"o.{kind}", tmp_path / "events.db", tmp_path / "out.parquet"
    orders.to_parquet(given) if kind == "parquet" else orders.to_csv(given, index=False)
    code, printed = run("import", "--store", str(store), "--table", str(given))
    assert code == 0, printed
    assert run("export", "--store", str(store), "--to", str(out))[0] == 0
    table = pd.read_parquet(out).set_index("order_id").loc[orders["order_id"]]
    assert table["floor"].dropna().tolist() == [3, 0, -1, 12, 7]
    expected = ["house", "007", "1e9999", "tower", "a"]
    assert table["building"].dropna().tolist() == expected
    store.unlink()
    assert run("import", "--store", str(store), "--table", str(out))[0] == 0
    assert run("export", "--store", str(store), "--to", str(out), "--overwrite")[0] == 0
    again = pd.read_parquet(out).set_index("order_id").loc[orders["order_id"]]
    pd.testing.assert_frame_equal(again, table)


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    simulate(CITY).head(3).to_parquet(tmp_path / "o.parquet")
    store, out = str(tmp_path / "events.db"), tmp_path / "out.parquet"
    run("import", "--store", store, "--table", str(tmp_path / "o.parquet"))
    out.write_text("mine")
    code, printed = run("export", "--store", store, "--to", str(out))
    assert code == 1
    assert "--overwrite" in printed
    assert out.read_text() == "mine"
    assert run("export", "--store", store, "--to", str(out), "--overwrite")[0] == 0
    assert len(pd.read_parquet(out)) == 3


def test_exporting_makes_no_store(tmp_path: Path) -> None:
    missing, to = tmp_path / "none.db", tmp_path / "o.parquet"
    code, printed = run("export", "--store", str(missing), "--to", str(to))
    assert code == 1
    assert "no event store" in printed
    assert not missing.exists()


@pytest.mark.parametrize("column", ["order_id", "store_id", "building"])
def test_a_text_that_is_too_long_is_refused_before_anything_is_kept(
    column: str, tmp_path: Path
) -> None:
    rows = [{"order_id": f"o-{i}", "store_id": "s", "building": "b"} for i in range(3)]
    rows[2][column] = "x" * 3_000_000
    lines = [",".join([*row.values(), "2026-03-02T12:00Z"]) for row in rows]
    table = csv_of(tmp_path, "\n".join(["order_id,store_id,building,activated", *lines]) + "\n")
    code, printed = run("import", "--store", str(tmp_path / "e.db"), "--table", str(table))
    assert code == 1
    assert "orders.csv" in printed
    assert f"'{column}'" in printed
    assert "256" in printed
    assert len(printed) < 1_000
    assert not (tmp_path / "e.db").exists()


def test_nothing_is_kept_of_a_file_with_an_error(tmp_path: Path) -> None:
    table = csv_of(
        tmp_path, "order_id,activated,city\n1,2026-03-02T12:00Z,b\n1,2026-03-02T12:00Z,b\n"
    )
    code, printed = run("import", "--store", str(tmp_path / "e.db"), "--table", str(table))
    assert code == 1
    assert "orders.csv" in printed
    assert "rows 1 and 2" in printed
    assert not (tmp_path / "e.db").exists()


def test_the_same_id_far_apart_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import commands.import_ as module

    rows = [f"{i % 9},2026-03-02T12:00Z" for i in range(10)]
    file = TableFile(
        path=csv_of(tmp_path, "\n".join(["order_id,activated", *rows])), source=ORDERS, renames={}
    )
    monkeypatch.setattr(TableFile.chunks, "__defaults__", (4, None))
    with pytest.raises(UserError, match=r"'0' stands in rows 1 and 10"):
        module._check(file, lambda stage, done: None)


def test_columns_that_matter_and_are_absent_are_told(tmp_path: Path) -> None:
    table = csv_of(tmp_path, "order_id,store_id,ready,colour\n1,a,2026-03-02T12:00Z,red\n")
    code, told = run("import", "--store", str(tmp_path / "e.db"), "--table", str(table))
    assert code == 0, told
    assert "store_id are known from 'activated' on, which the file lacks" in told
    assert "left out: colour" in told


def test_times_are_read_from_the_clock_that_is_named(tmp_path: Path) -> None:
    path = csv_of(
        tmp_path,
        "order_id,placed_at,ready,delivered\n"
        "007,2026-03-02 12:00:00.5,2026-03-02T12:10+01:00,\n"
        "8,2026-07-02,,NaT\n",
    )
    table = read(path, renames={"placed_at": "activated"}, time_zone="Europe/Helsinki")
    assert table["order_id"].tolist() == ["007", "8"]
    assert table["activated"].astype(str).tolist() == [
        "2026-03-02 10:00:00.500+00:00",
        "2026-07-01 21:00:00.000+00:00",
    ]
    assert str(table["ready"].iloc[0]) == "2026-03-02 11:10:00+00:00"
    assert table["delivered"].isna().all()
    with pytest.raises(
        UserError, match=r"'activated', row 1 .line 2.: .* no UTC offset.*--time-zone"
    ):
        read(path, renames={"placed_at": "activated"})


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0.0, 1e3, 500)
    rows = [f"{i},2026-03-02T12:00Z,{value!r},NA" for i, value in enumerate(values.tolist())]
    path = csv_of(tmp_path, "\n".join(["order_id,activated,amount,store_id", *rows]))
    table = read(path, chunk_rows=64)
    assert np.array_equal(table["amount"].to_numpy().view(np.int64), values.view(np.int64))
    assert table["store_id"].isna().all()
    assert table.index.tolist() == list(range(1, 501))
    assert read(path, integers=("order_id",))["order_id"].tolist() == list(range(500))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1,yesterday,,a", r"column 'activated', row 2 \(line 3\): 'yesterday' is no time"),
        (
            "1,2026-13-01T00:00Z,,a",
            r"column 'activated', row 2 \(line 3\): '2026-13-01T00:00Z' is no time",
        ),
        ("1,,12a,a", r"column 'amount', row 2 \(line 3\): '12a' is no finite number"),
        ("1,,inf,a", r"column 'amount', row 2 \(line 3\): 'inf' is no finite number"),
        ("1,,1_0,a", r"column 'amount', row 2 \(line 3\): '1_0' is no finite number"),
        ("x,,1,a", r"column 'order_id', row 2 \(line 3\): 'x' is no integer"),
    ],
)
def test_bad_values_are_named_by_file_column_and_row(row: str, said: str, tmp_path: Path) -> None:
    path = csv_of(tmp_path, f"order_id,activated,amount,store_id\n0,2026-03-02 10:00,1,b\n{row}\n")
    with pytest.raises(UserError, match=r"^orders\.csv, " + said.partition("row 2")[0]) as raised:
        read(path, time_zone="Europe/Madrid", integers=("order_id",))
    assert raised.match(said)


def test_parquet_files_say_their_types(tmp_path: Path) -> None:
    moments = pd.to_datetime(pd.Series(["2026-03-02 12:00", None]))
    table = pd.DataFrame(
        {"order_id": [3, 4], "courier_id": [5, None], "activated": moments, "amount": [1, 2]}
    ).astype({"courier_id": "Int64"})
    table.to_parquet(tmp_path / "o.parquet")
    with pytest.raises(UserError, match=r"row 1: .* no UTC offset"):
        read(tmp_path / "o.parquet")
    found = read(tmp_path / "o.parquet", time_zone="UTC")
    assert found["order_id"].tolist() == [3, 4]
    assert found["courier_id"].tolist() == [5, pd.NA]
    assert found["activated"].dt.hour.iloc[0] == 12
    table.assign(activated=[1, 2]).to_parquet(tmp_path / "numbers.parquet")
    with pytest.raises(UserError, match="row 1: 1 is no timestamp"):
        read(tmp_path / "numbers.parquet")


@pytest.mark.parametrize(
    ("header", "options", "said"),
    [
        ("id,activated", {}, "lacks the sample id 'order_id'"),
        ("order_id,when", {}, "none of the events"),
        ("order_id,activated", {"renames": {"at": "ready"}}, "unknown column 'at' in file"),
        ("order_id,activated", {"renames": {"activated": "redy"}}, "did you mean 'ready'"),
        ("order_id,activated,x", {"renames": {"x": "activated"}}, "gives 'activated' twice"),
        ("order_id,activated", {"time_zone": "Helsinki"}, "expected an IANA name"),
        ("order_id,activated", {"integers": ("id",)}, "unknown column 'id'"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    header: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        read(csv_of(tmp_path, header + "\n"), **options)


@pytest.mark.parametrize("given", ["placed_at", "=activated", "a=b=", "a="])
def test_renames_have_two_sides(given: str) -> None:
    with pytest.raises(UserError, match="expected COLUMN_OF_THE_FILE=NAME"):
        parse_renames([given if given != "a=b=" else "b="])
    with pytest.raises(UserError, match="stands twice"):
        parse_renames(["a=ready", "b=ready"])


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        read(tmp_path / "none.csv")
    (tmp_path / "o.xls").write_text("x")
    with pytest.raises(UserError, match=r"expected a \.csv"):
        read(tmp_path / "o.xls")
    (tmp_path / "o.parquet").write_text("x")
    with pytest.raises(UserError, match=r"o\.parquet cannot be read"):
        read(tmp_path / "o.parquet")


MAPPING = """\
file: history.csv
id: order_no
events:
  activated: placed_at
  ready: ready
  delivered: {after: activated, minutes: took}
dimensions: {store_id: restaurant}
attributes: {amount: total, tip: tip}
constants: {city: BCN}
clock: Europe/Madrid
tables:
  weather:
    file: weather.csv
    id: n
    events: {observed: time}
    dimensions: [city]
    attributes: {temperature_c: celsius}
"""


def test_a_mapping_says_what_the_columns_are(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "history.csv").write_text(
        "order_no,placed_at,ready,took,restaurant,total,tip\n"
        "1,2026-03-02 12:00,2026-03-02 12:10,30.5,r,12.5,1\n"
        "2,2026-03-02 12:05,,,s,3,0\n"
    )
    (tmp_path / "weather.csv").write_text("n,time,city,celsius\nw,2026-03-02T11:00Z,BCN,11.5\n")
    store, out = tmp_path / "events.db", tmp_path / "out.parquet"
    asked = ["import", "--store", str(store), "--mapping", str(tmp_path / "mapping.yaml")]
    code, printed = run(*asked)
    assert code == 0, printed
    assert "not in the source, so left out: tip" in printed
    assert "2 samples of orders: 4 events taken in" in printed
    assert "1 samples of weather: 1 events taken in" in printed
    code, printed = run(*asked)
    assert "0 events taken in, 4 were there already" in printed
    assert run("export", "--store", str(store), "--to", str(out))[0] == 0
    first = pd.read_parquet(out).set_index("order_id").loc["1"]
    assert str(first["activated"]) == "2026-03-02 11:00:00+00:00"
    assert str(first["delivered"]) == "2026-03-02 11:30:30+00:00"
    assert (first["store_id"], first["city"], first["amount"]) == ("r", "BCN", 12.5)
    code, printed = run(*asked, "--rename", "a=b")
    assert code == 1
    assert "--mapping says what the columns are" in printed


@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("order_id,activated,restaurant", "has none of the dimensions store_id,"),
        ("order_id,activated,store_id,ready_at", "lacks ready (is it 'ready_at'?)"),
        ("order_id,activated,StoreID,city", "--rename StoreID=store_id"),
        ("order_id,activated,city,Ready", "--rename Ready=ready"),
        ("order_id,activated,city,delivered_time", "--rename delivered_time=delivered"),
    ],
)
def test_columns_that_are_not_recognised_are_refused(
    heading: str, told: str, tmp_path: Path
) -> None:
    row = "1,2026-03-02T12:00Z," + "x," * (heading.count(",") - 2) + "x\n"
    table, store = csv_of(tmp_path, f"{heading}\n{row}"), tmp_path / "e.db"
    asked = ["import", "--store", str(store), "--table", str(table)]
    code, printed = run(*asked)
    assert code == 1
    assert told in printed
    assert "Recognised for orders: order_id, activated" in printed
    assert not store.exists()
    code, printed = run(*asked, "--incomplete")
    assert code == 0, printed
    assert "1 samples of orders: 1 events taken in" in printed


def test_what_is_to_be_imported_must_be_named(tmp_path: Path) -> None:
    code, printed = run("import", "--store", str(tmp_path / "e.db"))
    assert code == 1
    assert "pass --table FILE" in printed


def test_the_longest_text_is_looked_for_before_anything_is_kept(tmp_path: Path) -> None:
    rows = [f"{i},2026-03-02T12:00Z,s" for i in range(9)] + [f"9,2026-03-02T12:00Z,{'x' * 400}"]
    table = csv_of(tmp_path, "\n".join(["order_id,activated,store_id", *rows]))
    code, printed = run("import", "--store", str(tmp_path / "e.db"), "--table", str(table))
    assert code == 1
    assert "orders.csv, column 'store_id': value is 'xxx" in printed
    assert not (tmp_path / "e.db").exists()

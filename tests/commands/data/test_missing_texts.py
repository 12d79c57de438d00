"""What a mapping calls missing is missing in the data set, its sources, and saved models."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from aggregators.catalog import ORDERS
from aggregators.tables.parquet_file import write_frames
from commands.data.mapped_dataset import mapped_dataset
from commands.data.mapped_tables import mapped_files
from commands.data.missing_texts import MISSING_TEXTS, missing_texts_of, without_missing
from commands.main import app
from estimators.features.etp_features import etp_features
from estimators.model.saved_sources import source_from_json, source_to_json
from simulator import CityPlan, simulate

MAPPING = """
file: parcels.csv
id: parcel
events: {accepted: taken_at, ready: packed_at}
dimensions: {store_id: depot}
"""
TIMES = ("2027-11-05T08:15:00Z", "2027-11-05T08:35:00Z")


@pytest.mark.parametrize(
    ("line", "texts", "depots"),
    [
        ("", MISSING_TEXTS, ["gone", "?", "gone"]),
        ("missing: ['?']", ("", "?"), ["NULL", "gone", "-"]),
        ("missing: []", ("",), ["NULL", "?", "-"]),
    ],
)
def test_the_source_of_a_mapping_knows_what_is_missing(
    line: str, texts: tuple[str, ...], depots: list[str], tmp_path: Path
) -> None:
    rows = [f"{i},{TIMES[0]},{TIMES[1]},{depot}" for i, depot in enumerate(("NULL", "?", "-"))]
    (tmp_path / "parcels.csv").write_text(
        "\n".join(["parcel,taken_at,packed_at,depot", *rows]) + "\n"
    )
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(f"{MAPPING}{line}\n")
    dataset = mapped_dataset(mapping)
    assert dataset.table["store_id"].fillna("gone").tolist() == depots
    assert dataset.source.missing == texts
    (source,) = {one.source for one in etp_features(dataset.source, dataset.target)}
    assert source_from_json(source_to_json(source)).missing == texts


def test_an_exported_table_says_that_no_text_is_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"depot": ["NA", "north"]})
    path = tmp_path / "parcels.parquet"
    write_frames(iter([frame, frame]), path, total=4, progress=None)
    assert missing_texts_of(path) == ()
    assert pd.read_parquet(path)["depot"].tolist() == ["NA", "north"] * 2
    frame.to_parquet(path)
    assert missing_texts_of(path) == MISSING_TEXTS
    path.write_bytes(b"no table")
    assert missing_texts_of(path) == MISSING_TEXTS


def test_every_kind_of_text_column_loses_missing_texts() -> None:
    texts = pa.array(["NULL", "a", None, " - ", "b"])
    for column in (texts, texts.cast(pa.large_string()), texts.dictionary_encode()):
        assert without_missing(column).to_pylist() == [None, "a", None, None, "b"]
        assert without_missing(column, ()).to_pylist() == texts.to_pylist()
    numbers = pa.array([1, None])
    assert without_missing(numbers) is numbers


def test_stores_called_like_missing_texts_survive_an_export(tmp_path: Path) -> None:
    orders = simulate(CityPlan(stores=3, days=1, seed=4)).head(3)
    names = ["NA", "-", "None"]
    orders["store_id"] = names
    given, store, out = tmp_path / "o.csv", tmp_path / "events.db", tmp_path / "out.parquet"
    orders.to_csv(given, index=False)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "file: o.csv\nid: order_id\nevents: [activated]\ndimensions: [store_id]\nmissing: []\n"
    )
    again = tmp_path / "again.db"
    for command in (
        ["import", "--store", str(store), "--mapping", str(mapping)],
        ["export", "--store", str(store), "--to", str(out)],
        ["import", "--store", str(again), "--table", str(out)],
        ["export", "--store", str(again), "--to", str(out), "--overwrite"],
    ):
        found = CliRunner().invoke(app, command)
        assert found.exit_code == 0, found.output
    assert sorted(pd.read_parquet(out)["store_id"]) == sorted(names)
    mapping.write_text(f"{mapping.read_text()}".replace("[]", "[NA]"))
    (file,) = mapped_files(mapping, out, (ORDERS,))
    assert sorted(file.read()["store_id"].dropna()) == ["-", "None"]

"""Tables with odd names and values are guessed, or the error says what is missing.

Tests `commands.guessing.guess` and `commands.data.mapped_tables`.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands.console.output import UserError
from commands.data.mapped_dataset import mapped_dataset
from commands.guessing.guess import guess_mapping
from commands.guessing.mapping_text import mapping_text
from tests.commands.guessing.tables import BAKERY, BEGUN, RNG, ROWS, guess, later, some


def test_truth_values_of_parquet_files_are_numbers(tmp_path: Path) -> None:
    columns = {"ordered_on": BEGUN, "ready_on": later(9), "scheduled_before": some(True, False)}
    pd.DataFrame({**columns, "vip": some(True, False)}).to_parquet(tmp_path / "t.parquet")
    found = guess_mapping(tmp_path / "t.parquet")
    assert found.attributes == {"vip": "vip"} | {"scheduled_before": "scheduled_before"}
    pd.DataFrame({**columns, "vip": some(True, False)}).to_csv(tmp_path / "t.csv", index=False)
    assert guess_mapping(tmp_path / "t.csv").dimensions["vip"] == "vip"


def test_names_on_the_left_are_free_and_no_words_of_yaml(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        {
            "null": BEGUN,
            "local_hour": later(20),
            "true": some("a", "b"),
            "order_id": some("x", "y"),
            "city": RNG.uniform(0.0, 1.0, ROWS),
            "eta": later(30).dt.tz_localize(None),
            "eta_in_s": some(1.0, 2.0),
        },
    )
    assert found.events == {"column_null": "null", "local_hour_": "local_hour"}
    assert found.dimensions == {"column_true": "true", "order_id_": "order_id"}
    assert found.attributes["city"] == "city"
    assert not found.is_one_city
    assert "eta_in_s_" in found.columns
    assert found.naive == ["eta"]


def test_one_event_alone_is_a_question(tmp_path: Path) -> None:
    pd.DataFrame({"ordered_on": BEGUN, "bakery": BAKERY}).to_csv(tmp_path / "t.csv", index=False)
    found = guess_mapping(tmp_path / "t.csv")
    assert "Which column tells when it ended?" in " ".join(found.questions)
    (tmp_path / "mapping.yaml").write_text(mapping_text(found))
    with pytest.raises(UserError, match="has only 'activated'; a duration needs a second event"):
        mapped_dataset(tmp_path / "mapping.yaml")


def test_numbers_that_are_no_durations_are_refused(tmp_path: Path) -> None:
    columns = {"ordered_on": BEGUN, "bakery": BAKERY, "took": 1e18}
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "mapping.yaml").write_text(
        "file: t.csv\nevents: {activated: ordered_on, delivered: {after: activated, seconds: took}}"
        "\ndimensions: [bakery]\n"
    )
    with pytest.raises(UserError, match=r"column 'took', row 1 .*1e\+18 s is no duration"):
        mapped_dataset(tmp_path / "mapping.yaml")


def test_missing_texts_are_missing_in_the_guess(tmp_path: Path) -> None:
    trays = ["NULL" if k % 3 else "4" for k in range(ROWS)]
    found = guess(
        tmp_path,
        {
            "bakery": BAKERY,
            "ordered_on": BEGUN,
            "ready_on": later(9).astype("string").where(np.arange(ROWS) % 2 == 0, "\\N"),
            "trays": [one.replace("4", str(4 + k % 5)) for k, one in enumerate(trays)],
        },
    )
    assert [*found.events] == ["activated", "ready"]
    assert found.attributes == {"trays": "trays"}


def test_usual_words_of_other_languages_are_known(tmp_path: Path) -> None:
    found = guess(
        tmp_path,
        {
            "Lauf-Nr.": [f"L{k:04}" for k in range(ROWS)],
            "Filiale": BAKERY,
            "Kurier": some("ann", "bob"),
            "Datum": BEGUN.dt.strftime("%d.%m.%Y"),
            "Uhrzeit": BEGUN.dt.strftime("%H:%M"),
            "Abgeholt": later(15).dt.strftime("%d.%m.%Y %H:%M"),
            "Zugestellt": later(30).dt.strftime("%d.%m.%Y %H:%M"),
            "Entfernung (km)": RNG.uniform(1.0, 5.0, ROWS),
            "Betrag": RNG.uniform(5.0, 50.0, ROWS),
            "Trinkgeld": some(0, 1, 2),
            "Straßenbelag": some("Asphalt", "Kies"),
            "Höhe": RNG.uniform(5.0, 50.0, ROWS),
        },
    )
    assert found.id == "Lauf-Nr."
    assert found.events == {
        "activated": "Uhrzeit",
        "picked_up": "Abgeholt",
        "delivered": "Zugestellt",
    }
    assert found.days == {"Uhrzeit": "Datum"}
    assert found.dimensions == {
        "store_id": "Filiale", "courier_id": "Kurier", "straenbelag": "Straßenbelag",
    }  # fmt: skip
    assert found.attributes == {
        "distance_m": "Entfernung (km)", "amount": "Betrag", "hohe": "Höhe",
    }  # fmt: skip
    assert [*found.left_out] == ["Trinkgeld"]


def test_a_number_that_each_row_has_once_is_an_id_if_it_counts(tmp_path: Path) -> None:
    columns = {"ordered_on": BEGUN, "ready_on": later(9)}
    assert guess(tmp_path, {**columns, "Beleg": range(7, ROWS + 7)}).id == "Beleg"
    spread = RNG.permutation(90 * ROWS)[:ROWS]
    assert guess(tmp_path, {**columns, "grams": spread}).id == ""


@pytest.mark.parametrize("first", [2**53, 10**17, 10**18, 2**64])
def test_ids_of_many_digits_stay_apart(first: int, tmp_path: Path) -> None:
    texts = [f" {first + row} " if row == 3 else str(first + row) for row in range(ROWS)]
    found = guess(tmp_path, {"order_no": texts, "ordered_on": BEGUN, "ready_on": later(9)})
    assert found.id == "order_no"
    assert "order_no" not in found.attributes.values()


def test_ids_that_a_database_exports_as_decimals_are_ids(tmp_path: Path) -> None:
    ids = pa.array([Decimal(2**53 + row) for row in range(ROWS)], pa.decimal128(38, 0))
    columns = {"order_no": ids, "ordered_on": pa.array(BEGUN), "ready_on": pa.array(later(9))}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert guess_mapping(tmp_path / "t.parquet").id == "order_no"


def test_a_heading_of_two_lines_is_read_back(tmp_path: Path) -> None:
    name = "ready\nat \u2028 (local)"
    found = guess(tmp_path, {"ordered_on": BEGUN, name: later(9), "a\n: b": some(1.5, 2.5, 3.5)})
    assert found.events["ready"] == name

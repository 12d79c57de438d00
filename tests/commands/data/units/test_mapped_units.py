"""Units of a mapping: stated, proposed by `mapping init`, checked by `mapping check`.

Tests `commands.data.mapped_tables`, `commands.guessing.columns` and `commands.data.units.columns`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from commands.console.output import UserError
from commands.data.mapped_dataset import mapped_dataset
from commands.guessing.guess import guess_mapping
from commands.guessing.mapping_text import mapping_text
from commands.main import app

ROWS = 120
MAPPING = """\
file: {file}
id: ride
events: {{activated: placed, picked_up: picked, delivered: done}}
dimensions: {{store_id: shop}}
attributes:
  distance_m: {{column: Distance (KM), unit: {unit}}}
  router_s: {{column: router_minutes, unit: minutes}}
  amount: {{column: fee_cents, unit: cents}}
"""


@pytest.fixture
def rides() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    placed = pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(np.arange(ROWS), unit="min")
    picked = placed + pd.to_timedelta(rng.integers(60, 900, ROWS), unit="s")
    km = np.round(rng.uniform(0.8, 6.0, ROWS), 2)
    return pd.DataFrame(
        {
            "ride": [f"r{n}" for n in range(ROWS)],
            "placed": placed,
            "picked": picked,
            "done": picked + pd.to_timedelta(km * rng.uniform(150.0, 300.0, ROWS), unit="s"),
            "shop": rng.choice(["a", "b", "c"], ROWS),
            "Distance (KM)": km,
            "router_minutes": np.round(km * rng.uniform(3.0, 5.0, ROWS), 1),
            "fee_cents": rng.integers(99, 999, ROWS),
        }
    )


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_numbers_are_converted_when_the_table_is_read(
    ending: str, rides: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / f"rides{ending}"
    rides.loc[3, "Distance (KM)"] = np.nan
    rides.to_csv(path, index=False) if ending == ".csv" else rides.to_parquet(path)
    (tmp_path / "m.yaml").write_text(MAPPING.format(file=path.name, unit="km"), encoding="utf-8")
    table = mapped_dataset(tmp_path / "m.yaml").table
    expected = [float(km) * 1000.0 for km in rides["Distance (KM)"]]
    assert np.array_equal(table["distance_m"], expected, equal_nan=True)
    assert np.isnan(table["distance_m"][3])
    assert table["router_s"].tolist() == [float(one) * 60.0 for one in rides["router_minutes"]]
    assert table["amount"].tolist() == [int(one) / 100 for one in rides["fee_cents"]]


def test_units_are_proposed_from_names(rides: pd.DataFrame, tmp_path: Path) -> None:
    rides.to_csv(tmp_path / "rides.csv", index=False)
    text = mapping_text(guess_mapping(tmp_path / "rides.csv"))
    assert yaml.safe_load(text)["attributes"] == {
        "distance_m": {"column": "Distance (KM)", "unit": "km"},
        "router_s": {"column": "router_minutes", "unit": "minutes"},
        "fee": {"column": "fee_cents", "unit": "cents"},
    }
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    table = mapped_dataset(tmp_path / "m.yaml").table
    assert table["distance_m"].tolist() == [float(km) * 1000.0 for km in rides["Distance (KM)"]]


def test_a_name_that_is_taken_keeps_its_unit(rides: pd.DataFrame, tmp_path: Path) -> None:
    rides["distance_m"] = rides["Distance (KM)"] * 900.0
    rides.to_csv(tmp_path / "rides.csv", index=False)
    found = yaml.safe_load(mapping_text(guess_mapping(tmp_path / "rides.csv")))["attributes"]
    assert "distance_m" in found
    (other,) = [one for one in found.values() if one == "distance_m" or isinstance(one, str)]
    assert other in ("distance_m", "Distance (KM)")
    (tmp_path / "m.yaml").write_text(
        mapping_text(guess_mapping(tmp_path / "rides.csv")), encoding="utf-8"
    )
    assert len(mapped_dataset(tmp_path / "m.yaml").table) == ROWS


MISTAKES = [
    ("unit: cents", "unit: km", "line 8, attributes.amount.unit: .*states no unit .* as amount_m"),
    ("unit: km", "unit: kms", "line 6, attributes.distance_m.unit: 'kms' .* mean 'km'"),
    (", unit: km", "", "attributes.distance_m lacks 'unit'"),
    ("column: fee_cents", "column: fee_cent", "amount.column: 'fee_cent' is no column .* 'fee_ce"),
    ("unit: cents", "unti: cents", "amount.unti: no such field.*mean 'unit'"),
    ("unit: km", "unit: 3", "line 6, attributes.distance_m.unit is 3; expected text"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    old: str, new: str, message: str, rides: pd.DataFrame, tmp_path: Path
) -> None:
    rides.to_parquet(tmp_path / "rides.parquet")
    text = MAPPING.format(file="rides.parquet", unit="km")
    assert old in text
    (tmp_path / "m.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        mapped_dataset(tmp_path / "m.yaml")


@pytest.mark.parametrize(("unit", "warned"), [("km", False), ("m", True)])
def test_check_says_which_unit_would_fit(
    unit: str, warned: bool, rides: pd.DataFrame, tmp_path: Path
) -> None:
    rides.to_parquet(tmp_path / "rides.parquet")
    text = MAPPING.format(file="rides.parquet", unit=unit)
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    shown = CliRunner().invoke(app, ["mapping", "check", str(tmp_path / "m.yaml")])
    assert shown.exit_code == 0, shown.output
    said = " ".join(shown.output.split())
    assert ("distance_m over picked_up to delivered is a median speed" in said) is warned
    assert ("unit km would fit" in said) is warned

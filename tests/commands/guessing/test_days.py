"""Days and times of day in two columns become moments.

Tests `commands.guessing.days`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from commands.data.mapped_dataset import mapped_dataset
from commands.guessing.guess import guess_mapping
from commands.guessing.mapping_text import mapping_text

N = 200
BEGUN = pd.Series(pd.date_range("2026-03-02 17:00", periods=N, freq="37min"))
PICKED = BEGUN + pd.to_timedelta(np.random.default_rng(0).integers(9, 40, N), unit="min")


def test_a_day_and_times_of_day_are_joined(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "bakery": [f"b{k % 3}" for k in range(N)],
            "ordering_day": BEGUN.dt.strftime("%d.%m.%Y"),
            "Order Time": BEGUN.dt.strftime("%H:%M"),
            "Picked Up (Time)": PICKED.dt.strftime("%I:%M %p"),
            "waiting": PICKED.sub(BEGUN).dt.total_seconds(),
        }
    )
    rows.to_csv(tmp_path / "days.csv", index=False)
    found = guess_mapping(tmp_path / "days.csv")
    assert found.events == {"activated": "Order Time", "picked_up": "Picked Up (Time)"}
    assert {*found.days.values()} == {"ordering_day"}
    (tmp_path / "mapping.yaml").write_text(mapping_text(found))
    table = mapped_dataset(tmp_path / "mapping.yaml").table
    assert table["activated"].dt.tz_localize(None).tolist() == BEGUN.tolist()
    assert table["picked_up"].dt.tz_localize(None).tolist() == PICKED.tolist()
    assert (table["picked_up"].dt.day != table["activated"].dt.day).any()


def test_without_a_column_of_days_a_time_of_day_is_none(tmp_path: Path) -> None:
    rows = pd.DataFrame({"ordered_on": BEGUN, "picked": PICKED.dt.strftime("%H:%M:%S")})
    rows.to_csv(tmp_path / "times.csv", index=False)
    assert guess_mapping(tmp_path / "times.csv").events == {"activated": "ordered_on"}

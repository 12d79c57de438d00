"""Small tables whose columns are guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from commands.data.mapped_dataset import mapped_dataset
from commands.guessing.guess import guess_mapping
from commands.guessing.guessed import GuessedMapping
from commands.guessing.mapping_text import mapping_text

ROWS = 300
RNG = np.random.default_rng(5)
BEGUN = pd.Series(
    pd.date_range("2026-03-02 09:00", periods=ROWS, freq="7min", tz="UTC")
    + pd.to_timedelta(RNG.integers(0, 240, ROWS), unit="s")
)
LASTED_MIN = RNG.uniform(8.0, 25.0, ROWS).round(1)


def later(minutes: float) -> pd.Series[Any]:
    """A moment about so many minutes after each beginning."""
    return BEGUN + pd.to_timedelta(minutes * RNG.uniform(0.9, 1.1, ROWS), unit="min")


def some(*values: object) -> list[object]:
    """Values that repeat."""
    return [values[k] for k in RNG.integers(0, len(values), ROWS)]


BAKERY = some("north", "south", "old town", "port")


def guess(folder: Path, columns: Mapping[str, Any]) -> GuessedMapping:
    """The guess from a CSV file with these columns; it is read by the mapping, too."""
    path = folder / "table.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    guessed = guess_mapping(path)
    (folder / "mapping.yaml").write_text(mapping_text(guessed))
    dataset = mapped_dataset(folder / "mapping.yaml")
    assert {*dataset.source.events} == {*guessed.events, *guessed.later}
    return guessed

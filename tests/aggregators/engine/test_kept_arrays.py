"""What is kept for the next run stays within its bytes."""

from __future__ import annotations

import numpy as np

from aggregators.engine.kept_arrays import KeptArrays
from aggregators.typing import Int64Array


class Maker:
    """Counts how often arrays are made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> tuple[Int64Array, ...]:
        self.made += 1
        return (np.arange(10),)  # 80 bytes


def made_for(kept: KeptArrays, key: str) -> int:
    """How often the arrays of a key are made by asking for them once."""
    maker = Maker()
    kept.get(key, maker)
    return maker.made


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept = KeptArrays(170)
    assert [made_for(kept, key) for key in "abab"] == [1, 1, 0, 0]
    assert made_for(kept, "a") == 0
    assert made_for(kept, "c") == 1  # b goes
    assert [made_for(kept, key) for key in "cab"] == [0, 0, 1]


def test_nothing_is_kept_without_room() -> None:
    for bytes_max in (0, 79):
        kept = KeptArrays(bytes_max)
        assert [made_for(kept, "a") for _ in range(2)] == [1, 1]

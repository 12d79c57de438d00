"""Some of many rows: evenly chosen, each once, with the first and the last."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.core.sampling import evenly_spaced


@pytest.mark.parametrize("n_rows", [0, 1, 2, 7, 100, 12_345])
@pytest.mark.parametrize("most", [2, 3, 100, 5_000])
def test_rows_are_chosen_evenly(n_rows: int, most: int) -> None:
    chosen = evenly_spaced(n_rows, most)
    assert len(chosen) == min(n_rows, most)
    if n_rows:
        assert (chosen[0], chosen[-1]) == (0, n_rows - 1)
    gaps = np.diff(chosen)
    assert (gaps >= 1).all()
    if len(gaps):
        assert gaps.max() - gaps.min() <= 1

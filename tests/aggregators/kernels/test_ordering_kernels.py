"""Orders of queries and samples: Python's own sort and dictionaries are the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from aggregators.kernels.ordering_kernels import gather_rows, order_queries, own_places
from tests.aggregators.random_data import seeds


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("n", [0, 1, 200])
@pytest.mark.parametrize("n_groups", [0, 1, 7])
def test_queries_stand_by_group_and_those_without_one_first(
    seed: int, n: int, n_groups: int
) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, n_groups, n).astype(np.int32)
    in_time = rng.permutation(n).astype(np.int32)
    as_of, own_rows = rng.integers(0, 50, n), rng.integers(-1, 50, n)
    groups, moments, own, places = (np.empty(n, np.int64) for _ in range(4))
    next_place = np.zeros(n_groups + 2, np.int64)
    n_missing = order_queries(
        codes, in_time, n_groups, as_of, own_rows, next_place, groups, moments, own, places
    )
    expected = sorted(in_time.tolist(), key=codes.tolist().__getitem__)  # Python's sort is stable
    assert n_missing == codes.tolist().count(-1)
    assert places.tolist() == expected
    assert groups.tolist() == codes[expected].tolist()
    assert moments.tolist() == as_of[expected].tolist()
    assert own.tolist() == own_rows[expected].tolist()


def test_columns_are_gathered() -> None:
    table = np.arange(12).reshape(3, 4)
    result = np.empty((2, 5), np.int64)
    gather_rows(table, np.array([2, 0]), np.array([3, 3, 0, 1, 2], np.int32), result)
    assert result.tolist() == [[11, 11, 8, 9, 10], [3, 3, 0, 1, 2]]


def test_own_samples_are_found_where_they_stand() -> None:
    result = np.empty(4, np.int64)
    rows = np.array([4, 1, 0], np.int32)
    own_places(rows, np.array([0, -1, 4, 2]), np.full(5, -1, np.int32), result)
    assert result.tolist() == [2, -1, 0, -1]

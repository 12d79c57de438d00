"""Columns in the order of an index, and where samples stand in it."""

from __future__ import annotations

import numpy as np

from aggregators.kernels.ordering_kernels import move_rows, own_places, places_of


def test_rows_are_found_at_their_places() -> None:
    place_of = np.full(5, -1, np.int32)
    places_of(np.array([4, 1, 0], np.int32), place_of)
    assert place_of.tolist() == [2, 1, -1, -1, 0]


def test_columns_are_moved_to_the_places_of_their_rows() -> None:
    table = np.arange(12).reshape(3, 4)
    result = np.empty((2, 3), np.int64)
    move_rows(table, np.array([2, 0]), np.array([1, -1, 2, 0], np.int32), result)
    assert result.tolist() == [[11, 8, 10], [3, 0, 2]]


def test_own_samples_are_found_where_they_stand() -> None:
    result = np.empty(4, np.int64)
    own_places(np.array([2, 1, -1, -1, 0], np.int32), np.array([0, -1, 4, 2]), result)
    assert result.tolist() == [2, -1, 0, -1]

"""Columns of a request: of their length, each value kept as it came."""

from __future__ import annotations

import numpy as np
import pytest

from services.composition.order_columns import check_length, object_array, taken
from services.core.errors import InvalidRequest


def test_a_column_of_another_length_is_refused_with_its_field() -> None:
    check_length(["a", "b"], 2, "orders.city", "order")
    with pytest.raises(InvalidRequest, match="has 1 values; expected 2, one per order") as caught:
        check_length(["a"], 2, "orders.city", "order")
    assert caught.value.field == "orders.city"


def test_values_are_kept_as_they_are() -> None:
    values = [1, 2.5, "s", None, [1, 2], (3,)]
    array = object_array(iter(values))
    assert array.shape == (6,)
    assert all(kept is value for kept, value in zip(array, values, strict=True))
    assert object_array([[1, 2], [3, 4]]).shape == (2,)


def test_rows_are_taken_in_any_order_and_more_than_once() -> None:
    columns = {"a": object_array([1, "x", None]), "b": object_array([[0], 1, 2])}
    rows = np.array([2, 0, 0])
    assert taken(columns, rows) == {"a": [None, 1, 1], "b": [2, [0], [0]]}
    assert taken(columns, rows[:0]) == {"a": [], "b": []}

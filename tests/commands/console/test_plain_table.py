"""Numbers on the console: one digit, a dash for what is not known, differences with intervals."""

from __future__ import annotations

import math

import pytest

from commands.console.plain_table import (
    UNKNOWN,
    difference_text,
    number_text,
    plain_table,
    share_text,
)
from estimators.evaluation.comparison import LossDifference


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.56, "1,234.6"), (-0.04, "-0.0"), (0.0, "0.0"), (math.nan, UNKNOWN), (None, UNKNOWN)],
)
def test_a_number_has_one_digit(value: float | None, shown: str) -> None:
    assert number_text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "100.0%"), (0.0004, "0.0%"), (math.nan, UNKNOWN), (None, UNKNOWN)]
)
def test_a_share_is_percent(value: float | None, shown: str) -> None:
    assert share_text(value) == shown


def test_a_difference_has_signs_and_an_interval() -> None:
    worse = LossDifference(mean_s=-2.0, low_s=-3.04, high_s=1.06, reference_s=60.0, n_blocks=50)
    assert difference_text(worse) == "-2.0 [-3.0, +1.1]"
    assert difference_text(None) == ""


def test_numbers_stand_on_the_right_and_texts_on_the_left() -> None:
    table = plain_table("model", "MAE s", "saved", texts=["saved"], no_wrap=True, title="Models")
    assert [column.justify for column in table.columns] == ["left", "right", "left"]
    assert all(column.no_wrap for column in table.columns)
    assert table.title == "Models"
    assert table.box is None

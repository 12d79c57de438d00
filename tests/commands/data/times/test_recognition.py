"""What a column shows as a whole does not depend on how it is cut into pieces."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from commands.data.times.recognition import (
    SHAPES_MAX,
    TimeFormat,
    normalised,
    recognise,
    recognise_numbers,
)
from tests.aggregators.random_data import seeds


def _pieces(texts: list[str | None], rng: random.Random) -> list[pa.Array]:
    pieces, start = [], 0
    while start < len(texts):
        n = rng.randint(1, 9)
        pieces.append(pa.array(texts[start : start + n], pa.string()))
        start += n
    return pieces


@pytest.mark.parametrize("seed", seeds(5))
def test_pieces_show_what_the_whole_shows(seed: int) -> None:
    rng = random.Random(seed)
    mark = rng.choice("/.-")
    most = rng.choice([12, 28])
    texts: list[str | None] = [
        f"{rng.randint(1, 12)}{mark}{rng.randint(1, most)}{mark}2027 {rng.randint(0, 23)}:07"
        for _ in range(60)
    ]
    texts[::7] = [None] * len(texts[::7])
    whole = recognise([pa.array(texts, pa.string())])
    assert recognise(_pieces(texts, rng)) == whole
    assert whole.share == 1.0
    numbers = [[int(one) for one in text.split(" ")[0].split(mark)[:2]] for text in texts if text]
    expected = "month_first" if max(second for _, second in numbers) > 12 else "ambiguous"
    assert whole.order == expected


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["5/5/2027", "7/7/2027"], "day_first"),  # the same day, whichever stands first
        (["5/6/2027", "7/7/2027"], "ambiguous"),
        (["13/6/2027", "6/13/2027"], "mixed"),
        (["2027-05-06", "2027/5/6"], ""),
        (["12:30 5.6.2027", "12:30 25.6.2027"], "day_first"),
        (["25/6/27", "26/6/27"], "day_first"),
        (["6/25/27", "7/25/27"], "month_first"),
        (["25/6/99"], "day_first"),
        (["27-06-25", "27-06-26"], "ambiguous"),  # may be years
        (["25-06-27"], "ambiguous"),
    ],
)
def test_the_order_of_day_and_month_follows_from_all_dates(texts: list[str], order: str) -> None:
    assert recognise([pa.array(texts)]).order == order


def test_a_declared_order_is_taken() -> None:
    texts = pa.array(["5/6/2027"])
    assert recognise([texts], "month_first").patterns[0].text == "%m/%d/%Y"
    assert recognise([texts], "day_first").patterns[0].text == "%d/%m/%Y"


def test_the_share_counts_what_is_a_time() -> None:
    found = recognise([pa.array(["25/6/2027", "2027-06-25T10:00Z", "soon", "later"])])
    assert (found.share, found.has_iso) == (0.5, True)
    assert recognise([pa.array([None, None], pa.string())]) == TimeFormat()
    names = ["".join(random.Random(i).choices("ab?!#", k=8)) for i in range(3 * SHAPES_MAX)]
    assert recognise([pa.array(names)]).patterns == ()


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([1.83e9, 1.84e9], "s"), ([1.83e12], "ms"), ([1.83e15], "us"), ([1.83e18], "ns"),
        ([1.83e9, 1.83e12], ""), ([5.0], ""), ([0.0, 1.83e9], ""), ([], ""),
    ],
)  # fmt: skip
def test_the_unit_of_numbers_fits_all_of_them(values: list[float], unit: str) -> None:
    pieces = [pa.array(values, pa.float64()), pa.nulls(3, pa.float64())]
    assert recognise_numbers(pieces).unit == unit


def test_spaces_and_points_of_halves_do_not_count() -> None:
    given = pa.array(["  8:15   p.m. ", "8:15 A.M", None])
    assert normalised(given).to_pylist() == ["8:15 pm", "8:15 Am", None]

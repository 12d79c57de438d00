"""Texts of one length in the order of their code points; Python's sort is the oracle."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from aggregators.tables import text_order as module
from aggregators.tables.text_order import equally_long_order
from tests.aggregators.random_data import seeds

ALPHABETS = {
    "digits": "0123456789",
    "hex": "0123456789abcdef",
    "not ASCII": "éàüß",
    "bytes": "\x00\x7fA",
}


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("length", [1, 7, 8, 9, 32])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_it_is_pythons_order(
    seed: int, alphabet: str, length: int, kind: pa.DataType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIED_SHARE_MAX", 1.0)
    rng = random.Random(seed)
    letters = ALPHABETS[alphabet]
    texts = ["id-" + "".join(rng.choices(letters, k=length)) for _ in range(300)]
    # Some differ behind the bytes that make the number alone, and some not at all.
    texts += [text[:-1] + rng.choice(letters) for text in texts[:50]]
    expected = sorted(range(len(texts)), key=lambda row: texts[row].encode())
    found = equally_long_order(pa.array(["x", *texts], kind)[1:])
    assert found is not None
    assert [texts[row] for row in found] == [texts[row] for row in expected]
    assert sorted(found.tolist()) == list(range(len(texts)))


@pytest.mark.parametrize("texts", [["a", "bc"], ["", ""], ["é", "a"]])
def test_texts_of_other_lengths_are_left_to_others(texts: list[str]) -> None:
    assert equally_long_order(pa.array(texts)) is None


def test_texts_that_begin_alike_are_left_to_others() -> None:
    texts = [f"{i % 2}{'0' * 20}{i:04d}" for i in np.arange(1_000)]
    assert equally_long_order(pa.array(texts)) is None

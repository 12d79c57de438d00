"""The elements of an array are found whatever stands in them, and as json would split them."""

from __future__ import annotations

import json
import random

import pytest

from services.schemas.batch_elements import elements_of

SEED = 20_261_128


def random_value(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randrange(8 if depth < 3 else 6)
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {random_text(rng): random_value(rng, depth + 1) for _ in range(rng.randrange(4))}
    return (None, True, -1.5e-3, 12, random_text(rng), "")[kind]


def random_text(rng: random.Random) -> str:
    return "".join(rng.choice('a,"\\[]{}: \n\u00e9') for _ in range(rng.randrange(9)))


def test_random_arrays_are_split_as_json_splits_them() -> None:
    rng = random.Random(SEED)
    for _ in range(500):
        values = [random_value(rng) for _ in range(rng.randrange(1, 6))]
        indent = rng.choice([None, 1])
        elements = elements_of(json.dumps(values, indent=indent).encode())
        assert elements is not None, f"seed {SEED}: {values}"
        assert [json.loads(one) for one in elements] == values, f"seed {SEED}"


BROKEN = (b"", b"{}", b"1", b"[", b"[1", b"[1,]", b"[,1]", b"[]", b'["a]', b"[1] 2", b"[[1]", b"]")


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_single_closed_array_of_elements_is_none(body: bytes) -> None:
    assert elements_of(body) is None


def test_an_element_may_be_nonsense_without_spoiling_the_others() -> None:
    assert elements_of(b'[{"a": 1}, NaN, 1e999]') == [b'{"a": 1}', b"NaN", b"1e999"]

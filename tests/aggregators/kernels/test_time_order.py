"""Rows in the order of time: numpy's stable sort is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from aggregators.kernels import time_order as module
from aggregators.kernels.time_order import time_order
from aggregators.times import NEVER
from aggregators.typing import Int32Array, Int64Array
from tests.aggregators.random_data import seeds


def oracle(times: Int64Array) -> Int32Array:
    order = np.argsort(times, kind="stable")
    found: Int32Array = order[times[order] != NEVER].astype(np.int32)
    return found


def random_times(
    rng: np.random.Generator, n: int, span_us: int, missing_share: float
) -> Int64Array:
    times = rng.integers(-span_us, span_us, n, endpoint=True) + 10**15
    times[rng.random(n) < missing_share] = NEVER
    return times


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("n", [0, 1, 2, 10, 3_000])
@pytest.mark.parametrize("span_us", [0, 1, 10**6, 10**12, 2**52])
@pytest.mark.parametrize("key_bits", [63, 40, 24])
def test_it_is_numpys_stable_order(
    seed: int, n: int, span_us: int, key_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Keys of few bits need many segments, or do not suffice: as for hundreds of millions of rows.
    monkeypatch.setattr(module, "KEY_BITS", key_bits)
    monkeypatch.setattr(module, "SEGMENT_ROWS_BITS", 8)
    rng = np.random.default_rng(seed)
    for missing_share in (0.0, 0.1, 1.0):
        times = random_times(rng, n, span_us, missing_share)
        for given in (times, np.sort(times), np.sort(times)[::-1].copy()):
            found = time_order(given)
            assert found.dtype == np.int32
            np.testing.assert_array_equal(found, oracle(given))


def test_times_before_1970_are_ordered_too() -> None:
    times = np.array([3, -5, NEVER, -7, -5], np.int64)
    assert time_order(times).tolist() == [3, 1, 4, 0]
    assert time_order(np.array([-5, -7], np.int64)).tolist() == [1, 0]

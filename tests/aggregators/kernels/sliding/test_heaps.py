"""A heap gives its pairs back in order, and heaps share a pool."""

from __future__ import annotations

import heapq
import random

import pytest

from aggregators.kernels.sliding import heaps
from aggregators.kernels.sliding.pool import free_rows, new_pool
from tests.aggregators.random_data import seeds

N_ENTRIES = 400


@pytest.mark.parametrize("seed", seeds(8))
def test_heaps_equal_those_of_the_standard_library(seed: int) -> None:
    rng = random.Random(f"heaps {seed}")
    entries = new_pool(N_ENTRIES, heaps.ENTRY_SIZE)
    found, expected = [0, 0], [list[tuple[int, int]](), list[tuple[int, int]]()]
    for _ in range(2_000):
        which, draw = rng.randrange(2), rng.random()
        if draw < 0.55 and free_rows(entries) > 0:
            pair = (rng.randrange(40), rng.randrange(10))
            found[which] = heaps.push(entries, found[which], *pair)
            heapq.heappush(expected[which], pair)
        elif expected[which] and draw < 0.99:
            first = entries[found[which], [heaps.MOMENT, heaps.ROW]].tolist()
            assert tuple(first) == heapq.heappop(expected[which])
            found[which] = heaps.pop(entries, found[which])
        elif draw >= 0.995:
            heaps.clear_heap(entries, found[which])
            found[which], expected[which] = 0, []
        assert (found[which] == 0) == (not expected[which])
    for heap in found:
        heaps.clear_heap(entries, heap)
    assert free_rows(entries) == N_ENTRIES - 1

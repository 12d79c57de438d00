"""A tree of keys equals a sorted list, and gives back every node."""

from __future__ import annotations

import bisect
import random

import numpy as np
import pytest

from aggregators.kernels.sliding import sorted_keys
from aggregators.kernels.sliding.pool import free_rows, new_pool
from aggregators.typing import Int64Array
from tests.aggregators.random_data import seeds

N_NODES = 500


def new_tree() -> tuple[Int64Array, Int64Array]:
    nodes = new_pool(N_NODES, sorted_keys.NODE_SIZE)
    return nodes, np.zeros((1, sorted_keys.TREE_SIZE), np.int64)


def assert_equal(nodes: Int64Array, tree: Int64Array, keys: list[int], rng: random.Random) -> None:
    assert tree[0, sorted_keys.N_KEYS] == len(keys)
    assert tree[0, sorted_keys.UNIQUE] == len(set(keys))
    for rank in {0, len(keys) // 2, len(keys) - 1} if keys else ():
        assert sorted_keys.key_at(nodes, tree, 0, 0, rank) == keys[rank]
    near = (rng.choice(keys) if keys else 0) + rng.randrange(-1, 2)
    assert sorted_keys.count_less(nodes, tree, 0, 0, near) == bisect.bisect_left(keys, near)
    assert sorted_keys.count_equal(nodes, tree, 0, 0, near) == keys.count(near)
    if near in keys:
        assert sorted_keys.is_single(nodes, tree, 0, 0, near) == (keys.count(near) == 1)


@pytest.mark.parametrize("seed", seeds(12))
def test_a_tree_equals_a_sorted_list(seed: int) -> None:
    rng = random.Random(f"tree {seed}")
    nodes, tree = new_tree()
    keys: list[int] = []
    size, spread = rng.choice((5, 200, 3_000)), rng.choice((3, 50, 10**12))
    ways = (lambda i: rng.randrange(-spread, spread), lambda i: i // 2, lambda i: -i // 3)
    next_key = rng.choice(ways)
    for step in range(min(3 * size, 4_000)):
        is_growing = step < size or (step // size) % 2 == 0
        if not keys or rng.random() < (0.9 if is_growing else 0.2):
            key = next_key(step)
            sorted_keys.insert_key(nodes, tree, 0, 0, key)
            bisect.insort(keys, key)
        else:
            place = rng.choice((0, len(keys) - 1, rng.randrange(len(keys))))
            sorted_keys.erase_key(nodes, tree, 0, 0, keys.pop(place))
        if step % 31 == 0:
            assert_equal(nodes, tree, keys, rng)
    found = [sorted_keys.key_at(nodes, tree, 0, 0, rank) for rank in range(len(keys))]
    assert found == keys
    if seed % 2 == 0:
        sorted_keys.clear_tree(nodes, tree, 0, 0)
    for key in keys if seed % 2 else ():
        sorted_keys.erase_key(nodes, tree, 0, 0, key)
    assert free_rows(nodes) == N_NODES - 1

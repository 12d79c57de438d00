"""Plans are divided into parts, and what they share is made once and then forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from aggregators.engine.tasks import PARTS_PER_THREAD, SharedCluster, parts_of


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_part_is_longer_than_its_share(threads: int) -> None:
    costs = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    parts = parts_of(costs, sum(costs), threads)
    assert [number for part in parts for number in part] == list(range(len(costs)))
    most = sum(costs) if threads == 1 else sum(costs) // (PARTS_PER_THREAD * threads)
    assert all(len(part) == 1 or sum(costs[i] for i in part) <= most for part in parts)
    assert (len(parts) == 1) == (threads == 1)


def test_a_cluster_is_made_once_and_forgotten_after_the_last_task() -> None:
    made: list[Any] = []

    def make() -> Any:
        made.append((object(), object()))
        return made[-1]

    shared = SharedCluster(make, 2)
    assert shared.take() is shared.take()
    assert len(made) == 1
    shared.give_back()
    assert shared.take() is made[0]
    shared.give_back()
    assert shared.take() is not made[0]

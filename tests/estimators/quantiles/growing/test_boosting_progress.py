"""How far boosting is: a part after each tree of all levels, 1 at the end."""

from __future__ import annotations

from estimators.quantiles.growing.boosting_progress import BoostingProgress


def test_each_tree_counts_and_the_last_one_makes_it_whole() -> None:
    told: list[float] = []
    progress = BoostingProgress(8, told.append)
    for _ in range(8):
        progress.count(None)
    assert told == [k / 8 for k in range(1, 9)]


def test_nobody_needs_to_listen() -> None:
    progress = BoostingProgress(1, None)
    progress.count(None)

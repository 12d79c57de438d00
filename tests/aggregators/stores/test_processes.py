"""Several processes share a store: nothing is lost, and what is acknowledged is seen by all."""

from __future__ import annotations

import random
from collections.abc import Callable

import pandas as pd

from tests.aggregators.stores.child import ORDERS, batch_of
from tests.aggregators.stores.children import Child, groups_of, memory_of, samples_of
from tests.aggregators.stores.places import Place

StartChild = Callable[..., Child]

BATCHES = 60


def test_writers_in_several_processes_lose_nothing(
    shared_place: Place, start_child: StartChild
) -> None:
    """They correct each other's events, and move each other's samples."""
    seed = random.randrange(10**6)
    store = shared_place.open([ORDERS])
    children = [Child(shared_place, seed, first=first, step=3, last=BATCHES) for first in range(3)]
    while children[0].acknowledged() < BATCHES - 3:
        groups_of(store)  # a reader that is always in the middle of it
    for child in children:
        child.rest()
        assert child.succeeded
    memory = memory_of(seed, range(BATCHES))
    pd.testing.assert_frame_equal(samples_of(store), samples_of(memory), obj=f"seed {seed}")
    assert groups_of(store) == groups_of(memory), f"seed {seed}"
    assert groups_of(shared_place.open([ORDERS])) == groups_of(memory), f"seed {seed}"


def test_what_is_acknowledged_is_in_every_later_read_of_other_processes(
    shared_place: Place, start_child: StartChild
) -> None:
    seed = random.randrange(10**6)
    memory = memory_of(seed, ())
    reader = shared_place.open([ORDERS])
    children = [
        start_child(shared_place, seed, first=first, step=2, last=BATCHES, lockstep=True)
        for first in range(2)
    ]
    for number in range(BATCHES):
        children[number % 2].go()
        assert children[number % 2].acknowledged() == number
        memory.append(batch_of(seed, number))
        assert groups_of(reader) == groups_of(memory), f"seed {seed}, batch {number}"
    for child in children:
        child.rest()
        assert child.succeeded

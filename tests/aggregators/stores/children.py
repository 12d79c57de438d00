"""Starts other processes that append, and compares what they leave with what they were told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aggregators import FeatureSet, MemoryEventStore, StatsBetweenEvents, StatsLastNSamples
from tests.aggregators.stores.child import BATCHES, GROUPS, ORDERS, START_US, batch_of
from tests.aggregators.stores.places import Place

ROOT = Path(__file__).parent.parent.parent.parent
AS_OF_US = START_US + 3_600_000_000
KEYS: dict[str, list[Any]] = {
    "store_id": [f"store_id-{number}" for number in range(GROUPS)],
    "courier_id": [f"courier_id-{number}" for number in range(GROUPS)],
    "city": ["BCN", "WAW"] * (GROUPS // 2),
}
FEATURES = FeatureSet(
    feature
    for dimension in ORDERS.dimensions
    for feature in (
        StatsBetweenEvents(
            ORDERS,
            dimension=dimension,
            function="count",
            first_event="activated",
            second_event="delivered",
        ),
        StatsLastNSamples(
            ORDERS,
            dimension=dimension,
            function="sum",
            attribute="amount",
            event="ready",
            n=10_000,
        ),
    )
)


class Child:
    """A process that appends batches to a place; in lockstep, one each time it is told to."""

    def __init__(
        self,
        place: Place,
        seed: int,
        *,
        first: int = 0,
        step: int = 1,
        last: int = BATCHES,
        lockstep: bool = False,
    ) -> None:
        numbers = map(str, (seed, first, step, last, int(lockstep)))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.aggregators.stores.child", *place.arguments, *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        assert self._output.readline() == "ready\n"

    def go(self) -> None:
        """Let it append the next batch."""
        self._input.write("go\n")
        self._input.flush()

    def acknowledged(self) -> int:
        """Wait for the next batch that is acknowledged; return its number."""
        return int(self._output.readline())

    def kill(self) -> list[int]:
        """End it at once; return the batches that were acknowledged since the last look."""
        self._process.kill()
        return [] if self._output.closed else self.rest()

    def rest(self) -> list[int]:
        """Wait for its end; return the batches that were acknowledged since the last look."""
        numbers = [int(line) for line in self._output if line.endswith("\n")]
        self._process.wait()
        self._input.close()
        self._output.close()
        return numbers

    @property
    def succeeded(self) -> bool:
        """Whether it has ended by itself, and well."""
        return self._process.returncode == 0


def memory_of(seed: int, numbers: Iterable[int]) -> MemoryEventStore:
    """A store in memory that has these batches."""
    memory = MemoryEventStore([ORDERS])
    for number in numbers:
        memory.append(batch_of(seed, number))
    return memory


def samples_of(store: Any) -> pd.DataFrame:
    """The store's table in the order of the ids."""
    table: pd.DataFrame = store.table(ORDERS).sort_values("order_id").reset_index(drop=True)
    return table


def groups_of(store: Any) -> bytes:
    """The bits of features that every sample of every group has a part in."""
    values = FEATURES.transform_many(store, as_of=AS_OF_US, keys=KEYS, sample_id=None)
    return bytes(values.tobytes())

"""Windows of many sizes: every function gives the bits of its definition.

Sums are added up in blocks, numpy's pairwise sums in halves, and sorting changes its method with
the size. Random tables of a few dozen rows see none of that, so here are windows of up to three
thousand values.

Tests `aggregators.kernels.function_kernels`, `aggregators.kernels.order_statistics` and
`aggregators.kernels.pairwise_sum`.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tsfresh.feature_extraction.feature_calculators import mean_abs_change

from aggregators import FeatureSet, MemoryEventStore, StatsAfterEvent, quantile, tsfresh
from tests.aggregators import oracle
from tests.aggregators.building import assert_values_equal, bits_of, moment_from, source_from
from tests.aggregators.random_data import IS_UNCOMPILED, seeds, times_of
from tests.aggregators.specs import (
    HOUR,
    PLAIN_FUNCTIONS,
    FunctionSpec,
    SourceSpec,
    quantile_of,
)

SOURCE = SourceSpec(events=("done",), dimensions=("store_id",), attributes=("amount",))
LARGEST = 640 if IS_UNCOMPILED else 3_000
# Around the sizes where one way of adding ends and another begins, and some in between.
ALL_SIZES = (
    {*range(1, 45), 63, 64, 65, 127, 128, 129, 130, 135, 136, 137, 191, 192, 255, 256, 257, 264}
    | {383, 511, 512, 513, 640, 777, 1000, 1023, 1024, 1025, 1031, 1300, 2047, 2048, 2049, LARGEST}
)  # fmt: skip
SIZES = sorted(size for size in ALL_SIZES if size <= LARGEST)
KINDS_OF_VALUES = (
    *("normal", "wide", "widest", "small", "few", "rising", "falling", "equal", "zigzag"),
)
QUANTILES = (0.0, 0.01, 0.25, 1 / 3, 0.5, 0.9, 0.95, 0.999, 1.0)
FUNCTIONS = [
    *(FunctionSpec(name) for name in PLAIN_FUNCTIONS),
    *(quantile_of(q) for q in QUANTILES),
]


def features() -> FeatureSet:
    common: dict[str, Any] = {
        "dimension": "store_id",
        "attribute": "amount",
        "event": "done",
        "window": "20000d",
    }
    source = source_from(SOURCE)
    return FeatureSet(
        [
            StatsAfterEvent(
                source,
                function=quantile(dict(each.parameters)["q"]) if each.parameters else each.name,
                name=f"f{number}",
                **common,
            )
            for number, each in enumerate(FUNCTIONS)
        ]
    )


def some_values(kind: str, rng: random.Random) -> list[float]:
    if kind == "wide":
        return [rng.uniform(-1, 1) * 10.0 ** rng.randint(-12, 12) for _ in range(LARGEST)]
    if kind == "widest":  # beyond the fixed point of the accumulators
        return [rng.uniform(-1, 1) * 2.0 ** rng.randint(-1074, 1000) for _ in range(LARGEST)]
    if kind == "small":  # a few values that cannot be cut into two parts
        return [rng.choice([1e9, 1e-9, 1.0, 1e-11]) * rng.random() for _ in range(LARGEST)]
    if kind == "few":
        return [float(rng.randint(0, 9)) / 3 for _ in range(LARGEST)]
    if kind == "rising":
        return [1e6 + 0.1 * number for number in range(LARGEST)]
    if kind == "falling":
        return [1e6 - 0.1 * number for number in range(LARGEST)]
    if kind == "equal":
        return [0.1] * LARGEST
    if kind == "zigzag":
        return [(-1.0) ** number * 0.1 * (number // 2) for number in range(LARGEST)]
    return [rng.gauss(600, 240) for _ in range(LARGEST)]


@pytest.mark.parametrize("kind", KINDS_OF_VALUES)
@pytest.mark.parametrize("seed", seeds(1))
def test_every_size_gives_the_bits_of_the_definition(seed: int, kind: str) -> None:
    rng = random.Random(f"{seed} {kind}")
    values = some_values(kind, rng)
    times = [HOUR + number for number in range(LARGEST)]
    table = pd.DataFrame(
        {
            "order_id": range(LARGEST),
            "done": times_of(times),
            "store_id": "s",
            "amount": values,
        }
    )
    # At a microsecond after the n-th sample just n of them have happened.
    moments = [times[size - 1] + 1 for size in SIZES]
    spine = pd.DataFrame({"as_of": times_of(moments), "store_id": "s"})
    trained = features().transform(table, "training", at=spine)
    for number, function in enumerate(FUNCTIONS):
        expected = [oracle.function_value(function, values[:size]) for size in SIZES]
        story = f"seed {seed}, {kind} values, {function}, sizes {SIZES}"
        assert_values_equal(trained[f"f{number}"], np.array(expected), story)
    store = MemoryEventStore(sources=[source_from(SOURCE)])
    store.append_table(source_from(SOURCE), table)
    for row in range(0, len(SIZES), 7):
        inferred = features().transform_array(
            store, as_of=moment_from(moments[row]), keys={"store_id": "s"}, sample_id=None
        )
        assert (bits_of(trained.iloc[row]) == bits_of(inferred)).all(), f"seed {seed}, {kind}"


@pytest.mark.parametrize("kind", ["normal", "wide", "zigzag"])
def test_the_compiled_calculator_gives_tsfreshs_bits(kind: str) -> None:
    values = some_values(kind, random.Random(kind))
    times = [HOUR + number for number in range(LARGEST)]
    table = pd.DataFrame(
        {"order_id": range(LARGEST), "done": times_of(times), "store_id": "s", "amount": values}
    )
    moments = [times[size - 1] + 1 for size in SIZES]
    spine = pd.DataFrame({"as_of": times_of(moments), "store_id": "s"})
    feature = StatsAfterEvent(
        source_from(SOURCE),
        dimension="store_id",
        function=tsfresh("mean_abs_change"),
        attribute="amount",
        event="done",
        window="20000d",
    )
    found = feature.transform(table, "training", at=spine)
    expected = [np.nan, *(mean_abs_change(np.array(values[:size])) for size in SIZES[1:])]
    assert SIZES[0] == 1
    assert_values_equal(found, np.array(expected), kind)

"""Windows that slide give the bits of the definition, whatever enters and leaves.

So all parts of the walk are tested at once: aggregators.kernels.sliding.advance, its samples
(aggregators.kernels.sliding.samples), aggregators.kernels.sliding.tracks,
aggregators.kernels.sliding.query and aggregators.kernels.sliding.answers. Keys move by
aggregators.kernels.sliding.moving, and training has copies of the kernels from
aggregators.kernels.sliding.inlining. Answers are written by aggregators.kernels.buffered_answers.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from aggregators.functions import CODES
from aggregators.kernels import selection
from aggregators.kernels.attribute_kernels import STACK_SIZE
from aggregators.kernels.plan import SelectionPlan
from aggregators.kernels.sliding.walk import KEEP_NOTHING
from aggregators.kernels.sliding.window import IndexedSamples
from aggregators.kernels.sliding.windows import SlidingWindows, sliding_part
from aggregators.typing import Float64Array
from tests.aggregators.kernels.sliding import streams
from tests.aggregators.random_data import seeds


def plan_of(stream: streams.Stream) -> tuple[SelectionPlan, list[tuple[int, str]]]:
    """All functions of all attributes, and what each output row is."""
    programs = [streams.program(attribute) for attribute in range(streams.SAMPLES)]
    outputs: list[tuple[int, str]] = [(streams.SAMPLES, "count")]
    functions = [(-1, CODES["count"], 0)]
    for attribute in range(streams.SAMPLES):
        for name in streams.FUNCTIONS:
            functions.append((attribute, CODES[name], len(outputs)))
            outputs.append((attribute, name))
    functions.sort()
    plan = SelectionPlan(
        dimension="",
        order_event="",
        exclude_self=True,
        spec=stream.spec,
        programs=np.array([step for steps in programs for step in steps], np.int64),
        program_bounds=np.cumsum([0, *map(len, programs)]),
        functions=np.array(functions, np.int64),
        arguments=np.full(len(functions), streams.ARGUMENT),
        expensive=(),
    )
    return plan, outputs


def slid(
    stream: streams.Stream, cuts: list[int], keep_rows: int
) -> tuple[Float64Array, list[tuple[int, str]]]:
    """The answers of the walk, in the given parts; NaN where it has none; and what they are."""
    plan, outputs = plan_of(stream)
    sliding, direct = sliding_part(plan)
    result = np.full((len(outputs), len(stream.groups)), np.nan)
    if sliding is None:
        return result, []
    windows = SlidingWindows(sliding, len(stream.offsets) - 1)
    samples = IndexedSamples(
        stream.rows, stream.offsets, stream.times, stream.columns, np.empty(STACK_SIZE)
    )
    asked = np.arange(len(stream.groups))
    for part in np.split(np.argsort(stream.as_of, kind="stable"), cuts):
        some = part[np.argsort(stream.groups[part], kind="stable")]
        windows.answer(
            samples,
            stream.groups[some],
            stream.as_of[some],
            stream.own_rows[some],
            asked[some],
            result,
            keep_rows=keep_rows,
        )
    left_out = set() if direct is None else set(direct.functions[:, 2].tolist())
    return result, [what if i not in left_out else (-1, "") for i, what in enumerate(outputs)]


def assert_right(stream: streams.Stream, cuts: list[int], keep_rows: int, what: str) -> int:
    """Compare with the definition; return how many values were compared."""
    result, outputs = slid(stream, cuts, keep_rows)
    n = 0
    for row, (attribute, name) in enumerate(outputs):
        if attribute < 0:
            continue
        for query in range(len(stream.groups)):
            expected = streams.answer(stream, attribute, name, query)
            assert np.array_equal(result[row, query], expected, equal_nan=True), (
                what, attribute, name, query, result[row, query], expected,
            )  # fmt: skip
            n += 1
    return n


@pytest.mark.parametrize("seed", seeds(60))
@pytest.mark.parametrize("wide", [False, True])
def test_every_function_has_the_bits_of_the_definition(seed: int, wide: bool) -> None:
    rng = random.Random(f"walk {seed} {wide}")
    stream = streams.random_stream(rng, wide=wide)
    streams.random_selection(rng, stream)
    n_cuts = rng.choice((0, 0, 1, 4))
    cuts = sorted(rng.randrange(len(stream.groups) + 1) for _ in range(n_cuts))
    keep_rows = rng.choice((0, 3, KEEP_NOTHING))
    what = f"seed={seed} wide={wide} spec={stream.spec.tolist()} cuts={cuts}"
    compared = assert_right(stream, cuts, keep_rows, what)
    has_gate = stream.gate != selection.KNOWN
    is_last_n = stream.spec[selection.KIND] == selection.LAST_N
    assert (compared == 0) == (has_gate and is_last_n)

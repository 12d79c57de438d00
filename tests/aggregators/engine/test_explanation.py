"""An explanation names the samples which the oracle selects, and says why others were left out."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from aggregators import MemoryEventStore
from tests.aggregators import oracle
from tests.aggregators.building import feature_from, moment_from, source_from
from tests.aggregators.random_data import (
    ID_KINDS,
    IdKind,
    RandomTable,
    random_queries,
    random_table,
    seeds,
)
from tests.aggregators.random_specs import random_spec
from tests.aggregators.specs import Query, Row, Spec


def expected_samples(table: RandomTable, spec: Spec, query: Query) -> list[tuple[Any, ...]]:
    samples = []
    for row in oracle.selected(table.rows, spec, table.source, query):
        value = None
        if spec.attribute is not None:
            exact = oracle.attribute_of(row, spec.attribute, table.source, query.as_of)
            value = None if exact is None else float(exact)
        moment = moment_from(row[spec.selecting_event])
        samples.append((row[table.source.sample_id], moment, value))
    return samples


@pytest.mark.parametrize("data", ["table", "store"])
@pytest.mark.parametrize("ids", ID_KINDS)
@pytest.mark.parametrize("seed", seeds(8))
def test_the_samples_are_those_of_the_oracle(seed: int, ids: IdKind, data: str) -> None:
    rng = random.Random(f"explain {seed}")
    table = random_table(seed, ids, always=())
    source = source_from(table.source)
    given: Any = table.frame()
    if data == "store":
        given = MemoryEventStore(sources=[source])
        given.append_table(source, table.frame())
    for spec in [random_spec(rng) for _ in range(6)]:
        feature = feature_from(spec, source)
        for asked in random_queries(rng, table, count=3):
            query = Query(asked[spec.dimension], asked["as_of"], asked[table.source.sample_id])
            explanation = feature.explain(
                given, as_of=moment_from(query.as_of), key=query.key, sample_id=query.sample_id
            )
            story = f"{table}\n{spec}\n{query}"
            found = [(each.sample_id, each.event_time, each.value) for each in explanation.samples]
            assert found == expected_samples(table, spec, query), story
            expected = oracle.value(table.rows, spec, table.source, query)
            same = math.isnan(expected) and math.isnan(explanation.value)
            assert same or explanation.value == expected, story
            for row in table.rows:
                check_reason(row, table, spec, query, explanation.why(row["order_id"]))


def check_reason(row: Row, table: RandomTable, spec: Spec, query: Query, reason: str) -> None:
    """A reason is true: it may name any of several that hold, but none that does not."""
    story = f"{table}\n{spec}\n{query}\n{row}\n{reason}"
    chosen = oracle.selected(table.rows, spec, table.source, query)
    assert repr(row["order_id"]) in reason, story
    if row in chosen:
        assert "is selected" in reason, story
        return
    assert "is left out" in reason, story
    if "as_of" in reason and "has not happened" in reason and "known from" not in reason:
        assert not oracle.has_happened(row, spec.selecting_event, query.as_of), story
    elif "known from" in reason:
        assert oracle.group_of(row, spec.dimension, table.source, query.as_of) is None, story
    elif "exclude_self" in reason:
        assert spec.exclude_self, story
        assert row["order_id"] == query.sample_id, story
    elif "window" in reason:
        assert row[spec.event] < query.as_of - spec.window_us, story
    elif "max_age" in reason:
        assert spec.max_age_us is not None, story
        assert row[spec.first_event] < query.as_of - spec.max_age_us, story
    elif "come before it" in reason:
        assert len(chosen) == spec.n, story
        assert row[spec.event] <= chosen[0][spec.event], story
    elif "has happened" in reason:
        closed = [each for each in spec.second_events if repr(each) in reason]
        assert closed, story
        assert all(oracle.has_happened(row, each, query.as_of) for each in closed), story
    elif "no such sample" in reason:
        assert all(row[event] is None for event in table.source.events), story
    elif "missing" in reason:
        assert row[spec.dimension] is None, story
    else:
        assert f"not {query.key!r}" in reason, story
        assert row[spec.dimension] != query.key, story


def test_an_explanation_reads_well() -> None:
    table = random_table(1, "str")
    spec = random_spec(random.Random(1), kind="last_n")
    feature = feature_from(spec, source_from(table.source))
    last = max(row["activated"] for row in table.rows)
    explanation = feature.explain(
        table.frame(), as_of=moment_from(last + 1), key="s-10", sample_id=None
    )
    assert feature.name in str(explanation)
    assert "s-10" in str(explanation)
    written = explanation.to_dict()
    assert written["feature"] == feature.name
    assert len(written["samples"]) == len(explanation.samples)
    assert "no such sample" in explanation.why("o-unheard-of")

"""Hypothesis strategies for specifications and tables."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.aggregators.random_data import (
    ATTRIBUTES,
    DIMENSIONS,
    EVENTS,
    ID_KINDS,
    RandomTable,
    random_table,
)
from tests.aggregators.random_specs import FUNCTION_SPECS, LENGTHS_US
from tests.aggregators.specs import (
    HOUR,
    KINDS,
    AttributeSpec,
    DurationSpec,
    ElapsedSpec,
    FunctionSpec,
    RatioSpec,
    Spec,
    quantile_of,
    with_unread_fields_reset,
)

events = st.sampled_from(EVENTS)
event_pairs = st.lists(events, min_size=2, max_size=2, unique=True)
lengths_us = st.sampled_from(LENGTHS_US) | st.integers(min_value=1, max_value=2 * HOUR)


@st.composite
def bounded_durations(draw: st.DrawFn) -> DurationSpec:
    """A duration with one bound or two."""
    start, end = draw(event_pairs)
    low_us, high_us = sorted(draw(st.lists(lengths_us | st.just(0), min_size=2, max_size=2)))
    given = draw(st.sampled_from(("low", "high", "both")))
    return DurationSpec(
        start,
        end,
        low_us=None if given == "high" else low_us,
        high_us=None if given == "low" else high_us,
        beyond="missing" if draw(st.booleans()) else "bound",
    )


attributes: st.SearchStrategy[AttributeSpec] = st.recursive(
    st.sampled_from(ATTRIBUTES)
    | event_pairs.map(lambda pair: DurationSpec(pair[0], pair[1]))
    | bounded_durations()
    | events.map(ElapsedSpec),
    lambda inner: st.builds(RatioSpec, inner, inner),
    max_leaves=4,
)

functions: st.SearchStrategy[FunctionSpec] = st.sampled_from(FUNCTION_SPECS) | st.floats(
    min_value=0.0, max_value=1.0
).map(quantile_of)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Any specification over the source of the random tables."""
    function = draw(functions)
    may_be_none = function == FunctionSpec("count")
    first_event, *second_events = draw(st.lists(events, min_size=2, max_size=4, unique=True))
    spec = Spec(
        kind=draw(st.sampled_from(KINDS)),
        dimension=draw(st.sampled_from(DIMENSIONS)),
        function=function,
        attribute=draw(st.none() | attributes if may_be_none else attributes),
        exclude_self=draw(st.booleans()),
        event=draw(events),
        n=draw(st.integers(min_value=1, max_value=70)),
        first_event=first_event,
        second_events=tuple(second_events),
        max_age_us=draw(st.none() | lengths_us),
        window_us=draw(lengths_us),
    )
    return with_unread_fields_reset(spec)


def tables(always: Sequence[str] = ("activated",)) -> st.SearchStrategy[RandomTable]:
    """Random tables of few rows, so that a failing example is small."""
    return st.builds(
        lambda seed, ids, rows: random_table(seed, ids, rows=rows, always=always),
        st.integers(min_value=0, max_value=10_000),
        st.sampled_from(ID_KINDS),
        st.integers(min_value=1, max_value=25),
    )

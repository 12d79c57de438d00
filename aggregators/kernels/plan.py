"""Turns features into the arrays that the kernels take: each selection once, whoever shares it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from aggregators.attributes import (
    Attribute,
    Duration,
    Elapsed,
    columns_of,
    events_of,
)
from aggregators.events import Source
from aggregators.features.after_event import StatsAfterEvent
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents
from aggregators.features.last_n_samples import StatsLastNSamples
from aggregators.functions import EXPENSIVE, AnyFunction, function_code
from aggregators.kernels import query_kernels as kernels
from aggregators.kernels import selection
from aggregators.typing import Float64Array, Int64Array

__all__ = [
    "Layout",
    "PythonFeature",
    "SelectionPlan",
    "compile_features",
    "needed_layout",
    "program_of",
]


@dataclass(frozen=True)
class Layout:
    """Where a source's events and columns stand in the arrays.

    ``folded`` gives, for attributes that were computed for the whole table beforehand, the column
    of their values and the row of ``times`` from which they are known. ``precedes`` holds pairs of
    rows of ``times`` of which the first is never later than the second in this table: what is known
    from the first on is known of every sample that is selected by the second.
    """

    events: Mapping[str, int]
    columns: Mapping[str, int]
    folded: Mapping[Attribute, tuple[int, int]] = field(default_factory=dict)
    precedes: frozenset[tuple[int, int]] = frozenset()

    def gate(self, known: int, order_event: str) -> int:
        """Return the event to check before a column may be used, or KNOWN if there is no need."""
        selected_by = self.events[order_event]
        if known == selected_by or (known, selected_by) in self.precedes:
            return selection.KNOWN
        return known

    @classmethod
    def of_source(cls, source: Source) -> Layout:
        """Return the layout of all events and attribute columns in their declared order."""
        return cls(
            {name: i for i, name in enumerate(source.events)},
            {name: i for i, name in enumerate(source.attributes)},
        )


@dataclass(frozen=True)
class PythonFeature:
    """A feature whose function runs in Python, once per distinct window."""

    output: int
    function: AnyFunction
    program: Int64Array
    feature: str


@dataclass(frozen=True)
class SelectionPlan:
    """One selection with all that is computed over it, as the kernels' arrays."""

    dimension: str
    order_event: str
    exclude_self: bool
    spec: Int64Array
    programs: Int64Array
    program_bounds: Int64Array
    functions: Int64Array
    arguments: Float64Array
    expensive: tuple[PythonFeature, ...]

    @property
    def is_endless(self) -> bool:
        """Whether a sample may be selected however long ago its event was."""
        is_interval = self.spec[selection.KIND] == selection.BETWEEN_EVENTS
        return bool(is_interval and self.spec[selection.MAX_AGE_US] == selection.NO_LIMIT)

    @property
    def closing(self) -> list[int]:
        """The rows of ``times`` that close an interval."""
        n_closing = int(self.spec[selection.N_CLOSING])
        closing: list[int] = self.spec[selection.CLOSING :][:n_closing].tolist()
        return closing

    @cached_property
    def outputs(self) -> Int64Array:
        """The features' output rows, shape (n_features,)."""
        expensive = [item.output for item in self.expensive]
        return np.array([*self.functions[:, 2].tolist(), *expensive], np.int64)


def needed_layout(features: Iterable[Aggregator]) -> Layout:
    """Return the layout of just those events and columns that the features of one source need."""
    events: dict[str, int] = {}
    columns: dict[str, int] = {}
    for feature in features:
        source = feature.source
        names = [*feature.events, source.known_from_event(feature.dimension)]
        if feature.attribute is not None:
            names += events_of(feature.attribute)
            for column in columns_of(feature.attribute):
                columns.setdefault(column, len(columns))
                names.append(source.known_from_event(column))
        for name in names:
            events.setdefault(name, len(events))
    return Layout(events, columns)


def compile_features(
    features: Iterable[tuple[int, Aggregator]], layout: Layout
) -> list[SelectionPlan]:
    """Return one plan per distinct selection of the features of one source.

    Args:
        features: (output row, feature).
        layout: where the arrays hold what.
    """
    shared: dict[tuple[object, ...], list[tuple[int, Aggregator]]] = {}
    for output, feature in features:
        spec = spec_of(feature, layout)
        key = (feature.dimension, feature.order_event, feature.exclude_self, spec.tobytes())
        shared.setdefault(key, []).append((output, feature))
    return [_compile_selection(members, layout) for members in shared.values()]


def spec_of(feature: Aggregator, layout: Layout) -> Int64Array:
    """Return the selection's fields as the kernels read them."""
    gate_event = feature.source.known_from_event(feature.dimension)
    gate = layout.gate(layout.events[gate_event], feature.order_event)
    closing: list[int] = []
    n, window_us, max_age_us = 0, 0, selection.NO_LIMIT
    if isinstance(feature, StatsLastNSamples):
        kind, n = selection.LAST_N, feature.n
    elif isinstance(feature, StatsAfterEvent):
        kind, window_us = selection.AFTER_EVENT, feature.window_us
    else:
        assert isinstance(feature, StatsBetweenEvents)
        kind = selection.BETWEEN_EVENTS
        max_age_us = feature.max_age_us or selection.NO_LIMIT
        closing = sorted(layout.events[event] for event in feature.closing_events)
    event = layout.events[feature.order_event]
    fields = [kind, event, gate, n, window_us, max_age_us, len(closing), *closing]
    return np.array(fields, np.int64)


def _compile_selection(members: list[tuple[int, Aggregator]], layout: Layout) -> SelectionPlan:
    first = members[0][1]
    programs: dict[Attribute | None, Int64Array] = {}
    cheap: list[tuple[int, int, int, float]] = []
    expensive: list[PythonFeature] = []
    for output, feature in members:
        attribute = feature.attribute
        if attribute is not None and attribute not in programs:
            programs[attribute] = program_of(attribute, feature, layout)
        code, argument = function_code(feature.function)
        if code == EXPENSIVE:
            program = programs[attribute]
            expensive.append(PythonFeature(output, feature.function, program, feature.name))
        else:
            number = -1 if attribute is None else list(programs).index(attribute)
            cheap.append((number, code, output, argument))
    cheap.sort()
    steps = list(programs.values())
    bounds = np.cumsum([0, *(len(program) for program in steps)], dtype=np.int64)
    return SelectionPlan(
        dimension=first.dimension,
        order_event=first.order_event,
        exclude_self=first.exclude_self,
        spec=spec_of(first, layout),
        programs=np.concatenate(steps) if steps else np.empty((0, 3), np.int64),
        program_bounds=bounds,
        functions=np.array([entry[:3] for entry in cheap], np.int64).reshape(-1, 3),
        arguments=np.array([entry[3] for entry in cheap], np.float64),
        expensive=tuple(expensive),
    )


def program_of(attribute: Attribute, feature: Aggregator, layout: Layout) -> Int64Array:
    """Return an attribute's steps in postfix order, shape (n_steps, 3)."""
    steps = list(_steps(attribute, feature.source, feature.order_event, layout))
    return np.array(steps, np.int64).reshape(-1, 3)


def _steps(
    attribute: Attribute, source: Source, order_event: str, layout: Layout
) -> Iterable[tuple[int, int, int]]:
    if attribute in layout.folded:
        column, known = layout.folded[attribute]
        yield kernels.COLUMN, column, layout.gate(known, order_event)
    elif isinstance(attribute, str):
        event = layout.events[source.known_from_event(attribute)]
        yield kernels.COLUMN, layout.columns[attribute], layout.gate(event, order_event)
    elif isinstance(attribute, Duration):
        yield kernels.DURATION, layout.events[attribute.start], layout.events[attribute.end]
    elif isinstance(attribute, Elapsed):
        yield kernels.ELAPSED, layout.events[attribute.since], 0
    else:
        yield from _steps(attribute.numerator, source, order_event, layout)
        yield from _steps(attribute.denominator, source, order_event, layout)
        yield kernels.DIVIDE, 0, 0

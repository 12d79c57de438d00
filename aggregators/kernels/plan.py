"""Turn features into the arrays of the kernels; features that share a selection share its plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aggregators.attributes import Attribute, Duration, Elapsed
from aggregators.events import Source
from aggregators.feature import Feature, SelectionKind
from aggregators.functions import EXPENSIVE, AnyFunction, function_code
from aggregators.kernels import attribute_kernels as kernels
from aggregators.kernels import selection
from aggregators.kernels.exact import keys
from aggregators.kernels.layout import Layout
from aggregators.typing import Float64Array, Int64Array

__all__ = [
    "PythonFeature",
    "SelectionPlan",
    "compile_features",
    "program_of",
]


_KINDS = {
    SelectionKind.LAST_N: selection.LAST_N,
    SelectionKind.AFTER_EVENT: selection.AFTER_EVENT,
    SelectionKind.BETWEEN_EVENTS: selection.BETWEEN_EVENTS,
}


@dataclass(frozen=True)
class PythonFeature:
    """Describes a feature whose function runs in Python, once per distinct window."""

    output: int
    function: AnyFunction
    program: Int64Array
    feature: str


@dataclass(frozen=True)
class SelectionPlan:
    """Holds one selection with all that is computed over it, as the kernels' arrays."""

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
    def kinds(self) -> Int64Array:
        """The kinds of the attributes' keys, see :mod:`aggregators.kernels.exact.keys`."""
        kinds = {kernels.COLUMN: keys.FLOAT, kernels.ELAPSED: keys.MOMENT}
        return np.array(
            [
                kinds.get(int(steps[0, 0]), keys.MICROSECONDS) if len(steps) == 1 else keys.FLOAT
                for steps in self._each_program()
            ],
            np.int64,
        )

    @cached_property
    def is_volatile(self) -> NDArray[np.bool_]:
        """Whether the key of a sample's attribute changes with ``as_of``, for each attribute."""
        return np.array(
            [len(steps) > 1 and kernels.ELAPSED in steps[:, 0] for steps in self._each_program()],
            np.bool_,
        )

    def _each_program(self) -> Iterator[Int64Array]:
        for first, last in pairwise(self.program_bounds.tolist()):
            yield self.programs[first:last]

    @cached_property
    def outputs(self) -> Int64Array:
        """The features' output rows, shape (n_features,)."""
        expensive = [item.output for item in self.expensive]
        return np.array([*self.functions[:, 2].tolist(), *expensive], np.int64)


def compile_features(
    features: Iterable[tuple[int, Feature]], layout: Layout
) -> list[SelectionPlan]:
    """Return one plan per distinct selection of the features of one source.

    Args:
        features: (output row, feature).
        layout: where the arrays hold what.
    """
    shared: dict[tuple[object, ...], list[tuple[int, Feature]]] = {}
    for output, feature in features:
        spec = spec_of(feature, layout)
        key = (feature.dimension, feature.order_event, feature.exclude_self, spec.tobytes())
        shared.setdefault(key, []).append((output, feature))
    return [_compile_selection(members, layout) for members in shared.values()]


def spec_of(feature: Feature, layout: Layout) -> Int64Array:
    """Return the selection's fields as the kernels read them."""
    gate_event = feature.source.known_from_event(feature.dimension)
    gate = layout.gate(layout.events[gate_event], feature.order_event)
    wanted = feature.selection
    max_age_us = wanted.max_age_us or selection.NO_LIMIT
    closing = sorted(layout.events[event] for event in wanted.closing)
    kind, event = _KINDS[wanted.kind], layout.events[wanted.event]
    limits = [wanted.n, wanted.window_us, max_age_us]
    fields = [kind, event, gate, *limits, len(closing), *closing]
    return np.array(fields, np.int64)


def _compile_selection(members: list[tuple[int, Feature]], layout: Layout) -> SelectionPlan:
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
        programs=np.concatenate(steps) if steps else np.empty((0, 5), np.int64),
        program_bounds=bounds,
        functions=np.array([entry[:3] for entry in cheap], np.int64).reshape(-1, 3),
        arguments=np.array([entry[3] for entry in cheap], np.float64),
        expensive=tuple(expensive),
    )


def program_of(attribute: Attribute, feature: Feature, layout: Layout) -> Int64Array:
    """Return an attribute's steps in postfix order, shape (n_steps, 5)."""
    steps = list(_steps(attribute, feature.source, feature.order_event, layout))
    return np.array(steps, np.int64).reshape(-1, 5)


def _steps(
    attribute: Attribute, source: Source, order_event: str, layout: Layout
) -> Iterable[tuple[int, ...]]:
    if attribute in layout.folded:
        column, known = layout.folded[attribute]
        step = kernels.KEY if isinstance(attribute, Duration) else kernels.COLUMN
        yield step, column, layout.gate(known, order_event), 0, 0
    elif isinstance(attribute, str):
        event = layout.events[source.known_from_event(attribute)]
        yield kernels.COLUMN, layout.columns[attribute], layout.gate(event, order_event), 0, 0
    elif isinstance(attribute, Duration):
        as_bound, as_missing = kernels.DURATIONS
        step = as_missing if attribute.beyond == "missing" else as_bound
        bounds = (
            unbounded if bound is None else bound
            for bound, unbounded in zip(attribute.bounds_us, kernels.NO_BOUNDS, strict=True)
        )
        yield step, layout.events[attribute.start], layout.events[attribute.end], *bounds
    elif isinstance(attribute, Elapsed):
        yield kernels.ELAPSED, layout.events[attribute.since], 0, 0, 0
    else:
        yield from _steps(attribute.numerator, source, order_event, layout)
        yield from _steps(attribute.denominator, source, order_event, layout)
        yield kernels.DIVIDE, 0, 0, 0, 0

"""Explain a value: the samples that were selected, and why another one was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from aggregators.engine.serving.inference import InferencePlan
from aggregators.feature import Feature
from aggregators.functions import function_name
from aggregators.kernels import attribute_kernels as kernels
from aggregators.kernels import selection
from aggregators.kernels.layout import Layout
from aggregators.kernels.plan import program_of, spec_of
from aggregators.stores.base import EventStore
from aggregators.stores.memory import MemoryEventStore
from aggregators.stores.reading import GroupIndex, ReadRequest, SourceReading
from aggregators.times import from_us, moment_to_us
from aggregators.typing import Int64Array, Key, Moment, SampleId

__all__ = ["Explanation", "Observed", "SelectedSample", "explain", "observe"]

MAX_PRINTED = 20
"""How many selected samples are printed; all of them are in ``Explanation.samples``."""


@dataclass(frozen=True)
class SelectedSample:
    """Describes a selected sample: its id, the time of the event that orders it, its attribute.

    ``value`` is None where the attribute is missing or not known yet, or where the feature counts
    samples.
    """

    sample_id: SampleId
    event_time: datetime
    value: float | None


@dataclass(frozen=True)
class Explanation:
    """Holds a feature's value at a moment, with the samples that it is computed from.

    Attributes:
        feature: the feature's name.
        as_of: the moment.
        key: the dimension's value.
        value: the feature's value.
        samples: the selected samples, in the order in which the function gets their values.
    """

    feature: str
    dimension: str
    function: str
    as_of: datetime
    key: Key
    value: float
    samples: tuple[SelectedSample, ...]
    _query: _Query = field(repr=False)

    def why(self, sample_id: SampleId) -> str:
        """Return in one sentence why a sample is selected, or why it is left out."""
        for place, sample in enumerate(self.samples):
            if sample.sample_id == sample_id:
                note = "" if sample.value is not None else "; its attribute is missing at as_of"
                return f"{sample_id!r} is selected ({place + 1} of {len(self.samples)}{note})"
        return f"{sample_id!r} is left out: {self._query.reason(sample_id)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation ready for JSON (NaN as None)."""
        return {
            "feature": self.feature,
            "as_of": self.as_of.isoformat(),
            "key": self.key,
            "value": None if np.isnan(self.value) else self.value,
            "samples": [
                {
                    "sample_id": sample.sample_id,
                    "event_time": sample.event_time.isoformat(),
                    "value": sample.value,
                }
                for sample in self.samples
            ],
        }

    def __str__(self) -> str:
        lines = [
            f"{self.feature} = {self.value:g}",
            f"{self.function} of {len(self.samples)} samples with {self.dimension} = {self.key!r}"
            f" at {self.as_of.isoformat()}",
        ]
        hidden = len(self.samples) - MAX_PRINTED
        if hidden > 0:
            lines.append(f"  ... {hidden} earlier ones")
        for sample in self.samples[-MAX_PRINTED:]:
            value = "" if sample.value is None else f"  {sample.value:g}"
            lines.append(f"  {sample.sample_id!r}  {sample.event_time.isoformat()}{value}")
        return "\n".join(lines)


@dataclass(frozen=True)
class _Query:
    """Holds what is needed to tell why a sample was left out."""

    feature: Feature
    store: EventStore
    as_of_us: int
    key: Key
    own: SampleId | None

    def reason(self, sample_id: SampleId) -> str:
        source = self.feature.source
        sample = self.store.sample(source, sample_id)
        if sample is None:
            return f"source {source.name!r} has no such sample"
        dimension = self.feature.dimension
        if sample.keys[dimension] is None:
            return f"its {dimension!r} is missing: it belongs to no group"
        if sample.keys[dimension] != self.key:
            return f"its {dimension!r} is {sample.keys[dimension]!r}, not {self.key!r}"
        excluded = self.feature.exclude_self and sample_id == self.own
        spec = spec_of(self.feature, Layout.of_source(source))
        return selection.exclusion_reason(
            spec, 0, self.as_of_us, 0 if excluded else -1, sample.times, list(source.events)
        )


def explain(
    plan: InferencePlan, data: Any, *, as_of: Moment, key: Key, sample_id: SampleId | None
) -> Explanation:
    """Return the explanation of the value of a plan's only feature.

    See :meth:`Aggregator.explain`.
    """
    (feature,) = plan.features
    source = feature.source
    store = data
    if not isinstance(data, EventStore):
        store = MemoryEventStore(sources=[source])
        store.append_table(source, data)
    as_of_us = moment_to_us(as_of, "as_of")
    (value,) = plan.answer(
        store, as_of=as_of, keys={feature.dimension: key}, sample_id=sample_id
    ).tolist()
    indexes = (GroupIndex(feature.dimension, feature.order_event),)
    own = {source.name: (sample_id,)}
    keys = {feature.dimension: (key,)}
    with store.read([ReadRequest(source, indexes)], keys, own, as_of_us) as readings:
        samples = _selected(feature, readings[0], as_of_us)
    return Explanation(
        feature=feature.name,
        dimension=feature.dimension,
        function=function_name(feature.function),
        as_of=from_us(as_of_us),
        key=key,
        value=value,
        samples=samples,
        _query=_Query(feature, store, as_of_us, key, sample_id),
    )


@dataclass(frozen=True)
class Observed:
    """Holds a feature's value, with the number and the times of its samples.

    Attributes:
        name: the feature's name.
        value: its value.
        n_samples: how many samples are selected.
        first_event_time: of the earliest selected sample, by the event that orders them; None
            where none is selected.
        last_event_time: of the latest one.
    """

    name: str
    value: float
    n_samples: int
    first_event_time: datetime | None
    last_event_time: datetime | None


def observe(
    plan: InferencePlan,
    store: EventStore,
    *,
    as_of: Moment,
    keys: Mapping[str, Key],
    sample_id: Any,
) -> list[Observed]:
    """Return each feature with its samples' number and times; see :meth:`FeatureSet.observe`."""
    as_of_us = plan.moment(as_of)
    given = plan.own_samples(sample_id)
    asked = {name: (key,) for name, key in plan.checked_keys(keys).items()}
    own = {source.name: (given.get(source.name),) for source in plan.sources}
    basis: dict[int, Int64Array] = {}
    with store.read(plan.requests, asked, own, as_of_us) as readings:
        values = plan.answer_from(readings, as_of_us)
        for part, reading in zip(plan.parts, readings, strict=True):
            for number, selected in part.plans:
                rows, offsets = reading.rows[number]
                own_row = int(reading.own_rows[0]) if selected.exclude_self else -1
                picked = selection.picked_rows(
                    selected.spec, rows, offsets, as_of_us, own_row, reading.times
                )
                times = reading.times[selected.spec[selection.EVENT], picked]
                basis |= dict.fromkeys(selected.outputs.tolist(), times)
    return [_observed(name, float(values[i]), basis[i]) for i, name in enumerate(plan.names)]


def _observed(name: str, value: float, times: Int64Array) -> Observed:
    if not len(times):
        return Observed(name, value, 0, None, None)
    return Observed(name, value, len(times), from_us(int(times[0])), from_us(int(times[-1])))


def _selected(
    feature: Feature, reading: SourceReading, as_of_us: int
) -> tuple[SelectedSample, ...]:
    layout = Layout.of_source(feature.source)
    spec = spec_of(feature, layout)
    rows, offsets = reading.rows[0]
    own = int(reading.own_rows[0]) if feature.exclude_self else -1
    picked = selection.picked_rows(spec, rows, offsets, as_of_us, own, reading.times)
    program = None
    if feature.attribute is not None:
        program = program_of(feature.attribute, feature, layout)
    values = np.full(len(picked), np.nan)
    if program is not None:
        kernels.values_at(program, picked, as_of_us, reading.times, reading.columns, values)
    event = layout.events[feature.order_event]
    result = []
    for row, value in zip(picked.tolist(), values.tolist(), strict=True):
        moment = from_us(int(reading.times[event, row]))
        known = None if np.isnan(value) else value
        result.append(SelectedSample(reading.ids[row], moment, known))
    return tuple(result)

"""Define sources and events: what is observed, and what happens to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from aggregators.errors import DataError, DefinitionError, SampleIdError, unknown_name
from aggregators.times import from_us, moment_to_us
from aggregators.typing import Moment, SampleId
from aggregators.value_checks import (
    WHITESPACE,
    check_attribute,
    check_fact,
    check_key,
    check_sample_id,
)

__all__ = ["FACT_MARK", "Event", "Source"]

FACT_MARK = "="
"""Stands before the name of a fact in what stores keep; no column can be called so."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Source:
    """Declares one kind of thing that has events: orders, courier legs, weather, local events.

    Args:
        name: the source's name, as events and stores use it.
        sample_id: the column that identifies a sample, all integers or all strings.
        events: names of the events of a sample's life, in their usual order. In a table, each is
            the timestamp column of that name; missing = it has not happened.
        dimensions: columns that group samples (integers or strings).
        attributes: columns that hold numbers.
        facts: further columns of any text, number or truth value. A store keeps them per sample,
            for lookups of the sample; no feature can rest on them, and two sources that
            differ in nothing else are equal.
        known_from: for a dimension, attribute or fact, the event from which it is known. Columns
            that are not named here are known from the first event on. Before, the sample has no
            such value.
        types: for the sample id column or a dimension, ``int`` or ``str``: what its values are. A
            store refuses events that say otherwise. Of what is not named here, the first event of
            an empty store decides. Sources that differ in nothing else are equal.
        missing: texts that stand for no value in dimensions and facts, and in attributes of events,
            such as ``NULL``; spaces around them do not count. An event with such an id is refused.
            Sources that differ in nothing else are equal.

    Raises:
        DefinitionError: names that are no identifiers, repeat, or are not declared; types that are
            neither ``int`` nor ``str``; missing texts that are none.

    >>> orders = Source(
    ...     "orders",
    ...     sample_id="order_id",
    ...     events=("activated", "delivered"),
    ...     dimensions=("store_id",),
    ...     attributes=("amount",),
    ... )
    >>> orders.known_from_event("amount")
    'activated'
    """

    name: str
    _: KW_ONLY
    sample_id: str
    events: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    facts: tuple[str, ...] = field(default=(), compare=False)
    known_from: Mapping[str, str] = field(default_factory=dict, compare=False)
    types: Mapping[str, type] = field(default_factory=dict, compare=False)
    missing: tuple[str, ...] = field(default=(), compare=False)
    _known_from: Mapping[str, str] = field(init=False, repr=False, hash=False)

    def __post_init__(self) -> None:
        for part in ("events", "dimensions", "attributes", "facts", "missing"):
            given = getattr(self, part)
            if isinstance(given, str) or not all(isinstance(name, str) for name in given):
                kind = "texts, e.g. ('NULL',)" if part == "missing" else "names, e.g. ('ready',)"
                raise DefinitionError(f"source {self.name!r}: {part} is {given!r}; expected {kind}")
            object.__setattr__(self, part, tuple(given))
        object.__setattr__(self, "known_from", MappingProxyType(dict(self.known_from)))
        self._check_names()
        for column, event in self.known_from.items():
            if column not in self.data_columns:
                raise unknown_name(
                    "column", column, f"known_from of source {self.name!r}", self.data_columns
                )
            self.check_event(event)
        object.__setattr__(self, "types", MappingProxyType(dict(self.types)))
        self._check_types()
        # What sources are compared by: facts make no difference to any feature.
        compared = {name: event for name, event in self.known_from.items() if name in self.columns}
        object.__setattr__(self, "_known_from", MappingProxyType(compared))

    def _check_names(self) -> None:
        if not self.events:
            raise DefinitionError(f"source {self.name!r}: events is empty; expected at least one")
        names: tuple[Any, ...] = (self.sample_id, *self.events, *self.data_columns)
        for name in (self.name, *names):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise DefinitionError(
                    f"source {self.name!r}: {name!r} is no name; expected letters, digits and _"
                )
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise DefinitionError(
                f"source {self.name!r}: {', '.join(repeated)} declared more than once; sample_id,"
                " events, dimensions, attributes and facts are columns of one table"
            )

    def _check_types(self) -> None:
        typed = (self.sample_id, *self.dimensions)
        for column, kind in self.types.items():
            if column not in typed:
                raise unknown_name("column", column, f"types of source {self.name!r}", typed)
            if kind is not int and kind is not str:
                raise DefinitionError(
                    f"source {self.name!r}: the type of {column!r} is {kind!r}; expected int or str"
                )

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy does not pickle, and worker processes need sources.
        return _make_source, (
            self.name,
            self.sample_id,
            self.events,
            self.dimensions,
            self.attributes,
            dict(self.known_from),
            self.facts,
            dict(self.types),
            self.missing,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Dimensions and attributes."""
        return (*self.dimensions, *self.attributes)

    @property
    def data_columns(self) -> tuple[str, ...]:
        """Dimensions, attributes and facts: what the data of an event may hold."""
        return (*self.dimensions, *self.attributes, *self.facts)

    def known_from_event(self, column: str) -> str:
        """Return the event from which a dimension, attribute or fact is known."""
        return self.known_from.get(column, self.events[0])

    def is_missing(self, value: object) -> bool:
        """Return whether a value is one of the texts that stand for no value.

        >>> orders = Source("orders", sample_id="id", events=("ready",), missing=("NULL",))
        >>> orders.is_missing(" NULL"), orders.is_missing("null"), orders.is_missing(7)
        (True, False, False)
        """
        if not self.missing or not isinstance(value, str):
            return False
        return value.strip(WHITESPACE) in self.missing

    def checked_id(self, value: object, what: str) -> SampleId:
        """Return a sample's id as plain int or str, or raise :class:`SampleIdError`."""
        sample_id = check_sample_id(value, what)
        if self.is_missing(sample_id):
            raise SampleIdError(
                f"{what} is {sample_id!r}, a text that stands for no value in source {self.name!r};"
                " expected an id"
            )
        return sample_id

    def check_event(self, event: str) -> None:
        """Raise :class:`UnknownNameError` unless the source has this event."""
        if event not in self.events:
            raise unknown_name("event", event, f"source {self.name!r}", self.events)

    def check_dimension(self, dimension: str) -> None:
        """Raise :class:`UnknownNameError` unless the source has this dimension."""
        if dimension not in self.dimensions:
            raise unknown_name("dimension", dimension, f"source {self.name!r}", self.dimensions)

    def check_attribute_column(self, attribute: str) -> None:
        """Raise :class:`UnknownNameError` unless the source has this attribute column."""
        if attribute not in self.attributes:
            raise unknown_name("attribute", attribute, f"source {self.name!r}", self.attributes)


def _make_source(
    name: str,
    sample_id: str,
    events: tuple[str, ...],
    dimensions: tuple[str, ...],
    attributes: tuple[str, ...],
    known_from: dict[str, str],
    facts: tuple[str, ...] = (),  # sources that were pickled before there were facts have none
    types: Mapping[str, type] = MappingProxyType({}),
    missing: tuple[str, ...] = (),
) -> Source:
    return Source(
        name,
        sample_id=sample_id,
        events=events,
        dimensions=dimensions,
        attributes=attributes,
        known_from=known_from,
        facts=facts,
        types=types,
        missing=missing,
    )


@dataclass(frozen=True, slots=True)
class Event:
    """Records a named moment in a sample's life, with the columns that it makes known.

    (source, sample_id, event) identifies an event. Delivering it again changes nothing. The same
    identity with a later ``recorded_at`` corrects it. ``retracted=True`` removes it.

    Args:
        source: name of the source.
        sample_id: the sample's id.
        event: name of the event.
        time: when it happened: a timezone-aware datetime, or int microseconds UTC.
        data: values of the source's dimensions, attributes and facts that this event carries.
        recorded_at: when it was written down; ``time`` if not given.
        retracted: whether this takes the event back.

    >>> from datetime import datetime, UTC
    >>> event = Event(
    ...     "orders", "o-1", "ready", datetime(2026, 1, 1, tzinfo=UTC), {"amount": 12.5}
    ... )
    >>> event.time_us
    1767225600000000
    """

    source: str
    sample_id: SampleId
    event: str
    time: Moment
    data: Mapping[str, Any] = field(default_factory=dict)
    recorded_at: Moment | None = None
    retracted: bool = False

    @property
    def time_us(self) -> int:
        """When it happened, microseconds UTC."""
        return moment_to_us(self.time, f"time of event {self.event!r} of {self.sample_id!r}")

    @property
    def recorded_us(self) -> int:
        """When it was recorded, microseconds UTC."""
        if self.recorded_at is None:
            return self.time_us
        what = f"recorded_at of event {self.event!r} of {self.sample_id!r}"
        return moment_to_us(self.recorded_at, what)

    def checked_data(self, source: Source) -> dict[str, Any]:
        """Return ``data`` without missing values, as plain int, str and float.

        A fact's name gets a mark before it. So a record shows which of its values are dimensions,
        whatever the source that reads it declares. Raises :class:`DataError` for unknown columns
        and values of the wrong type.
        """
        what = f"event {self.event!r} of {self.sample_id!r}"
        if not isinstance(self.data, Mapping):
            raise DataError(f"{what}: data is {self.data!r}; expected a mapping of columns")
        result: dict[str, Any] = {}
        for column, value in self.data.items():
            value = None if source.is_missing(value) else value
            if column in source.dimensions:
                value = check_key(value, f"{what}: dimension {column!r}")
            elif column in source.attributes:
                value = check_attribute(value, f"{what}: attribute {column!r}")
            elif column in source.facts:
                value = check_fact(value, f"{what}: fact {column!r}")
                column = FACT_MARK + column
            else:
                raise DataError(str(unknown_name("column", column, what, source.data_columns)))
            if value is not None:
                result[column] = value
        return result

    def __repr__(self) -> str:
        time = self.time if not isinstance(self.time, int) else _calendar_time(self.time)
        data = f", {dict(self.data)!r}" if self.data else ""
        return f"Event({self.source!r}, {self.sample_id!r}, {self.event!r}, {time}{data})"


def _calendar_time(time_us: int) -> datetime | int:
    try:
        return from_us(time_us)
    except OverflowError:  # no microseconds: the store will say so
        return time_us

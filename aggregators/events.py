"""Define sources and events: what is observed, and what happens to it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeGuard

import numpy as np

from aggregators.errors import (
    ColumnError,
    DataError,
    DefinitionError,
    SampleIdError,
    unknown_name,
)
from aggregators.times import from_us, moment_to_us
from aggregators.typing import Key, Moment, SampleId

__all__ = [
    "FACT_MARK",
    "MAX_TEXT_CHARACTERS",
    "Event",
    "Source",
    "check_attribute",
    "check_fact",
    "check_key",
    "check_sample_id",
    "is_unicode",
    "too_long",
]

MAX_TEXT_CHARACTERS = 256
"""Characters of a sample's id, a dimension's value, or a fact that is a text."""

FACT_MARK = "="
"""Stands before the name of a fact in what stores keep; no column can be called so."""

_SHOWN_CHARACTERS = 60
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INT64_LIMIT = 2**63


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

    Raises:
        DefinitionError: names that are no identifiers, repeat, or are not declared; types that are
            neither ``int`` nor ``str``.

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
    _known_from: Mapping[str, str] = field(init=False, repr=False, hash=False)

    def __post_init__(self) -> None:
        for part in ("events", "dimensions", "attributes", "facts"):
            given = getattr(self, part)
            if isinstance(given, str) or not all(isinstance(name, str) for name in given):
                raise DefinitionError(
                    f"source {self.name!r}: {part} is {given!r}; expected names, e.g. ('ready',)"
                )
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


def check_fact(value: object, what: str) -> str | bool | int | float | None:
    """Return a fact as plain str, bool, int or float, None where missing.

    A number without a fraction becomes an integer, as in JSON 3.0 is 3. Raises :class:`ColumnError`
    for anything else.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating) and math.isfinite(value):
        number = float(value)
        is_whole = number.is_integer() and -_INT64_LIMIT <= number < _INT64_LIMIT
        return int(number) if is_whole else number
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise ColumnError(too_long(value, what))
    try:
        return check_key(value, what)
    except ColumnError:
        raise ColumnError(
            f"{what} is {_shown(value)} ({type(value).__name__}); expected a string of valid"
            " Unicode, a finite number, a 64-bit integer, true, false or None"
        ) from None


def _calendar_time(time_us: int) -> datetime | int:
    try:
        return from_us(time_us)
    except OverflowError:  # no microseconds: the store will say so
        return time_us


def _is_int64(value: object) -> TypeGuard[int]:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        return False
    return -_INT64_LIMIT <= int(value) < _INT64_LIMIT


def is_unicode(value: str) -> bool:
    """Return whether tables and files can hold this text: UTF-8 has no lone surrogates."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _shown(value: object) -> str:
    """Return a value for messages; a long one is cut off."""
    if isinstance(value, int) and not _is_int64(value) and not isinstance(value, bool):
        return "an integer beyond 64 bits"  # Python writes none of thousands of digits
    text = repr(value[: _SHOWN_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_CHARACTERS + 2 else f"{text[:_SHOWN_CHARACTERS]}..."


def too_long(text: str, what: str) -> str:
    """Return the message for an id or a value with too many characters."""
    return (
        f"{what} is {_shown(text)} and has {len(text):,} characters; at most"
        f" {MAX_TEXT_CHARACTERS} are taken"
    )


def check_sample_id(value: object, what: str) -> SampleId:
    """Return a sample id as plain int or str, or raise :class:`SampleIdError`."""
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise SampleIdError(too_long(value, what))
    if isinstance(value, str) and is_unicode(value):
        return str(value)
    if _is_int64(value):
        return int(value)
    raise SampleIdError(
        f"{what} is {_shown(value)} ({type(value).__name__}); expected a string of valid Unicode or"
        " a 64-bit integer"
    )


def check_key(value: object, what: str) -> Key:
    """Return a dimension's value as plain int, str or None, or raise :class:`DataError`."""
    if value is None:
        return None
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise ColumnError(too_long(value, what))
    if isinstance(value, str) and is_unicode(value):
        return str(value)
    if _is_int64(value):
        return int(value)
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return None
        if float(value).is_integer() and abs(float(value)) < 2**53:
            return int(value)
    if type(value).__name__ in ("NAType", "NaTType"):  # those of pandas
        return None
    raise ColumnError(
        f"{what} is {_shown(value)} ({type(value).__name__}); expected a string of valid Unicode, a"
        " 64-bit integer or None"
    )


def check_attribute(value: object, what: str) -> float | None:
    """Return an attribute's value as float, None where missing, or raise :class:`ColumnError`."""
    if value is None:
        return None
    if isinstance(value, int | float | np.number) and not isinstance(value, complex):
        try:
            number = float(value)
        except OverflowError:  # an integer that no float can hold
            raise ColumnError(f"{what} is an integer beyond the range of a 64-bit float") from None
        if math.isnan(number):
            return None
        if math.isfinite(number):
            return number + 0.0  # -0.0 becomes 0.0: equal windows are equal to the bit
    raise ColumnError(
        f"{what} is {value!r} ({type(value).__name__}); expected a finite number or None"
    )

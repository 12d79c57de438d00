"""Hold the records of events, and order the versions of one event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from aggregators.errors import DataError, QueryError, StoreTypesError
from aggregators.events import FACT_MARK, Source
from aggregators.typing import Key, SampleId
from aggregators.value_checks import check_attribute, check_fact, check_key

__all__ = [
    "APPLIED",
    "DUPLICATE",
    "KIND_NAMES",
    "SUPERSEDED",
    "TYPE_NAMES",
    "CheckedEvent",
    "DeclaredColumns",
    "KnownKinds",
    "Record",
    "check_declared",
    "check_id_kind",
    "check_key_kind",
    "is_same",
    "label_of",
    "outcome",
    "record_names",
    "resolve_events",
    "value_of",
]

APPLIED, DUPLICATE, SUPERSEDED = range(3)

KIND_NAMES: dict[type, str] = {int: "an integer", str: "a string"}
"""The types of ids and keys in words."""

TYPE_NAMES: dict[type, str] = {int: "integer", str: "string"}
"""The types of ids and keys by name."""


class Record(NamedTuple):
    """Holds the last recorded version of one event of a sample.

    In its data, a fact's name has a mark before it; a name without a mark is a dimension or an
    attribute. So records have one form in every store and show by themselves what they hold.
    Versions of this package without facts ignore marked names.
    """

    time_us: int
    recorded_us: int
    retracted: bool
    data: Mapping[str, Any]

    def precedence(self) -> tuple[int, bool, int, str]:
        """Return what orders the versions of an event: the one recorded later wins.

        Versions recorded at the same moment are ordered by their content. So the outcome does not
        depend on the order of arrival.
        """
        content = json.dumps(dict(self.data), sort_keys=True)
        return self.recorded_us, self.retracted, self.time_us, content


def value_of(records: Mapping[int, Record], column: str, known_from: int) -> Any:
    """Return a sample's value of a column: that of the event from which the column is known.

    If that event carries none, the value of the event that was recorded last is used. What a later
    event says does not reach back to moments at which it was not known.

    Args:
        records: the sample's events.
        column: the column's name in records.
        known_from: the event from which the column is known.
    """
    best: tuple[bool, int, int] | None = None
    value = None
    for event, record in records.items():
        if record.retracted or column not in record.data:
            continue
        rank = (event == known_from, record.recorded_us, event)
        if best is None or rank > best:
            best, value = rank, record.data[column]
    return value


class CheckedEvent(NamedTuple):
    """Holds an event whose names and types are those of its source."""

    source: str
    sample_id: SampleId
    event: int
    record: Record


class KnownKinds(Protocol):
    """Says the types of a source's ids and keys, as far as a store knows them."""

    id_kind: type | None
    key_kinds: dict[str, type]


class DeclaredColumns:
    """Reads the data of stored records as a source declares its columns now.

    Another version of the source, which wrote them, may have had more columns, or a fact that is a
    dimension now. What does not fit is left out.

    Args:
        source: the source.

    >>> orders = Source("orders", sample_id="id", events=("ready",), facts=("floor",))
    >>> DeclaredColumns(orders).data({"floor": 3.0, "tip": 2.5})
    {'=floor': 3}
    """

    def __init__(self, source: Source) -> None:
        self._plain = frozenset(source.columns)
        self._names = frozenset(record_names(source))
        self._source = source

    def fits(self, data: Mapping[str, Any]) -> bool:
        """Return whether data can be taken as they are."""
        return self._names.issuperset(data)

    def data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of one record as the source declares them."""
        result: dict[str, Any] = {}
        for name, value in data.items():
            column = name.removeprefix(FACT_MARK)
            if name in self._names:
                result[name] = value
            elif column in self._source.facts:
                result[FACT_MARK + column] = check_fact(value, column)
            elif column in self._plain and (known := self._plainly(column, value)) is not None:
                result[column] = known
        return result

    def _plainly(self, column: str, value: Any) -> Key | float:
        """Return a former fact as the dimension or attribute that it is now, or None."""
        check = check_key if column in self._source.dimensions else check_attribute
        try:
            return check(value, column)
        except DataError:
            return None


def check_declared(source: Source, known: KnownKinds, where: object) -> None:
    """Raise :class:`StoreTypesError` where a store holds ids or keys of another type than declared.

    Args:
        source: declares types.
        known: what the store holds.
        where: path or address of the store, for the message.
    """
    held = {source.sample_id: known.id_kind, **known.key_kinds}
    for column, declared in source.types.items():
        if held.get(column) not in (None, declared):
            holds = KIND_NAMES[held[column] or declared]
            raise StoreTypesError(
                f"the event store {where} holds {column!r} of source {source.name!r} as"
                f" {holds}, and it is declared as {KIND_NAMES[declared]}; mend it: doorstep store"
                f" mend {where} --type {label_of(source, column)}={TYPE_NAMES[declared]}"
            )


def label_of(source: Source, column: str) -> str:
    """Return the label of a column's type; the source's name stands for its ids."""
    return source.name if column == source.sample_id else f"{source.name}.{column}"


def check_key_kind(known_kinds: KnownKinds, dimension: str, key: Key) -> None:
    """Raise :class:`QueryError` for a key of another type than a dimension's values.

    Integers never equal strings: 7 for "7" would silently give empty values.
    """
    kind = known_kinds.key_kinds.get(dimension)
    if key is not None and kind is not None and type(key) is not kind:
        raise QueryError(
            f"key {dimension!r} is {key!r} ({type(key).__name__}); the store's values are of"
            f" type {kind.__name__}"
        )


def check_id_kind(known_kinds: KnownKinds, source: str, sample_id: SampleId) -> None:
    """Raise :class:`QueryError` for a sample id of another type than the source's ids."""
    kind = known_kinds.id_kind
    if kind not in (None, type(sample_id)):
        assert kind is not None
        raise QueryError(f"sample_id is {sample_id!r}; source {source!r} has {kind.__name__} ids")


def outcome(old: Record | None, new: Record) -> int:
    """Return what becomes of a version of an event: APPLIED, DUPLICATE or SUPERSEDED."""
    if old is None:
        return APPLIED
    if old == new and all(is_same(name, old.data[name], one) for name, one in new.data.items()):
        return DUPLICATE
    return SUPERSEDED if new.precedence() < old.precedence() else APPLIED


def is_same(name: str, old: Any, new: Any) -> bool:
    """Return whether two values of records are the same, also in JSON: in Python, True equals 1."""
    return bool(old == new) and (name[0] != FACT_MARK or type(old) is type(new))


def record_names(source: Source) -> tuple[str, ...]:
    """Return the names that the data of records have, in the order of ``source.data_columns``."""
    return (*source.columns, *(FACT_MARK + fact for fact in source.facts))


def resolve_events(
    events: Iterable[CheckedEvent],
    record_of: Callable[[str, SampleId, int], Record | None],
) -> tuple[list[CheckedEvent], bytes]:
    """Return the events of a call that change something, and what becomes of each.

    Args:
        events: in the order given.
        record_of: gives the known version of an event by source, sample and number.
    """
    outcomes = bytearray()
    new: list[CheckedEvent] = []
    seen: dict[tuple[str, SampleId, int], Record] = {}
    for event in events:
        identity = event.source, event.sample_id, event.event
        result = outcome(seen.get(identity) or record_of(*identity), event.record)
        outcomes.append(result)
        if result == APPLIED:
            seen[identity] = event.record
            new.append(event)
    return new, bytes(outcomes)

"""Bring the ids and keys of a store to the types that they should have had from the beginning.

Without declared types, the first event of a store decides them. If that event was wrong, all right
ones are refused. A mend converts values that are the same in the other type (``"3"`` and ``3``). It
writes all others to a file: nothing that was accepted is lost.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aggregators.errors import DefinitionError, StoreError
from aggregators.events import FACT_MARK
from aggregators.stores.records import Record
from aggregators.time_span import current_bounds_us
from aggregators.times import from_us
from aggregators.typing import Key, SampleId

__all__ = ["MendPlan", "MendResult", "QuarantineFile", "StoredEvent", "check_source", "parse_type"]

_INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
_KINDS: dict[str, type] = {"integer": int, "string": str}


class StoredEvent(Protocol):
    """Holds an event of a store."""

    @property
    def sample_id(self) -> SampleId:
        """The sample's id."""

    @property
    def event(self) -> str:
        """The event's name."""

    @property
    def record(self) -> Record:
        """What is known of it."""


@dataclass(frozen=True, slots=True)
class MendResult:
    """Counts what a mend did, or would do.

    Attributes:
        unchanged: events that were right.
        converted: events that now say the same in the right types.
        set_aside: events that are no longer in the store, but in the file.
    """

    unchanged: int
    converted: int
    set_aside: int


@dataclass(frozen=True)
class MendPlan:
    """Says which types one source must have.

    Args:
        source: its name.
        id_kind: of its ids; None: they stay as they are.
        key_kinds: of dimensions.
        times: whether events outside the span of sensible times are set aside.
    """

    source: str
    id_kind: type | None = None
    key_kinds: Mapping[str, type] = field(default_factory=dict)
    times: bool = False

    @property
    def types(self) -> dict[str, type]:
        """The types by column; the empty name stands for the ids."""
        return ({} if self.id_kind is None else {"": self.id_kind}) | dict(self.key_kinds)

    def apply(self, sample_id: SampleId, record: Record) -> tuple[SampleId, Record] | str:
        """Return an event in the right types, or why it cannot be converted."""
        if self.times:
            low_us, high_us = current_bounds_us()
            for name, time_us in (("time", record.time_us), ("recordedtime", record.recorded_us)):
                if not low_us <= time_us < high_us:
                    return f"{name}: {time_us} microseconds are outside the span of sensible times"
        right_id = sample_id if self.id_kind is None else converted(sample_id, self.id_kind)
        if right_id is None:
            return f"subject: {sample_id!r} is no {_name(self.id_kind)}"
        data = dict(record.data)
        for column, kind in self.key_kinds.items():
            if column not in data:
                continue
            key = converted(data[column], kind)
            if key is None:
                return f"data.{column}: {data[column]!r} is no {_name(kind)}"
            data[column] = key
        return right_id, record._replace(data=data)


def converted(value: Any, kind: type) -> Key:
    """Return an id or a key in another type, None where the value would change.

    >>> converted("3", int), converted(3, str), converted("03", int), converted("3", str)
    (3, '3', None, '3')
    """
    if type(value) is kind and isinstance(value, int | str):
        return value
    if kind is str and type(value) is int:
        return str(value)
    if kind is int and type(value) is str and _INTEGER.fullmatch(value):
        number = int(value)
        return number if -(2**63) <= number < 2**63 else None
    return None


def _name(kind: type | None) -> str:
    return next(name for name, one in _KINDS.items() if one is kind)


def check_source(plan: MendPlan, known: Iterable[str]) -> None:
    """Raise :class:`StoreError` if a store does not know a plan's source: its name is misspelt.

    Args:
        plan: what is to be mended.
        known: the sources of which the store has events or types.
    """
    names = sorted(set(known))
    if plan.source not in names:
        expected = f"expected one of {', '.join(names)}" if names else "it has none yet"
        raise StoreError(f"the event store has no source {plan.source!r}; {expected}")


def parse_type(text: str) -> tuple[str, str, type]:
    """Return source, column (empty: the ids) and type of an option's text.

    >>> parse_type("orders.store_id=integer")
    ('orders', 'store_id', <class 'int'>)
    """
    name, _, kind = text.partition("=")
    source, _, column = name.strip().partition(".")
    if not source or kind.strip() not in _KINDS:
        raise DefinitionError(
            f"type {text!r}; expected SOURCE=integer or SOURCE=string for the ids of a source,"
            " SOURCE.DIMENSION=... for the values of a dimension"
        )
    return source, column, _KINDS[kind.strip()]


class QuarantineFile:
    """Writes events that were set aside to a file, one CloudEvent per line, with the reason.

    The file is on the disk before the store is changed. The events can be mended by hand and sent
    again. A file that exists is continued.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, source: str, events: Iterable[tuple[StoredEvent, str]]) -> None:
        """Add events with the reasons why they were set aside."""
        lines = [json.dumps(_document(source, event, reason)) for event, reason in events]
        if not lines:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _document(source: str, event: StoredEvent, reason: str) -> dict[str, Any]:
    record = event.record
    data = {name.removeprefix(FACT_MARK): value for name, value in record.data.items()}
    return {
        "reason": reason,
        "event": {
            "specversion": "1.0",
            "id": f"{source}/{event.sample_id}/{event.event}",
            "source": source,
            "type": event.event,
            "subject": event.sample_id,
            "time": _shown(record.time_us),
            "recordedtime": _shown(record.recorded_us),
            "retracted": record.retracted,
            "data": data,
        },
    }


def _shown(time_us: int) -> str | int:
    try:
        return from_us(time_us).isoformat()
    except OverflowError:  # no calendar has it; the microseconds say what it was
        return time_us

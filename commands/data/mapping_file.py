"""Read and check a mapping: a small YAML file that describes the columns of a user's table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

import msgspec
import yaml

from commands.console.output import UserError
from commands.data.csv_format import CsvFormat
from commands.data.times.clock import AmbiguousTimes
from commands.data.times.declared import EventTime
from commands.data.units.columns import ColumnInUnit

__all__ = [
    "MappedTable",
    "MappingFile",
    "TableMapping",
    "json_schema",
    "read_mapping",
]

BYTES_MAX = 1 << 20
"""No mapping is larger."""

NAMES_LISTED = 40
"""So many names an error lists at most."""

Names: TypeAlias = dict[str, str] | list[str]
"""Name -> column, or names of columns that are called so already."""


class Censoring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that is recorded late or not at all, and the events that bound it.

    See :class:`estimators.core.labels.LabelBounds`.

    Args:
        event: the one in question, a button that is pressed late or never.
        at_most: events that it cannot be later than.
        at_least: events that it cannot be earlier than.
        waits_from: event from which on somebody waits for it.
    """

    event: str
    at_most: list[str]
    at_least: list[str] = []
    waits_from: str | None = None


class MappedTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table: names of a source -> columns of the file.

    Args:
        file: the table, from the folder of the mapping; --data takes its place.
        id: column that identifies a row, each value once; without it the rows are numbered.
        repeated_ids: refuse, or take the first row of each id (files with a row for each item).
        events: event -> column of its times, in their usual order; or how they are written, or how
            long after another it happened, see :class:`EventTime`. Missing = it has not happened.
        dimensions: what groups the rows (store_id, courier_id, city, zone, store_category).
        attributes: numbers (amount, products, distance_m); those of a column in another unit than
            the name of the attribute ends with are ``{column: COLUMN, unit: km}``.
        constants: further dimensions -> the value that they have in every row.
        filter: expression over columns; rows for which it does not hold are left out.
        columns: name -> expression over columns of the file and those above it; a derived column
            stands wherever a column of the file can.
        known_from: dimension or attribute -> event from which it is known, if not the first one.
        clock: IANA name of the clock that times without an offset were read from.
        ambiguous: which moment a time is that this clock shows twice or never.
        integers: names (id, dimensions) that are integers in a CSV file; text otherwise.
        encoding: of a CSV file; recognised by default.
        csv: how a CSV file is written; what is left out is recognised.
        missing: texts that stand for no value in every column, instead of the usual ones.
    """

    events: dict[str, str | EventTime] | list[str]
    id: str | None = None
    repeated_ids: Literal["refuse", "first"] = "refuse"
    file: str | None = None
    dimensions: Names = []
    attributes: dict[str, str | ColumnInUnit] | list[str] = []
    constants: dict[str, str | int] = {}
    filter: str | None = None
    columns: dict[str, str] = {}
    known_from: dict[str, str] = {}
    clock: str | None = None
    ambiguous: AmbiguousTimes = "earlier"
    integers: list[str] = []
    encoding: str | None = None
    csv: CsvFormat = CsvFormat()
    missing: list[str] | None = None

    def pairs(self, field: str) -> dict[str, str]:
        """Return name -> column of ``events``, ``dimensions`` or ``attributes``.

        Of events that are told by what lies in between it is that column.
        """
        given: Any = getattr(self, field)
        if not isinstance(given, dict):
            return {name: name for name in given}
        return {
            name: one.read_column
            if isinstance(one, EventTime)
            else (one if isinstance(one, str) else one.column)
            for name, one in given.items()
        }

    @property
    def units(self) -> dict[str, str]:
        """Attribute -> unit of its column, of those whose unit the mapping states."""
        if not isinstance(self.attributes, dict):
            return {}
        return {
            name: one.unit for name, one in self.attributes.items() if isinstance(one, ColumnInUnit)
        }

    @property
    def later(self) -> dict[str, EventTime]:
        """The events that are given as a duration after another event."""
        return {name: one for name, one in self.times.items() if one.is_duration}

    @property
    def times(self) -> dict[str, EventTime]:
        """The events of which more than a column is declared."""
        if not isinstance(self.events, dict):
            return {}
        return {name: one for name, one in self.events.items() if isinstance(one, EventTime)}


class TableMapping(MappedTable, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of samples, what is asked about them, and the tables beside it.

    Args:
        name: of the data set, in reports and saved models; the file's by default.
        source: what the samples are.
        timezone: IANA name of the timezone people live in, or value of ``timezone_by`` -> name.
        timezone_by: the dimension that decides it; city by default.
        target: start and end of what is estimated, where the estimator does not say it by itself.
        as_of: the event at which it is asked; the target's start by default.
        numbers: attributes that a request carries; all that are known at ``as_of`` by default.
        categories: dimensions that a request carries; all that are known then by default.
        label_bounds_s: shortest and longest duration, seconds, that is no damaged record.
        baseline: attribute, seconds, that states how long the target takes, such as a router's
            time; what is learned is the difference to it. ``target`` must be stated.
        censoring: an event that is recorded late or not at all, such as ready.
        test_from: moment at which the test period begins, or the part of the rows it gets ("20%").
        tables: further sources (weather) with a table each.
    """

    name: str | None = None
    source: str = "orders"
    timezone: str | dict[int | str, str] | None = None
    timezone_by: str | None = None
    target: tuple[str, str] | None = None
    as_of: str | None = None
    numbers: list[str] | None = None
    categories: list[str] | None = None
    label_bounds_s: tuple[float | None, float | None] | None = None
    baseline: str | None = None
    censoring: Censoring | None = None
    test_from: str | float = "20%"
    tables: dict[str, MappedTable] = {}


class MappingFile:
    """A mapping and the text that it was read from, so that an error names the line.

    Args:
        path: of the file.
        mapping: what it says.
        root: the nodes of the text.
    """

    def __init__(self, path: Path, mapping: TableMapping, root: yaml.Node | None) -> None:
        self.path = path
        self.mapping = mapping
        self._root = root

    def error(self, field: str, why: str) -> UserError:
        """Return the error about a field, such as ``events.ready``."""
        return UserError(f"{_place(self.path, self._root, field)}: {why}")

    def check_name(self, field: str, name: str, known: Iterable[str], what: str) -> None:
        """Raise :class:`UserError` unless a field names something that there is."""
        names = list(known)
        if name not in names:
            raise self.error(field, f"{name!r} is no {what}; {_suggest(name, names)}")


def read_mapping(path: Path) -> MappingFile:
    """Read and check a mapping; whether the columns exist is seen when the table is read.

    The YAML is read as version 1.2 has it: ``NO`` is a text, and so is ``2026-03-02``.

    Raises:
        UserError: it cannot be read; the message names line and field, what came and what was
            expected.
    """
    if not path.is_file():
        raise UserError(f"there is no mapping {str(path)!r}; doorstep mapping init TABLE makes one")
    if path.stat().st_size > BYTES_MAX:
        raise UserError(f"{path.name} is larger than {BYTES_MAX:,} bytes; that is no mapping")
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_Loader)
        document = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise UserError(f"{path.name} is no YAML: {why}") from error
    try:
        mapping = msgspec.convert(document, TableMapping)
    except msgspec.ValidationError as error:
        raise _explained(path, root, document, error) from None
    return MappingFile(path, mapping, root)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a mapping, for editors that complete and check YAML.

    >>> "events" in json_schema()["$defs"]["TableMapping"]["required"]
    True
    """
    schema = msgspec.json.schema(TableMapping)
    document: dict[str, Any] = json.loads(json.dumps(schema))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


class _Loader(yaml.SafeLoader):
    """YAML 1.2 scalars: no dates, no sexagesimal numbers, only true and false; no key twice."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("null", "merge")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|false|True|False|TRUE|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


def _mapping_without_repeats(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value]
    for (key, _), name in zip(node.value, keys, strict=True):
        if keys.count(name) > 1:
            raise yaml.constructor.ConstructorError(
                None, None, f"{name!r} stands twice", key.start_mark
            )
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping_without_repeats)


def _explained(
    path: Path, root: yaml.Node | None, document: Any, error: msgspec.ValidationError
) -> UserError:
    """Return msgspec's error with line, the field's whole name, what came and a suggestion."""
    message, _, where = str(error).partition(" - at ")
    field = _resolved(where.strip("`"), document, message)
    found = _at(document, field)
    place = _place(path, root, field)
    if "unknown field" in message:
        name = message.split("`")[1]
        known: type[msgspec.Struct] = TableMapping
        if "events." in field:
            known = EventTime
        elif "attributes." in field:
            known = ColumnInUnit
        elif field == "censoring":
            known = Censoring
        elif field.split(".")[-1] == "csv":
            known = CsvFormat
        elif field.startswith("tables"):
            known = MappedTable
        place = _place(path, root, f"{field}.{name}".lstrip("."))
        return UserError(f"{place}: no such field; {_suggest(name, known.__struct_fields__)}")
    if "missing required field" in message:
        name = message.split("`")[1]
        return UserError(f"{place or path.name} lacks {name!r}, which every mapping has")
    shown = "empty" if found is None else repr(found)
    if "enum value" in message:
        hints = {**get_type_hints(CsvFormat), **get_type_hints(TableMapping)}
        choices = json.dumps([*_choices(hints.get(field.split(".")[-1]))], ensure_ascii=False)
        return UserError(f"{place} is {shown}; expected one of {choices[1:-1]}")
    expected = message.partition(", got")[0].replace("`", "")
    for machine, human in _WORDS.items():
        expected = expected.replace(machine, human)
    return UserError(f"{place} is {shown}; {expected[0].lower()}{expected[1:]}")


def _choices(hint: Any) -> Iterator[str]:
    """Yield the texts that a field takes."""
    for one in get_args(hint):
        if isinstance(one, str):
            yield one
        else:
            yield from _choices(one)


_WORDS = {
    "object": "fields and values",
    "array": "a list",
    "str": "text",
    "float": "number",
    " | null": " or nothing",
}


def _resolved(pointer: str, document: Any, message: str) -> str:
    """Return ``tables.weather.id`` of ``$.tables[...].id``: msgspec leaves open which key it is."""
    parts = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", pointer)
    names: list[str] = []
    for attribute, index in parts:
        if index != "...":
            names.append(attribute or index)
            continue
        inside = _at(document, ".".join(names))
        names.append(next(_offenders(document, names, inside, message), "?"))
    return ".".join(names)


def _offenders(document: Any, names: list[str], inside: Any, message: str) -> Iterator[str]:
    """Yield the keys that are refused with this message when they stand alone."""
    for key, value in inside.items():
        alone = json.loads(json.dumps(document))
        parent = alone
        for name in names[:-1]:
            parent = parent[name]
        parent[names[-1]] = {key: value}
        try:
            msgspec.convert(alone, TableMapping)
        except msgspec.ValidationError as error:
            if str(error).startswith(message):
                yield str(key)


def _at(document: Any, field: str) -> Any:
    for name in filter(None, field.split(".")):
        if isinstance(document, list):
            document = document[int(name)] if int(name) < len(document) else None
        elif isinstance(document, Mapping):
            document = document.get(name, document.get(int(name)) if name.isdigit() else None)
        else:
            return None
    return document


def _place(path: Path, root: yaml.Node | None, field: str) -> str:
    """Return ``mapping.yaml, line 7, events.ready``."""
    node, line = root, None
    for name in filter(None, field.split(".")):
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == name]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and int(name) < len(node.value):
            node = node.value[int(name)]
            line = node.start_mark.line + 1
        else:
            break
    parts = [path.name, *([f"line {line}"] if line else []), *([field] if field else [])]
    return ", ".join(parts)


def _suggest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    listed = ", ".join(names[:NAMES_LISTED]) if names else "none"
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return f"{hint}there are: {listed}{more}"

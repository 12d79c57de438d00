"""Good requests made bad in every place: what a service must refuse, or at least survive."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Path = tuple[str | int, ...]

HOLE = "\0hole\0"
"""Stands where text that is no JSON value is put into a body."""


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a JSON document that is neither an object nor a list, with its place."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, (*path, i))
    else:
        yield path, value


def objects(value: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every object of a JSON document, with its place."""
    if isinstance(value, dict):
        yield path, value
        for name, inner in value.items():
            yield from objects(inner, (*path, name))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from objects(inner, (*path, i))


def nodes(value: Any, path: Path = ()) -> Iterator[Path]:
    """The place of every value of a JSON document, the document itself among them."""
    yield path
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for step, inner in items:
        yield from nodes(inner, (*path, step))


def changed(document: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """A copy of a document in which one value is another."""
    if not path:
        return change(document)
    step, rest = path[0], path[1:]
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[step] = changed(copy[step], rest, change)
    return copy


def with_text(document: Any, path: Path, text: str) -> bytes:
    """The body of a document in which one value is some text, JSON or not."""
    body = json.dumps(changed(document, path, lambda _: HOLE), ensure_ascii=False)
    return body.replace(json.dumps(HOLE), text).encode("utf-8", "surrogatepass")


def misspelt(document: Any, path: Path, name: str) -> Any:
    """A document in which one field of one object has a letter too many."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        return {wrong(key) if key == name else key: value for key, value in found.items()}

    return changed(document, path, change)


def wrong(name: str) -> str:
    """A name that nobody gave, close to one that there is."""
    return name[:-1] + "q" + name[-1]


def nested(depth: int, kind: str) -> str:
    """Lists or objects within each other, so deep."""
    if kind == "list":
        return "[" * depth + "]" * depth
    return '{"a":' * depth + "1" + "}" * depth


def at(path: Path) -> str:
    """A place as a test shows it.

    >>> at(("rows", 0, "order"))
    'rows.0.order'
    """
    return ".".join(map(str, path)) or "body"

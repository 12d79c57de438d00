"""Sources as saved models hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aggregators import Source
from aggregators.catalog import CATALOG

__all__ = ["source_from_json", "source_to_json", "typed_sources"]


def source_to_json(source: Source) -> dict[str, Any]:
    """Return a source, JSON-able."""
    return {
        "name": source.name,
        "sample_id": source.sample_id,
        "events": list(source.events),
        "dimensions": list(source.dimensions),
        "attributes": list(source.attributes),
        "known_from": dict(source.known_from),
        # Versions of this package that know neither can load what has neither.
        **({"facts": list(source.facts)} if source.facts else {}),
        **({"missing": list(source.missing)} if source.missing else {}),
    }


def source_from_json(document: Mapping[str, Any]) -> Source:
    """Return the saved source: the catalog's own, if they differ only in facts.

    The texts that stand for no value are always those of the saved source.
    """
    source = Source(**document)
    found = next((one for one in CATALOG.sources if one == source), source)
    return found if found.missing == source.missing else replace(found, missing=source.missing)


def typed_sources(
    sources: Sequence[Source], categories: Mapping[str, Sequence[Any]]
) -> tuple[Source, ...]:
    """Return sources with the types of the keys that a model has learned as categories.

    A store that keeps them refuses keys of the other type, which no category would match.

    >>> orders = Source("orders", sample_id="id", events=("ready",), dimensions=("store_id",))
    >>> (typed,) = typed_sources([orders], {"store_id": (3, 7)})
    >>> dict(typed.types)
    {'store_id': <class 'int'>}
    """
    return tuple(_typed(source, categories) for source in sources)


def _typed(source: Source, categories: Mapping[str, Sequence[Any]]) -> Source:
    learned = {}
    for name in source.dimensions:
        kinds = {type(value) for value in categories.get(name, ())}
        if kinds == {int} or kinds == {str}:
            learned[name] = kinds.pop()
    types = learned | dict(source.types)  # what the source declares comes first
    return source if types == source.types else replace(source, types=types)

"""Sources as saved models hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregators import Source
from aggregators.catalog import CATALOG

__all__ = ["source_from_json", "source_to_json"]


def source_to_json(source: Source) -> dict[str, Any]:
    """Return a source, JSON-able."""
    return {
        "name": source.name,
        "sample_id": source.sample_id,
        "events": list(source.events),
        "dimensions": list(source.dimensions),
        "attributes": list(source.attributes),
        "known_from": dict(source.known_from),
        # Versions of this package that know no facts can load what has none.
        **({"facts": list(source.facts)} if source.facts else {}),
    }


def source_from_json(document: Mapping[str, Any]) -> Source:
    """Return the source that was saved: the catalog's own, where they differ in facts at most."""
    source = Source(**document)
    return next((one for one in CATALOG.sources if one == source), source)

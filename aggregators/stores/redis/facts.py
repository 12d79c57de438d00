"""Share the kinds of the facts' values among all processes of a store in Redis.

A table that is read in parts must have columns of one type, whatever its parts hold. The kinds
stand apart from the types of ids and keys, because package versions without facts read those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aggregators.events import Source
from aggregators.stores.facts import kinds_in
from aggregators.stores.records import CheckedEvent
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.link import Command, pack

__all__ = ["FactKinds"]


class FactKinds:
    """Holds the kinds of the facts of one store.

    Args:
        key: of the hash that has them.
        sources: the sources as this process declares them.
    """

    def __init__(self, key: bytes, sources: Mapping[str, Source]) -> None:
        self._key = key
        self._sources = sources
        self._known: set[tuple[str, str, str]] = set()

    def note(self, nodes: Nodes, events: Sequence[CheckedEvent]) -> None:
        """Publish the kinds of facts in events before the events are kept."""
        new = kinds_in(events, self._sources) - self._known
        for found in new:
            self._run(nodes, b"HSET", ".".join(found).encode(), b"1")
        self._known |= new

    def of(self, nodes: Nodes, source: Source) -> dict[str, set[str]]:
        """Return the kinds of each fact of a source that has any."""
        kinds: dict[str, set[str]] = {}
        if source.facts:
            for name in self._run(nodes, b"HKEYS"):
                of_source, fact, kind = name.decode().split(".")
                if of_source == source.name:
                    kinds.setdefault(fact, set()).add(kind)
        return kinds

    def _run(self, nodes: Nodes, command: bytes, *arguments: bytes) -> Any:
        packed = pack(command, self._key, *arguments)
        return nodes.run([Command(nodes.slot_of(self._key), packed)])[0]

"""Share the types of ids and keys, and compactions, among all processes of a Redis store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aggregators.stores.reading import ReadRequest
from aggregators.stores.records import check_id_kind, check_key_kind
from aggregators.stores.redis.logs import pairs
from aggregators.typing import Key, SampleId

__all__ = ["TypeCache"]

_TYPES: dict[bytes, type] = {b"int": int, b"str": str}


@dataclass(slots=True)
class _Kinds:
    """Holds the types of a source's ids and keys, as far as they are known."""

    id_kind: type | None = None
    key_kinds: dict[str, type] = field(default_factory=dict)


class TypeCache:
    """Holds what one process knows of them.

    Attributes:
        kinds: of each source.
        compacted: the moment (microseconds) before which a source can no longer be asked.
        mends: how often a mend of the store has changed a type.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self.kinds = {name: _Kinds() for name in sources}
        self.compacted: dict[str, int] = {}
        self.mends = 0
        self._known: list[bytes] = []

    def kind(self, name: str) -> type | None:
        """Return the type of a source's ids, or of a dimension: ``source`` or ``source.name``."""
        source, _, dimension = name.partition(".")
        kinds = self.kinds[source]
        return kinds.key_kinds.get(dimension) if dimension else kinds.id_kind

    def learn(self, meta: list[bytes]) -> None:
        """Take over the content of the store's hash."""
        if meta == self._known:
            return
        mended = False
        for field_name, value in pairs(meta):
            label, _, name = field_name.decode().partition(":")
            source, _, dimension = name.partition(".")
            if source not in self.kinds:
                continue
            if label == "compacted":
                self.compacted[source] = int(value)
            elif label == "type":
                mended |= self.kind(name) not in (None, _TYPES[value])
                if dimension:
                    self.kinds[source].key_kinds[dimension] = _TYPES[value]
                else:
                    self.kinds[source].id_kind = _TYPES[value]
        self._known = meta
        self.mends += mended

    def check(
        self,
        requests: Sequence[ReadRequest],
        keys: Mapping[str, Sequence[Key]],
        own_samples: Mapping[str, Sequence[SampleId | None]],
    ) -> None:
        """Raise for keys and ids of other types than the store's."""
        for request in requests:
            name = request.source.name
            kinds = self.kinds[name]
            for dimension in {index.dimension for index in request.indexes}:
                for key in keys[dimension]:
                    check_key_kind(kinds, dimension, key)
            for own in own_samples.get(name, ()):
                if own is not None:
                    check_id_kind(kinds, name, own)

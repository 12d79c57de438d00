"""Check that the settings of the servers keep acknowledged events."""

from __future__ import annotations

import logging

from aggregators.errors import StoreError
from aggregators.stores.redis.connections import Nodes
from aggregators.stores.redis.link import Address, pack
from aggregators.stores.redis.logs import pairs

__all__ = ["warn_of_loss"]

logger = logging.getLogger("doorstep.stores")

_WANTED = {
    b"appendonly": (b"yes", "the death of the server loses what came since its last snapshot"),
    b"appendfsync": (b"always", "the death of the server loses about a second of events"),
    b"maxmemory-policy": (b"noeviction", "a full server drops events that were acknowledged"),
}


def warn_of_loss(nodes: Nodes) -> None:
    """Log one warning if the settings of a server allow it to lose acknowledged events.

    Log nothing where the settings cannot be read.
    """
    faults: dict[str, list[Address]] = {}
    for address in nodes.primaries:
        try:
            answer = nodes.run_on(address, pack(b"CONFIG", b"GET", *_WANTED))
        except StoreError:
            return
        settings = dict(pairs(answer))
        for name, (wanted, loss) in _WANTED.items():
            given = settings.get(name, b"")
            if given != wanted:
                text = f"{name.decode()} is {given.decode()!r}, not {wanted.decode()!r}: {loss}"
                faults.setdefault(text, []).append(address)
    if faults:
        logger.warning(
            "Redis may lose acknowledged events (see docs/redis.md): %s", "; ".join(faults)
        )

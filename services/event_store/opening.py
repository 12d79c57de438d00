"""Open the event store and load the catalog that the settings name."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Iterable
from dataclasses import replace

from aggregators.catalog import Catalog
from aggregators.errors import StoreTypesError
from aggregators.events import Source
from aggregators.stores import EventStore, MemoryEventStore, SqliteEventStore
from services.core.errors import SettingError
from services.core.placeholders import check_placeholder
from services.core.secret_masking import MASK, masked
from services.core.settings.events import IN_MEMORY

__all__ = ["is_redis", "load_catalog", "open_event_store", "open_event_store_of_models"]

logger = logging.getLogger("doorstep.services")

_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]+:/")


def open_event_store(where: str, sources: Iterable[Source]) -> EventStore:
    """Open the event store that a setting names.

    Args:
        where: ``memory``, the path of an SQLite file, or the address of a Redis server.
        sources: the sources whose events it keeps.

    Raises:
        StoreError: the store cannot be opened, or its library is not installed.
        SettingError: the setting is a placeholder.

    >>> from aggregators.catalog import CATALOG
    >>> open_event_store("memory", CATALOG.sources)
    <MemoryEventStore orders: 0 samples, ...>
    """
    check_placeholder(where, "the address of the event store")
    if where == IN_MEMORY:
        return MemoryEventStore(sources=list(sources))
    if not is_redis(where) and _SCHEME.match(where):
        raise SettingError(
            f"the event store {masked(where)!r} cannot be opened; expected redis://, rediss://,"
            " unix://, the path of an SQLite file, or memory"
        )
    if not is_redis(where):
        return SqliteEventStore(where, sources=list(sources))
    from aggregators.stores.redis.store import RedisEventStore  # what few services need

    return RedisEventStore(where, sources=list(sources))


def open_event_store_of_models(where: str, sources: Iterable[Source]) -> EventStore:
    """Open the event store for models, even if its types differ from those of the models.

    The log says how to repair a store with other types. Estimates continue meanwhile, although keys
    match none of the model's categories.

    Raises:
        StoreError: as for :func:`open_event_store`.
    """
    given = list(sources)
    try:
        return open_event_store(where, given)
    except StoreTypesError as error:
        logger.error("%s; until then the types of the store are taken", error)
        return open_event_store(where, [replace(source, types={}) for source in given])


def is_redis(where: str) -> bool:
    """Return whether a setting names a Redis server rather than a file.

    >>> is_redis("redis://127.0.0.1:6379"), is_redis("redis.db")
    (True, False)
    """
    return where.lower().startswith(("redis://", "rediss://", "unix://"))


def without_password(url: str) -> str:
    """Return an address without its password, for logs.

    >>> without_password("redis://:secret@127.0.0.1:6379/0")
    'redis://127.0.0.1:6379/0'
    """
    return masked(url).replace(f"{MASK}@", "")


def load_catalog(where: str) -> Catalog:
    """Return the catalog that a setting names as ``package.module:NAME``.

    Raises:
        SettingError: the module or the name does not exist, or it is not a catalog.

    >>> load_catalog("aggregators.catalog:CATALOG").name
    'doorstep'
    """
    module_name, _, name = where.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingError(
            f"the catalog {where!r} cannot be imported ({error}); expected package.module:NAME"
        ) from error
    if not isinstance(found, Catalog):
        raise SettingError(
            f"{where!r} is a {type(found).__name__}; expected a Catalog of aggregators.catalog"
        )
    return found

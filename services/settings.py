"""Settings of the services, read from the environment once, at the start."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from aggregators.errors import AggregatorError
from aggregators.times import duration_to_us
from services.errors import SettingError
from services.event_store import IN_MEMORY

__all__ = ["EtpSettings", "EventSettings"]

MODEL_VARIABLE = "DOORSTEP_ETP_MODEL"
STORE_VARIABLE = "DOORSTEP_STORE"
SKEW_VARIABLE = "DOORSTEP_MAX_CLOCK_SKEW_S"
CATALOG_VARIABLE = "DOORSTEP_CATALOG"
COMPACT_VARIABLE = "DOORSTEP_COMPACT_EVERY_S"
KEEP_VARIABLE = "DOORSTEP_KEEP"

MAX_CLOCK_SKEW_S = 300.0


@dataclass(frozen=True, kw_only=True)
class EtpSettings:
    """What the eTP service can be told.

    Args:
        model: tag of the model in the BentoML model store (``DOORSTEP_ETP_MODEL``).
        store: path of the SQLite file that keeps the events, the address of a Redis server, or
            ``memory`` (``DOORSTEP_STORE``). A store in memory starts empty.
        max_clock_skew_s: how far ahead of this machine's clock an event's time may be
            (``DOORSTEP_MAX_CLOCK_SKEW_S``).

    >>> EtpSettings.from_environment({"DOORSTEP_STORE": "/var/lib/doorstep/events.db"}).store
    '/var/lib/doorstep/events.db'
    """

    model: str = "etp:latest"
    store: str = IN_MEMORY
    max_clock_skew_s: float = MAX_CLOCK_SKEW_S

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> EtpSettings:
        """Read the settings; what is not set, or empty, keeps its default.

        Raises:
            SettingError: a value that cannot be.
        """
        given = os.environ if environment is None else environment
        return cls(
            model=given.get(MODEL_VARIABLE) or cls.model,
            store=given.get(STORE_VARIABLE) or cls.store,
            max_clock_skew_s=_seconds(given, SKEW_VARIABLE, cls.max_clock_skew_s),
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that say these settings."""
        return _variables(self, (MODEL_VARIABLE, STORE_VARIABLE, SKEW_VARIABLE))


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """What the event service can be told.

    Args:
        store: path of the SQLite file that keeps the events, the address of a Redis server, or
            ``memory`` (``DOORSTEP_STORE``). A store in memory starts empty.
        catalog: the catalog that is served, as ``package.module:NAME`` (``DOORSTEP_CATALOG``); its
            sources are those whose events are taken.
        max_clock_skew_s: how far ahead of this machine's clock an event's time may be
            (``DOORSTEP_MAX_CLOCK_SKEW_S``).
        compact_every_s: how often the store is compacted (``DOORSTEP_COMPACT_EVERY_S``); 0: never.
            A store keeps everything until told otherwise.
        keep: how long before now features can still be asked for, and events still arrive, after
            a compaction (``DOORSTEP_KEEP``).

    >>> EventSettings.from_environment({"DOORSTEP_KEEP": "6h"}).keep
    '6h'
    >>> EventSettings.from_environment({"DOORSTEP_COMPACT_EVERY_S": "soon"})
    Traceback (most recent call last):
    ...
    services.errors.SettingError: DOORSTEP_COMPACT_EVERY_S is 'soon'; expected seconds, 0 or more
    """

    store: str = IN_MEMORY
    catalog: str = "aggregators.catalog:CATALOG"
    max_clock_skew_s: float = MAX_CLOCK_SKEW_S
    compact_every_s: float = 0.0
    keep: str = "1d"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> EventSettings:
        """Read the settings; what is not set, or empty, keeps its default.

        Raises:
            SettingError: a value that cannot be.
        """
        given = os.environ if environment is None else environment
        keep = given.get(KEEP_VARIABLE) or cls.keep
        try:
            duration_to_us(keep, KEEP_VARIABLE)
        except AggregatorError as error:
            raise SettingError(str(error)) from None
        return cls(
            store=given.get(STORE_VARIABLE) or cls.store,
            catalog=given.get(CATALOG_VARIABLE) or cls.catalog,
            max_clock_skew_s=_seconds(given, SKEW_VARIABLE, cls.max_clock_skew_s),
            compact_every_s=_seconds(given, COMPACT_VARIABLE, cls.compact_every_s),
            keep=keep,
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that say these settings."""
        names = (STORE_VARIABLE, CATALOG_VARIABLE, SKEW_VARIABLE, COMPACT_VARIABLE, KEEP_VARIABLE)
        return _variables(self, names)


def _variables(settings: EtpSettings | EventSettings, names: tuple[str, ...]) -> dict[str, str]:
    """Return the values of all fields, in their order, under the names of their variables."""
    values = [getattr(settings, item.name) for item in fields(settings)]
    return {name: str(value) for name, value in zip(names, values, strict=True)}


def _seconds(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(name) or ""
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.0 <= seconds < math.inf:
        raise SettingError(f"{name} is {text!r}; expected seconds, 0 or more")
    return seconds

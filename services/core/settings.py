"""Settings of the services, read from the environment once, at the start."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

from aggregators.errors import AggregatorError
from aggregators.time_span import DEFAULT_SPAN, SPAN_VARIABLE, TimeSpan
from aggregators.times import duration_to_us
from services.core.errors import SettingError
from services.core.limits import PART_TIMEOUT_S
from services.event_store.opening import IN_MEMORY
from services.schemas.common import Leg

__all__ = [
    "CourierTravelSettings",
    "EstimatorSettings",
    "EtpSettings",
    "EventSettings",
    "PartSettings",
    "WallEtaSettings",
]

EVENT_STORE_VARIABLE = "DOORSTEP_STORE"
SKEW_VARIABLE = "DOORSTEP_MAX_CLOCK_SKEW_S"
CATALOG_VARIABLE = "DOORSTEP_CATALOG"
COMPACT_VARIABLE = "DOORSTEP_COMPACT_EVERY_S"
KEEP_VARIABLE = "DOORSTEP_KEEP"
URL_VARIABLES = ("DOORSTEP_ETP_URL", "DOORSTEP_COURIER_TRAVEL_URL", "DOORSTEP_WALL_ETA_URL")
PART_TIMEOUT_VARIABLE = "DOORSTEP_PART_TIMEOUT_MS"

MAX_CLOCK_SKEW_S = 300.0


@dataclass(frozen=True, kw_only=True)
class EstimatorSettings:
    """What a service of estimators can be told, beside its models.

    Args:
        event_store: path of the SQLite file that keeps the events, the address of a Redis server,
            or ``memory`` (``DOORSTEP_STORE``). A store in memory starts empty.
        max_clock_skew_s: how far ahead of this machine's clock an event's time may be
            (``DOORSTEP_MAX_CLOCK_SKEW_S``).
    """

    model_variables: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Of each part that the service answers, the field and the variable with its model's tag."""

    event_store: str = IN_MEMORY
    max_clock_skew_s: float = MAX_CLOCK_SKEW_S

    @property
    def models(self) -> dict[str, str]:
        """The tag of each part's model."""
        return {part: getattr(self, name) for part, (name, _) in self.model_variables.items()}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings; what is not set, or empty, keeps its default.

        Raises:
            SettingError: a value that cannot be.
        """
        given = os.environ if environment is None else environment
        _check_time_span(given)
        tags = {
            name: given.get(variable) or getattr(cls, name)
            for name, variable in cls.model_variables.values()
        }
        return cls(
            **tags,
            event_store=given.get(EVENT_STORE_VARIABLE) or cls.event_store,
            max_clock_skew_s=_seconds(given, SKEW_VARIABLE, cls.max_clock_skew_s),
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that say these settings."""
        tags = {variable: getattr(self, name) for name, variable in self.model_variables.values()}
        return {
            **tags,
            EVENT_STORE_VARIABLE: self.event_store,
            SKEW_VARIABLE: str(self.max_clock_skew_s),
        }


@dataclass(frozen=True, kw_only=True)
class EtpSettings(EstimatorSettings):
    """What the eTP service can be told.

    Args:
        model: tag of the model in the BentoML model store (``DOORSTEP_ETP_MODEL``).

    >>> EtpSettings.from_environment(
    ...     {"DOORSTEP_STORE": "/var/lib/doorstep/events.db"}
    ... ).event_store
    '/var/lib/doorstep/events.db'
    """

    model_variables: ClassVar[Mapping[str, tuple[str, str]]] = {
        "ready": ("model", "DOORSTEP_ETP_MODEL")
    }
    model: str = "etp:latest"


@dataclass(frozen=True, kw_only=True)
class CourierTravelSettings(EstimatorSettings):
    """What the courier travel service can be told.

    Args:
        to_store_model: tag of the model of the way to the store
            (``DOORSTEP_TO_STORE_MODEL``).
        to_customer_model: of the way to the customer (``DOORSTEP_TO_CUSTOMER_MODEL``).
        parking_model: of parking and handing over (``DOORSTEP_PARKING_MODEL``).

    >>> CourierTravelSettings().models["parking"]
    'eta_parking:latest'
    """

    model_variables: ClassVar[Mapping[str, tuple[str, str]]] = {
        "to_store": ("to_store_model", "DOORSTEP_TO_STORE_MODEL"),
        "to_customer": ("to_customer_model", "DOORSTEP_TO_CUSTOMER_MODEL"),
        "parking": ("parking_model", "DOORSTEP_PARKING_MODEL"),
    }
    to_store_model: str = "eta_to_store:latest"
    to_customer_model: str = "eta_to_customer:latest"
    parking_model: str = "eta_parking:latest"


@dataclass(frozen=True, kw_only=True)
class WallEtaSettings(EstimatorSettings):
    """What the Wall ETA service can be told.

    Args:
        model: tag of the model in the BentoML model store (``DOORSTEP_WALL_ETA_MODEL``).

    >>> WallEtaSettings(model="eta_direct:latest").to_environment()["DOORSTEP_WALL_ETA_MODEL"]
    'eta_direct:latest'
    """

    model_variables: ClassVar[Mapping[str, tuple[str, str]]] = {
        "direct": ("model", "DOORSTEP_WALL_ETA_MODEL")
    }
    model: str = "wall_eta:latest"


@dataclass(frozen=True, kw_only=True)
class PartSettings:
    """Where the parts of an ETA are asked.

    Args:
        etp_url: address of the eTP service (``DOORSTEP_ETP_URL``); empty: this process answers.
        courier_travel_url: of the courier travel service (``DOORSTEP_COURIER_TRAVEL_URL``).
        wall_eta_url: of the Wall ETA service (``DOORSTEP_WALL_ETA_URL``).
        timeout_ms: longest wait for a part, milliseconds (``DOORSTEP_PART_TIMEOUT_MS``).

    >>> PartSettings.from_environment({"DOORSTEP_ETP_URL": "http://etp:3000"}).etp_url
    'http://etp:3000'
    >>> PartSettings.from_environment({"DOORSTEP_ETP_URL": "etp:3000"})
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: DOORSTEP_ETP_URL is 'etp:3000'; expected an address ...
    """

    etp_url: str = ""
    courier_travel_url: str = ""
    wall_eta_url: str = ""
    timeout_ms: float = PART_TIMEOUT_S * 1e3

    @property
    def addresses(self) -> dict[str, tuple[str, Leg | None]]:
        """The address of each part, empty where it is asked in this process, and its leg."""
        return {
            "ready": (self.etp_url, None),
            "to_store": (self.courier_travel_url, "to_store"),
            "to_customer": (self.courier_travel_url, "to_customer"),
            "parking": (self.courier_travel_url, "parking"),
            "direct": (self.wall_eta_url, None),
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings; what is not set, or empty, keeps its default.

        Raises:
            SettingError: a value that cannot be.
        """
        given = os.environ if environment is None else environment
        timeout_ms = _seconds(given, PART_TIMEOUT_VARIABLE, cls.timeout_ms, unit="milliseconds")
        etp, courier_travel, wall_eta = (_address(given, name) for name in URL_VARIABLES)
        return cls(
            etp_url=etp,
            courier_travel_url=courier_travel,
            wall_eta_url=wall_eta,
            timeout_ms=timeout_ms,
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that say these settings."""
        return _variables(self, (*URL_VARIABLES, PART_TIMEOUT_VARIABLE))


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """What the event service can be told.

    Args:
        event_store: path of the SQLite file that keeps the events, the address of a Redis server,
            or ``memory`` (``DOORSTEP_STORE``). A store in memory starts empty.
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
    services.core.errors.SettingError: DOORSTEP_COMPACT_EVERY_S is 'soon'; expected seconds, ...
    """

    event_store: str = IN_MEMORY
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
        _check_time_span(given)
        keep = given.get(KEEP_VARIABLE) or cls.keep
        try:
            duration_to_us(keep, KEEP_VARIABLE)
        except AggregatorError as error:
            raise SettingError(str(error)) from None
        return cls(
            event_store=given.get(EVENT_STORE_VARIABLE) or cls.event_store,
            catalog=given.get(CATALOG_VARIABLE) or cls.catalog,
            max_clock_skew_s=_seconds(given, SKEW_VARIABLE, cls.max_clock_skew_s),
            compact_every_s=_seconds(given, COMPACT_VARIABLE, cls.compact_every_s),
            keep=keep,
        )

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that say these settings."""
        names = (
            EVENT_STORE_VARIABLE,
            CATALOG_VARIABLE,
            SKEW_VARIABLE,
            COMPACT_VARIABLE,
            KEEP_VARIABLE,
        )
        return _variables(self, names)


def _variables(settings: EventSettings | PartSettings, names: tuple[str, ...]) -> dict[str, str]:
    """Return the values of all fields, in their order, under the names of their variables."""
    values = [getattr(settings, item.name) for item in fields(settings)]
    return {name: str(value) for name, value in zip(names, values, strict=True)}


def _address(given: Mapping[str, str], name: str) -> str:
    url = given.get(name) or ""
    if url and not url.startswith(("http://", "https://")):
        shown = url.rpartition("@")[2]
        raise SettingError(f"{name} is {shown!r}; expected an address such as http://etp:3000")
    return url


def _check_time_span(given: Mapping[str, str]) -> None:
    """Refuse a span of sensible times that cannot be read, before the first event needs it."""
    try:
        TimeSpan.parse(given.get(SPAN_VARIABLE) or DEFAULT_SPAN)
    except AggregatorError as error:
        raise SettingError(f"{SPAN_VARIABLE}: {error}") from None


def _seconds(
    given: Mapping[str, str], name: str, default: float, *, unit: str = "seconds"
) -> float:
    text = given.get(name) or ""
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.0 <= seconds < math.inf:
        raise SettingError(f"{name} is {text!r}; expected {unit}, 0 or more")
    return seconds

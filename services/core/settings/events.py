"""Which events are taken, where they are kept, and the settings of the event service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeAlias

from msgspec import Meta

from aggregators.engine.serving.kept_memory import KEPT_VARIABLE, MAX_KEPT_BYTES
from aggregators.errors import AggregatorError
from aggregators.time_span import DEFAULT_SPAN, SPAN_VARIABLE, TimeSpan
from aggregators.times import duration_to_us
from services.core.errors import SettingError
from services.core.settings.variable import FINITE, Settings, Variable

__all__ = [
    "IN_MEMORY",
    "MAX_CLOCK_SKEW_S",
    "EventSettings",
    "IntakeSettings",
    "StoreSettings",
    "UnknownData",
]

IN_MEMORY = "memory"
"""The setting of a store that is gone when its service ends."""

MAX_CLOCK_SKEW_S = 300.0
_MAX_KEPT_MIB = 1_048_576

UnknownData: TypeAlias = Literal["ignore", "refuse"]
"""What becomes of data that a source does not declare: left out and counted, or refused."""


def _check_span(name: str, text: str) -> None:
    try:
        TimeSpan.parse(text)
    except AggregatorError as error:
        raise SettingError(f"{name}: {error}") from None


def _check_duration(name: str, text: str) -> None:
    try:
        duration_to_us(text, name)
    except AggregatorError as error:
        raise SettingError(str(error)) from None


@dataclass(frozen=True, kw_only=True)
class IntakeSettings(Settings):
    """Chooses which events are taken.

    The span itself is used by :mod:`aggregators.time_span`; here it is checked at the start,
    before the first event needs it.

    >>> IntakeSettings.from_environment({"DOORSTEP_UNKNOWN_DATA": "refuse"}).unknown_data
    'refuse'
    """

    time_span: Annotated[
        str,
        Variable(
            SPAN_VARIABLE,
            "times that are taken, as `EARLIEST/LATEST` ([rule_of_time.md](rule_of_time.md))",
            check=_check_span,
        ),
    ] = DEFAULT_SPAN
    unknown_data: Annotated[
        UnknownData,
        Variable(
            "DOORSTEP_UNKNOWN_DATA",
            "data that a source does not declare: `ignore` it, or `refuse` its event",
        ),
    ] = "ignore"


@dataclass(frozen=True, kw_only=True)
class StoreSettings(Settings):
    """Chooses where a service keeps its events."""

    event_store: Annotated[
        str,
        Variable(
            "DOORSTEP_STORE",
            "path of an SQLite file, address of a Redis server (`redis://...`), or `memory`: gone"
            " when the service ends",
            option="--store",
        ),
    ] = IN_MEMORY
    max_clock_skew_s: Annotated[
        float,
        Meta(ge=0.0, le=FINITE),
        Variable(
            "DOORSTEP_MAX_CLOCK_SKEW_S",
            "how far ahead of this machine's clock the time of an event may be",
            unit="s",
            option="--max-clock-skew-s",
        ),
    ] = MAX_CLOCK_SKEW_S
    kept_windows_mib: Annotated[
        int,
        Meta(ge=0, le=_MAX_KEPT_MIB),
        Variable(
            KEPT_VARIABLE,
            "the most memory of a process, in MiB, for long windows of features that are kept from"
            " request to request; `0`: none is kept",
        ),
    ] = MAX_KEPT_BYTES // 2**20

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings, and check those of the intake.

        Raises:
            SettingError: a value that cannot be.
        """
        IntakeSettings.from_environment(environment)
        return super().from_environment(environment)


@dataclass(frozen=True, kw_only=True)
class EventSettings(StoreSettings):
    """Declares the settings of the event service.

    >>> EventSettings.from_environment({"DOORSTEP_KEEP": "6h"}).keep
    '6h'
    >>> EventSettings.from_environment({"DOORSTEP_COMPACT_EVERY_S": "soon"})
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: DOORSTEP_COMPACT_EVERY_S is 'soon'; expected ...
    """

    services = ("events",)

    catalog: Annotated[
        str,
        Variable(
            "DOORSTEP_CATALOG",
            "catalog that is served, as `package.module:NAME`; events of its sources are taken",
            option="--catalog",
        ),
    ] = "aggregators.catalog:CATALOG"
    compact_every_s: Annotated[
        float,
        Meta(ge=0.0, le=FINITE),
        Variable(
            "DOORSTEP_COMPACT_EVERY_S",
            "time between two compactions of the store; `0`: the store keeps everything",
            unit="s",
            option="--compact-every-s",
        ),
    ] = 0.0
    keep: Annotated[
        str,
        Variable(
            "DOORSTEP_KEEP",
            "how long before now features stay exact, and late events find their samples, after a"
            " compaction",
            option="--keep",
            check=_check_duration,
        ),
    ] = "1d"

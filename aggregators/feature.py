"""Define what the engine, the kernels and the event stores need of a declared feature.

They compute features and do not declare them. So they know these protocols and not the classes that
users declare features with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from aggregators.attributes import Attribute
from aggregators.events import Source
from aggregators.functions import AnyFunction

__all__ = ["Feature", "NamedFeatures", "SampleSelection", "SelectionKind"]


class SelectionKind(Enum):
    """Names how a feature selects samples of a group."""

    LAST_N = "last_n"
    """The n samples with the latest event."""
    AFTER_EVENT = "after_event"
    """The samples whose event is within a window."""
    BETWEEN_EVENTS = "between_events"
    """The samples whose first event has happened, and none of the closing events."""


@dataclass(frozen=True, kw_only=True)
class SampleSelection:
    """Says which samples of a group a feature selects.

    Args:
        kind: how.
        event: the event that orders the samples.
        n: how many samples, for LAST_N.
        window_us: how far back in microseconds, for AFTER_EVENT.
        max_age_us: how long ago the first event may be in microseconds, for BETWEEN_EVENTS; None
            for no limit.
        closing: the closing events, for BETWEEN_EVENTS.
    """

    kind: SelectionKind
    event: str
    n: int = 0
    window_us: int = 0
    max_age_us: int | None = None
    closing: tuple[str, ...] = ()


class Feature(Protocol):
    """Computes a function of an attribute of the selected samples of a group."""

    @property
    def source(self) -> Source:
        """The source whose samples are aggregated."""

    @property
    def dimension(self) -> str:
        """The column whose value makes the group."""

    @property
    def function(self) -> AnyFunction:
        """The function of the selected values."""

    @property
    def attribute(self) -> Attribute | None:
        """The number that the function works on; None where samples are counted."""

    @property
    def exclude_self(self) -> bool:
        """Whether the sample for which the feature is computed is left out."""

    @property
    def name(self) -> str:
        """The feature's name."""

    @property
    def order_event(self) -> str:
        """The event that orders the samples of a group."""

    @property
    def events(self) -> tuple[str, ...]:
        """The events that make the selection."""

    @property
    def selection(self) -> SampleSelection:
        """Which samples of a group are selected."""


class NamedFeatures(Protocol):
    """Holds features, with a name and a fingerprint."""

    @property
    def features(self) -> Sequence[Feature]:
        """The features, in their order."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def name(self) -> str:
        """What the set is called."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all names and definitions."""

"""Compute features together: they share sorting, selection and reading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from aggregators.errors import DefinitionError, unknown_name
from aggregators.events import Source
from aggregators.features.base import Aggregator
from aggregators.features.feature_queries import FeatureQueries

__all__ = ["FeatureSet"]

MAX_FEATURES = 10_000
"""The most features that one set may hold."""


class FeatureSet(FeatureQueries):
    """Holds several features as one: a table in training, a dict in inference.

    Args:
        features: the features; their names must differ.
        name: what the set is called, for messages and provenance.
        version: its semantic version.

    Raises:
        DefinitionError: a name stands twice, or one source is declared in two ways.

    >>> from aggregators import FeatureSet, Source, StatsAfterEvent, StatsBetweenEvents
    >>> orders = Source(
    ...     "orders",
    ...     sample_id="order_id",
    ...     events=("dispatched", "accepted"),
    ...     dimensions=("store_id",),
    ... )
    >>> features = FeatureSet(
    ...     [
    ...         StatsBetweenEvents(
    ...             orders,
    ...             dimension="store_id",
    ...             function="count",
    ...             name="queue",
    ...             first_event="dispatched",
    ...             second_event="accepted",
    ...         ),
    ...         StatsAfterEvent(
    ...             orders,
    ...             dimension="store_id",
    ...             function="count",
    ...             name="last_hour",
    ...             event="dispatched",
    ...             window="1h",
    ...         ),
    ...     ]
    ... )
    >>> features.names
    ('queue', 'last_hour')
    """

    features: tuple[Aggregator, ...]

    def __init__(self, features: Iterable[Aggregator], name: str = "", version: str = "") -> None:
        self.features = tuple(features)
        self.name = name
        self.version = version
        if not 1 <= len(self.features) <= MAX_FEATURES:
            raise DefinitionError(
                f"a feature set of {len(self.features)} features; expected 1 to {MAX_FEATURES:,}"
            )
        for feature in self.features:
            if not isinstance(feature, Aggregator):
                raise DefinitionError(f"{feature!r} is no feature; expected an aggregator")
        self.names = tuple(feature.name for feature in self.features)
        self._by_name = dict(zip(self.names, self.features, strict=True))
        self._check_names()
        self.sources = self._checked_sources()
        self.dimensions = tuple(dict.fromkeys(f.dimension for f in self.features))

    def _check_names(self) -> None:
        if len(self._by_name) < len(self.names):
            repeated = sorted({name for name in self.names if self.names.count(name) > 1})
            raise DefinitionError(
                f"feature names stand twice: {', '.join(repeated)}; give one of each name=..."
            )

    def _checked_sources(self) -> tuple[Source, ...]:
        sources: dict[str, Source] = {}
        for feature in self.features:
            known = sources.setdefault(feature.source.name, feature.source)
            if known != feature.source:
                raise DefinitionError(
                    f"source {known.name!r} is declared in two ways: by feature {feature.name!r}"
                    " and by one before it; expected the same Source"
                )
        return tuple(sources.values())

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[Aggregator]:
        return iter(self.features)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Aggregator:
        if name not in self._by_name:
            raise unknown_name("feature", name, f"feature set {self.name!r}", self.names)
        return self._by_name[name]

    def __repr__(self) -> str:
        title = f"{self.name} {self.version}".strip()
        return f"<FeatureSet {title + ': ' if title else ''}{len(self)} features>"

    def __getstate__(self) -> dict[str, Any]:
        # The plan follows from the features. Another version of the package compiles its own.
        return {name: value for name, value in vars(self).items() if name != "plan"}

    def pick(self, names: Iterable[str]) -> FeatureSet:
        """Return the set of the named features, in that order."""
        return FeatureSet([self[name] for name in names], self.name, self.version)

    def definition(self) -> list[dict[str, Any]]:
        """Return name and definition of each feature, ready for JSON."""
        return [{"name": feature.name, **feature.definition()} for feature in self.features]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all names and definitions, in their order."""
        text = json.dumps(self.definition(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

"""Hold the catalog: named features with metadata, found by name, topic, dimension or source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property

from aggregators.attributes import columns_of, events_of
from aggregators.errors import DefinitionError, unknown_name
from aggregators.events import Source
from aggregators.features.base import Aggregator
from aggregators.features.between_events import StatsBetweenEvents

__all__ = ["Catalog"]

METADATA = ("unit", "owner", "description", "topic")
"""What every feature of a catalog says about itself, beside its name and version."""

_SEMVER = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Catalog:
    """Holds features that have a name, a unit, an owner, a description and a topic.

    Iterating gives the features in their order; ``catalog["name"]`` gives one of them.

    Args:
        features: the features, of any sources.
        name: the catalog's name.
        version: semantic version. Major: a feature was removed or gives other values; minor:
            features were added; patch: only words changed.

    Raises:
        DefinitionError: a name occurs twice, a feature lacks metadata, or the version is not one.

    >>> from aggregators.catalog import CATALOG
    >>> CATALOG["store_queue_orders"].unit
    'orders'
    >>> "store_queue_orders" in CATALOG
    True
    """

    features: tuple[Aggregator, ...]
    _: KW_ONLY
    name: str
    version: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        if not _SEMVER.fullmatch(self.version):
            raise DefinitionError(
                f"catalog {self.name!r}: version is {self.version!r}; expected e.g. '1.0.0'"
            )
        if len(self._by_name) < len(self.features):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise DefinitionError(
                f"catalog {self.name!r}: {', '.join(twice)} occurs more than once; expected"
                " one feature per name"
            )
        for feature in self.features:
            lacking = [part for part in METADATA if not getattr(feature, part)]
            if lacking:
                raise DefinitionError(
                    f"catalog {self.name!r}: feature {feature.name!r} lacks {', '.join(lacking)};"
                    " a feature that others shall find says what it is"
                )

    def __iter__(self) -> Iterator[Aggregator]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Aggregator:
        if name not in self._by_name:
            raise unknown_name("feature", name, f"catalog {self.name!r}", self.names)
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Aggregator]:
        return {feature.name: feature for feature in self.features}

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the catalog's order."""
        return tuple(feature.name for feature in self.features)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that the features are declared for, each once."""
        return tuple({feature.source.name: feature.source for feature in self.features}.values())

    def by_topic(self) -> dict[str, tuple[Aggregator, ...]]:
        """Return the features of each topic.

        >>> from aggregators.catalog import CATALOG
        >>> [feature.name for feature in CATALOG.by_topic()["queue"]][:2]
        ['store_queue_orders', 'store_queue_products']
        """
        return self._grouped("topic")

    def by_dimension(self) -> dict[str, tuple[Aggregator, ...]]:
        """Return the features of each dimension.

        >>> from aggregators.catalog import CATALOG
        >>> list(CATALOG.by_dimension())
        ['store_id', 'store_category', 'courier_id', 'city', 'zone', 'store_zone']
        """
        return self._grouped("dimension")

    def features_for(self, source: Source) -> list[Aggregator]:
        """Return the features that a source can give, declared for that source.

        A feature is left out if the source lacks its dimension, one of its columns or events, or
        the first of its closing events. Further closing events only help if the first one is lost;
        those that the source does not have are dropped.

        Args:
            source: a source of the same name as the catalog's, with fewer (or other) events,
                dimensions and attributes.

        Returns:
            The features in the catalog's order; none if no source of the catalog has this name.

        >>> from aggregators import Source
        >>> from aggregators.catalog import CATALOG
        >>> kitchens = Source(
        ...     "orders",
        ...     sample_id="order_id",
        ...     events=("accepted", "ready"),
        ...     dimensions=("store_id",),
        ... )
        >>> found = CATALOG.features_for(kitchens)
        >>> "store_prep_last_5_mean_s" in [feature.name for feature in found]
        True
        """
        return [_declared_for(source, f) for f in self.features if _can_give(source, f)]

    def _grouped(self, part: str) -> dict[str, tuple[Aggregator, ...]]:
        groups: dict[str, list[Aggregator]] = {}
        for feature in self.features:
            groups.setdefault(getattr(feature, part), []).append(feature)
        return {group: tuple(features) for group, features in groups.items()}


def _can_give(source: Source, feature: Aggregator) -> bool:
    if feature.source.name != source.name or feature.dimension not in source.dimensions:
        return False
    events = set(feature.events[:2] if isinstance(feature, StatsBetweenEvents) else feature.events)
    columns: set[str] = set()
    if feature.attribute is not None:
        events.update(events_of(feature.attribute))
        columns.update(columns_of(feature.attribute))
    return events <= set(source.events) and columns <= set(source.attributes)


def _declared_for(source: Source, feature: Aggregator) -> Aggregator:
    if source is feature.source:
        return feature
    if isinstance(feature, StatsBetweenEvents):
        closing = tuple(event for event in feature.closing_events if event in source.events)
        return replace(feature, source=source, second_event=closing)
    return replace(feature, source=source)

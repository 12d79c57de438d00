"""Open the data that `doorstep check-equivalence` replays: public, simulated or the user's.

A service that is asked needs the features of the data set as a catalog: this module has one for
each public data set, by its name (``commands.equivalence.replayed_data:wolt``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aggregators import FeatureSet, Source
from aggregators.catalog import CATALOG, Catalog
from commands.console.output import UserError

if TYPE_CHECKING:
    import pandas as pd

    from aggregators import Aggregator
    from commands.data.tables import TableFile
    from estimators.datasets import Dataset

__all__ = ["ReplayedTables", "replayed_dataset", "replayed_file", "replayed_mapping"]


@dataclass(frozen=True, kw_only=True)
class ReplayedTables:
    """Tables with all features that they can give.

    Attributes:
        name: what is replayed.
        tables: each source's samples; those of the first one are asked.
        features: all features of all sources.
        catalog: where a service finds these features, as ``module:NAME``; empty if nowhere.
    """

    name: str
    tables: Mapping[str, pd.DataFrame]
    features: FeatureSet
    catalog: str = ""

    @property
    def events(self) -> tuple[str, ...]:
        """The events at which each sample is asked: all."""
        return self.features.sources[0].events

    @property
    def samples(self) -> int:
        """Samples of all sources."""
        return sum(len(table) for table in self.tables.values())

    def first(self, rows: int) -> ReplayedTables:
        """Return the same with at most so many samples of each source, the earliest ones."""
        tables = {}
        for source in self.features.sources:
            table = self.tables[source.name]
            moments = table[list(source.events)].min(axis=1)
            kept = moments.sort_values(kind="stable").index[:rows]
            tables[source.name] = table.loc[kept].sort_index().reset_index(drop=True)
        return replace(self, tables=tables)


def replayed_dataset(dataset: Dataset) -> ReplayedTables:
    """Return a data set, with the sources that live beside its samples, as what is replayed."""
    tables = {dataset.source.name: dataset.table}
    tables.update({source.name: table for source, table in dataset.others.items()})
    return ReplayedTables(
        name=dataset.name,
        tables=tables,
        features=_features_of((dataset.source, *dataset.others)),
        catalog=f"{__name__}:{dataset.name}",
    )


def replayed_mapping(dataset: Dataset) -> ReplayedTables:
    """Return one's own data with the features of the catalog and of every estimator for them.

    Raises:
        UserError: there is no feature for these data.
    """
    from commands.options.estimators import choices_for
    from estimators.training.train import usable_features

    found: dict[str, Aggregator] = {}
    for source in (dataset.source, *dataset.others):
        found.update((one.name, one) for one in CATALOG.features_for(source))
    for choice in choices_for(dataset):
        for feature in usable_features(choice.offered.load(), choice.asked_of(dataset)):
            known = found.setdefault(feature.name, feature)
            if known != feature:
                # The legs of a courier's way have features of the same names.
                own = replace(feature, name=f"{choice.name}_{feature.name}")
                found[own.name] = own
    if not found:
        source = dataset.source
        raise UserError(
            f"no estimator has a feature for {dataset.name}: its dimensions are"
            f" {', '.join(source.dimensions) or 'none'}, its events {', '.join(source.events)};"
            " the catalog knows store_id, courier_id, zone and city"
        )
    # The samples of the first source are asked.
    features = sorted(found.values(), key=lambda one: one.source != dataset.source)
    return replace(
        replayed_dataset(dataset),
        features=FeatureSet(features, CATALOG.name, CATALOG.version),
        catalog="",
    )


def replayed_file(file: TableFile) -> ReplayedTables:
    """Return one's own table as what is replayed, with the events and columns that it has.

    Raises:
        UserError: the catalog has no feature for them, or a value cannot be taken.
    """
    import pandas as pd

    from commands.data.sample_check import check_samples

    source = _reduced(file.source, file.present)
    if not CATALOG.features_for(source):
        raise UserError(
            f"the catalog has no feature for the columns of {file.path.name}:"
            f" {', '.join(file.present)}; see --rename"
        )
    chunks = list(file.chunks())
    if not chunks:
        raise UserError(f"{file.path.name} has no rows")
    table = pd.concat(chunks)[[source.sample_id, *source.events, *source.columns]]
    check_samples(file, source, table)
    return ReplayedTables(
        name=file.path.name, tables={source.name: table}, features=_features_of((source,))
    )


def _reduced(source: Source, present: tuple[str, ...]) -> Source:
    """Return a source without what a table lacks; the rest is known from when it was."""
    events = tuple(name for name in source.events if name in present)
    columns = {name: source.known_from_event(name) for name in source.columns if name in present}
    return Source(
        source.name,
        sample_id=source.sample_id,
        events=events,
        dimensions=tuple(name for name in source.dimensions if name in columns),
        attributes=tuple(name for name in source.attributes if name in columns),
        known_from={name: event for name, event in columns.items() if event in events},
    )


def _features_of(sources: tuple[Source, ...]) -> FeatureSet:
    features = [feature for source in sources for feature in CATALOG.features_for(source)]
    return FeatureSet(features, CATALOG.name, CATALOG.version)


def __getattr__(name: str) -> Any:
    """Return the catalog of a data set: the features of :data:`CATALOG` for its own sources."""
    from estimators.datasets.deliveroo import DELIVEROO_ORDERS
    from estimators.datasets.jumpman import JUMPMAN_ORDERS
    from estimators.datasets.wolt import WOLT_ORDERS, WOLT_WEATHER
    from simulator import ORDERS

    sources: dict[str, tuple[Source, ...]] = {
        "deliveroo": (DELIVEROO_ORDERS,),
        "jumpman": (JUMPMAN_ORDERS,),
        "wolt": (WOLT_ORDERS, WOLT_WEATHER),
        "simulator": (ORDERS,),
    }
    if name not in sources:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    features = _features_of(sources[name])
    return Catalog(features.features, name=features.name, version=features.version)

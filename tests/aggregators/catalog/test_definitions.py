"""A changed definition without a new version fails here."""

from __future__ import annotations

from dataclasses import replace

from aggregators import StatsLastNSamples
from aggregators.catalog import CATALOG, Catalog
from tests.aggregators.catalog.definitions import (
    definitions_of,
    lacking_versions,
    stored_definitions,
)


def test_the_definitions_are_those_of_the_file() -> None:
    stored, current = stored_definitions(), definitions_of(CATALOG)
    assert not lacking_versions(stored, current)
    assert current == stored, (
        "the catalog has changed: python -m tests.aggregators.catalog.definitions"
    )


def catalog_with(*, n: int, version: int, catalog_version: str) -> Catalog:
    feature = CATALOG["store_prep_last_20_mean_s"]
    assert isinstance(feature, StatsLastNSamples)
    return Catalog(
        (CATALOG["store_queue_orders"], replace(feature, n=n, version=version)),
        name="mine",
        version=catalog_version,
    )


def test_another_definition_needs_a_version() -> None:
    old = definitions_of(catalog_with(n=20, version=1, catalog_version="1.2.3"))
    silent = definitions_of(catalog_with(n=21, version=1, catalog_version="1.2.3"))
    assert lacking_versions(old, silent) == [
        "store_prep_last_20_mean_s has another definition and needs a version above 1",
        "features changed or went: the catalog needs version 2.0.0",
    ]
    said = definitions_of(catalog_with(n=21, version=2, catalog_version="2.0.0"))
    assert lacking_versions(old, said) == []


def test_words_may_change_without_a_version() -> None:
    feature = CATALOG["store_queue_orders"]
    old = definitions_of(Catalog((feature,), name="mine", version="1.0.0"))
    reworded = replace(feature, description="Orders that wait.", owner="stores", unit="1")
    new = definitions_of(Catalog((reworded,), name="mine", version="1.0.0"))
    assert lacking_versions(old, new) == []


def test_features_that_come_or_go_need_a_version() -> None:
    both = (CATALOG["store_queue_orders"], CATALOG["store_queue_products"])
    one = definitions_of(Catalog(both[:1], name="mine", version="1.0.0"))
    two = definitions_of(Catalog(both, name="mine", version="1.0.0"))
    more = definitions_of(Catalog(both, name="mine", version="1.1.0"))
    assert lacking_versions(one, two) == ["features came: the catalog needs version 1.1.0"]
    assert lacking_versions(one, more) == []
    assert lacking_versions(more, one) == [
        "features changed or went: the catalog needs version 2.0.0"
    ]

"""Every module of the catalog gives features of its own, and the catalog has all of them."""

from __future__ import annotations

import importlib
from collections import Counter

import pytest

from aggregators.catalog import CATALOG
from aggregators.features.base import Aggregator

MODULES = (
    "aggregators.catalog.backlog", "aggregators.catalog.categories", "aggregators.catalog.cities",
    "aggregators.catalog.couriers", "aggregators.catalog.kitchens",
    "aggregators.catalog.local_events", "aggregators.catalog.parking",
    "aggregators.catalog.stores", "aggregators.catalog.supply", "aggregators.catalog.weather",
    "aggregators.catalog.zones",
)  # fmt: skip


def features_of(name: str) -> list[Aggregator]:
    """The features that a module gives, in lists of whatever names."""
    found: list[Aggregator] = []
    for exported in importlib.import_module(name).__all__:
        value = getattr(importlib.import_module(name), exported)
        found += [one for one in value if isinstance(one, Aggregator)] if _is_many(value) else []
    return found


def _is_many(value: object) -> bool:
    return isinstance(value, tuple | list)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_gives_features_that_the_catalog_has_and_describes(name: str) -> None:
    features = features_of(name)
    assert features
    known = {one.name: one for one in CATALOG}
    for one in features:
        assert known[one.name] is one
        assert one.description
        assert one.unit
        assert one.topic


def test_the_catalog_has_each_feature_of_the_modules_once_and_no_other() -> None:
    given = Counter(one.name for name in MODULES for one in features_of(name))
    assert set(given.values()) == {1}
    assert set(given) == {one.name for one in CATALOG}

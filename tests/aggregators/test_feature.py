"""What users declare is what the engine knows as a feature: it says all that a kernel needs."""

from __future__ import annotations

import inspect

import pytest

from aggregators import FeatureSet
from aggregators.catalog import CATALOG
from aggregators.feature import Feature, NamedFeatures, SelectionKind

NEEDED = {
    SelectionKind.LAST_N: ("n",),
    SelectionKind.AFTER_EVENT: ("window_us",),
    SelectionKind.BETWEEN_EVENTS: ("closing",),
}


def members(protocol: type) -> list[str]:
    """The names that a protocol asks for."""
    return [name for name, one in vars(protocol).items() if inspect.isdatadescriptor(one)
            and not name.startswith("_")]  # fmt: skip


def test_the_protocols_ask_for_what_this_test_looks_at() -> None:
    assert {"source", "dimension", "function", "selection", "order_event"} <= set(members(Feature))
    assert set(members(NamedFeatures)) == {"features", "names", "name", "fingerprint"}


def test_every_feature_of_the_catalog_says_all_that_the_protocol_asks_for() -> None:
    for feature in CATALOG:
        for name in members(Feature):
            assert hasattr(feature, name), f"{feature.name}: {name}"
        assert feature.order_event == feature.selection.event
        assert feature.order_event in feature.source.events
        assert set(feature.events) <= set(feature.source.events)
        assert feature.dimension in feature.source.dimensions


@pytest.mark.parametrize("kind", SelectionKind)
def test_a_selection_says_what_its_kind_needs(kind: SelectionKind) -> None:
    selections = [one.selection for one in CATALOG if one.selection.kind is kind]
    assert selections
    for selection in selections:
        for other, names in NEEDED.items():
            for name in names:
                assert bool(getattr(selection, name)) == (other is kind), selection


def test_a_set_of_features_is_named_features() -> None:
    features = FeatureSet(list(CATALOG)[:3], name="three", version="1.0.0")
    for name in members(NamedFeatures):
        assert hasattr(features, name), name
    assert features.names == tuple(one.name for one in features.features)
    assert len(features.fingerprint) == 64

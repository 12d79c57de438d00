"""Which features a source with fewer events and columns can give."""

from __future__ import annotations

import itertools

import pytest

from aggregators import Source, StatsBetweenEvents
from aggregators.attributes import columns_of, events_of
from aggregators.catalog import CATALOG, LOCAL_EVENTS, ORDERS, WEATHER, features_for


def orders_with(
    events: tuple[str, ...] = ORDERS.events,
    dimensions: tuple[str, ...] = ORDERS.dimensions,
    attributes: tuple[str, ...] = ORDERS.attributes,
) -> Source:
    return Source(
        "orders", sample_id="id", events=events, dimensions=dimensions, attributes=attributes
    )


def names(source: Source) -> set[str]:
    return {feature.name for feature in features_for(source)}


def test_the_standard_sources_give_all_their_features() -> None:
    assert names(ORDERS) | names(WEATHER) | names(LOCAL_EVENTS) == set(CATALOG.names)
    assert all(feature is CATALOG[feature.name] for feature in features_for(ORDERS))


def test_another_source_gives_none() -> None:
    source = Source("parcels", sample_id="id", events=ORDERS.events, dimensions=ORDERS.dimensions)
    assert features_for(source) == []


def test_kitchen_data_gives_kitchen_features() -> None:
    source = orders_with(("accepted", "ready"), ("store_id", "city"), ("amount",))
    found = names(source)
    assert {"store_prep_last_20_mean_s", "store_kitchen_orders", "store_kitchen_amount"} <= found
    assert {"city_kitchen_orders", "store_accepted_60min", "city_prep_60min_mean_s"} <= found
    assert not {name for name in found if name.startswith(("courier_", "zone_", "category_"))}
    assert "store_queue_orders" not in found
    assert "store_kitchen_products" not in found


def test_features_are_declared_for_the_given_source() -> None:
    source = orders_with(("accepted", "ready", "cancelled"), ("store_id",), ())
    for feature in features_for(source):
        assert feature.source is source
        original = CATALOG[feature.name]
        assert (feature.unit, feature.owner, feature.topic, feature.version) == (
            original.unit,
            original.owner,
            original.topic,
            original.version,
        )


def test_only_spare_closing_events_may_be_missing() -> None:
    (kitchen,) = (
        feature
        for feature in features_for(orders_with(("accepted", "ready"), ("store_id",), ()))
        if feature.name == "store_kitchen_orders"
    )
    assert isinstance(kitchen, StatsBetweenEvents)
    assert kitchen.closing_events == ("ready",)
    without_ready = orders_with(("accepted", "picked_up", "cancelled"), ("store_id",), ())
    assert "store_kitchen_orders" not in names(without_ready)


@pytest.mark.parametrize("part", ["events", "dimensions", "attributes"])
def test_what_a_source_lacks_is_used_by_no_feature(part: str) -> None:
    declared: tuple[str, ...] = getattr(ORDERS, part)
    for absent in itertools.chain(
        itertools.combinations(declared, 1), itertools.combinations(declared, 2)
    ):
        left = tuple(name for name in declared if name not in absent)
        source = orders_with(**{part: left})
        for feature in features_for(source):
            used = {feature.dimension, *feature.events}
            if feature.attribute is not None:
                used |= {*events_of(feature.attribute), *columns_of(feature.attribute)}
            assert not used & set(absent), feature.name


def test_a_larger_source_gives_no_fewer_features() -> None:
    for count in range(1, len(ORDERS.events)):
        fewer, more = ORDERS.events[:count], ORDERS.events[: count + 1]
        assert names(orders_with(fewer)) <= names(orders_with(more))

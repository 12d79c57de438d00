"""What every feature of the catalog must say about itself, and how features are found."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from aggregators import StatsBetweenEvents, StatsLastNSamples
from aggregators.catalog import CATALOG, ORDERS, WEATHER, Catalog
from aggregators.errors import DefinitionError, UnknownNameError
from aggregators.features.base import Aggregator

FEATURE = pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)

OWNERS = {"kitchens", "couriers", "marketplace", "conditions"}
TOPICS = {
    "behaviour",
    "cancellations",
    "completion",
    "handover",
    "kitchen",
    "load",
    "local events",
    "parking",
    "preparation",
    "queue",
    "speed",
    "supply",
    "weather",
    "work",
}
PREFIXES = {
    "store_id": "store_",
    "store_category": "category_",
    "courier_id": "courier_",
    "city": "city_",
    "zone": "zone_",
    "store_zone": "store_zone_",
}
ENDINGS = {
    "s": "_s",
    "m": "_m",
    "m/s": "_m_s",
    "mm": "_mm",
    "degC": "_c",
    "s/order": "_s_per_order",
    "s/product": "_s_per_product",
    "m/s/order": "_m_s_per_order",
}
COUNTED = {"orders", "products", "currency", "observations", "events", "people", "1"}


def test_the_catalog_is_large_enough_and_names_are_unique() -> None:
    assert len(CATALOG) >= 60
    assert len(set(CATALOG.names)) == len(CATALOG)
    assert [source.name for source in CATALOG.sources] == ["orders", "weather", "local_events"]


@FEATURE
def test_every_feature_says_what_it_is(feature: Aggregator) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]+", feature.name)
    assert feature.name.startswith(PREFIXES[feature.dimension])
    assert feature.owner in OWNERS
    assert feature.topic in TOPICS
    assert feature.version >= 1


@FEATURE
def test_every_description_is_one_plain_sentence(feature: Aggregator) -> None:
    description = feature.description
    assert 30 <= len(description) <= 200
    assert description[0].isupper()
    assert description.endswith(".")
    assert ". " not in description
    assert "  " not in description


@FEATURE
def test_the_unit_stands_last_in_the_name(feature: Aggregator) -> None:
    if feature.unit in COUNTED:
        assert not feature.name.endswith(("_s", "_m", "_c", "_mm"))
    else:
        assert feature.name.endswith(ENDINGS[feature.unit])


@FEATURE
def test_the_name_says_the_selection(feature: Aggregator) -> None:
    if isinstance(feature, StatsLastNSamples) and feature.n > 1:
        assert f"_last_{feature.n}_" in feature.name


@FEATURE
def test_an_open_interval_has_an_age_limit(feature: Aggregator) -> None:
    if isinstance(feature, StatsBetweenEvents):
        assert feature.max_age is not None
        several = len(feature.closing_events) > 1 or feature.closing_events[-1] == "cancelled"
        assert several or feature.source.name == "local_events"  # these can only end


def test_no_two_features_give_the_same_values() -> None:
    fingerprints = [feature.fingerprint for feature in CATALOG]
    twice = [f.name for f in CATALOG if fingerprints.count(f.fingerprint) > 1]
    assert not twice


def test_what_the_catalog_promises_is_there() -> None:
    promised = [
        "store_queue_orders",
        "store_queue_products",
        "store_queue_oldest_s",
        "store_kitchen_orders",
        "store_kitchen_oldest_s",
        "store_prep_last_5_mean_s",
        "store_prep_last_20_mean_s",
        "store_prep_last_20_median_s",
        "store_prep_last_20_p90_s",
        "store_prep_last_20_std_s",
        "store_prep_last_20_trend_s_per_order",
        "store_prep_last_s",
        "store_orders_5min",
        "store_orders_15min",
        "store_orders_60min",
        "store_cancelled_60min",
        "courier_speed_last_10_mean_m_s",
        "courier_speed_last_10_cid_ce_m_s",
        "courier_speed_last_10_fft_1_abs_m_s",
        "courier_speed_last_10_autocorrelation_lag_1",
        "courier_speed_last_10_mean_abs_change_m_s",
        "courier_assignment_last_10_mean_s",
        "courier_parking_last_10_mean_s",
        "courier_at_store_last_10_mean_s",
        "courier_delivered_60min",
        "courier_open_orders",
        "city_orders_5min",
        "city_orders_15min",
        "city_orders_60min",
        "city_open_orders",
        "city_completion_last_5_mean_s",
        "city_completion_last_20_mean_s",
        "city_prep_15min_mean_s",
        "zone_speed_15min_mean_m_s",
        "zone_speed_60min_mean_m_s",
        "zone_parking_last_20_mean_s",
    ]
    assert not set(promised) - set(CATALOG.names)


def test_features_are_found_by_name_topic_and_dimension() -> None:
    feature = CATALOG["store_queue_orders"]
    assert feature.name == "store_queue_orders"
    assert "store_queue_orders" in CATALOG
    assert "store_queue_ordres" not in CATALOG
    assert feature in CATALOG.by_topic()["queue"]
    assert feature in CATALOG.by_dimension()["store_id"]
    for grouped in (CATALOG.by_topic(), CATALOG.by_dimension()):
        assert sum(len(features) for features in grouped.values()) == len(CATALOG)


def test_an_unknown_name_is_an_error_that_names_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'store_queue_orders'"):
        CATALOG["store_queue_order"]


def test_a_catalog_refuses_what_others_could_not_find() -> None:
    described = CATALOG["store_queue_orders"]
    nameless = StatsLastNSamples(
        ORDERS, dimension="city", function="last", attribute="amount", event="ready", n=1
    )
    with pytest.raises(DefinitionError, match="lacks unit, owner, description, topic"):
        Catalog((nameless,), name="mine", version="1.0.0")
    with pytest.raises(DefinitionError, match="store_queue_orders occurs more than once"):
        Catalog((described, described), name="mine", version="1.0.0")
    with pytest.raises(DefinitionError, match=r"version is '1\.0'"):
        Catalog((described,), name="mine", version="1.0")


def test_importing_the_catalog_loads_nothing_heavy() -> None:
    heavy = ("pandas", "numba", "tsfresh", "scipy", "pyarrow", "duckdb")
    code = (
        "import sys, aggregators.catalog\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_weather_is_a_source_of_its_own() -> None:
    assert {feature.source for feature in CATALOG.by_topic()["weather"]} == {WEATHER}

"""`doorstep catalog` lists all features and explains each."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from aggregators import (
    Duration,
    Elapsed,
    Ratio,
    StatsAfterEvent,
    StatsBetweenEvents,
    StatsLastNSamples,
    quantile,
    tsfresh,
)
from aggregators.catalog import CATALOG, LOCAL_EVENTS, ORDERS, WEATHER
from aggregators.features.base import Aggregator
from aggregators.features.costs import why_expensive
from commands.main import app
from commands.reports.feature_text import as_code, boundaries, definition_in_words


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["catalog", *arguments])


def test_all_features_are_listed_once() -> None:
    words = run().output.split()
    assert [word for word in words if word in CATALOG] == list(CATALOG.names)


@pytest.mark.parametrize(
    ("option", "value"), [("source", "weather"), ("dimension", "zone"), ("topic", "queue")]
)
def test_filters_choose(option: str, value: str) -> None:
    shown = json.loads(run(f"--{option}", value, "--json").output)
    expected = [
        feature.name
        for feature in CATALOG
        if value in (feature.source.name, feature.dimension, feature.topic)
    ]
    assert [feature["name"] for feature in shown] == expected
    assert 0 < len(shown) < len(CATALOG)


@pytest.mark.parametrize("option", ["source", "dimension", "topic"])
def test_a_filter_that_finds_nothing_says_what_there_is(option: str) -> None:
    shown = run(f"--{option}", "nothing")
    assert shown.exit_code == 1


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_every_feature_is_explained(feature: Aggregator) -> None:
    sentence = definition_in_words(feature)
    assert sentence.endswith(".")
    assert feature.dimension in sentence
    assert any("as_of" in line for line in boundaries(feature))


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_the_code_of_a_feature_declares_that_feature(feature: Aggregator) -> None:
    names = {
        "ORDERS": ORDERS,
        "LOCAL_EVENTS": LOCAL_EVENTS,
        "WEATHER": WEATHER,
        "Duration": Duration,
        "Elapsed": Elapsed,
        "Ratio": Ratio,
        "StatsAfterEvent": StatsAfterEvent,
        "StatsBetweenEvents": StatsBetweenEvents,
        "StatsLastNSamples": StatsLastNSamples,
        "quantile": quantile,
        "tsfresh": tsfresh,
    }
    declared = eval(as_code(feature), names)
    assert declared.fingerprint == feature.fingerprint
    assert declared.name == feature.name


def test_one_feature_is_shown_in_full() -> None:
    shown = run("store_kitchen_oldest_s").output
    for part in (
        "as_of - 3h <= accepted < as_of",
        "none of ready, picked_up, delivered, cancelled has happened before as_of",
        "the sample for which it is computed never counts",
        "nothing selected gives NaN",
        "StatsBetweenEvents(",
        "version      1",
    ):
        assert part in shown


def test_json_of_one_feature_has_its_definition() -> None:
    shown = json.loads(run("store_queue_orders", "--json").output)
    assert shown["definition"] == CATALOG["store_queue_orders"].definition()
    assert shown["unit"] == "orders"


@pytest.fixture
def small_cities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.catalog.COSTS_ORDERS", 400)
    monkeypatch.setattr("commands.catalog.COSTS_DAYS", 4)


@pytest.mark.usefixtures("small_cities")
def test_costs_name_what_is_expensive() -> None:
    shown = run("--dimension", "courier_id", "--topic", "behaviour", "--costs", "--json")
    assert shown.exit_code == 0, shown.output
    costs = json.loads(shown.stdout)
    expected = {
        feature.name
        for feature in CATALOG
        if (feature.dimension, feature.topic) == ("courier_id", "behaviour")
        and why_expensive(feature)
    }
    assert expected
    assert {one["name"] for one in costs} == {*expected, "all others"}
    assert sum(one["share"] for one in costs) == pytest.approx(1.0, abs=0.01)


@pytest.mark.usefixtures("small_cities")
def test_where_nothing_is_expensive_costs_say_so() -> None:
    shown = run("--source", "weather", "--costs")
    assert shown.exit_code == 0, shown.output
    assert "features is expensive: their cost does not grow with their window" in shown.stdout


def test_costs_of_one_feature_are_refused() -> None:
    shown = run("store_queue_orders", "--costs")
    assert shown.exit_code == 1
    assert "leave out the name of one" in shown.output


def test_a_feature_that_is_expensive_is_explained_as_such() -> None:
    said = "grows with its window: tsfresh reads the whole window in Python"
    assert said in run("courier_speed_last_10_cid_ce_m_s").output
    assert "grows with its window" not in run("store_queue_orders").output

"""What is said without a model: right as often as it says, by whatever of a request is known."""

from __future__ import annotations

import contextlib
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from aggregators.times import from_us
from estimators import DatasetError, InputError
from estimators.core.values import plain_value
from estimators.fallback.learning import learn_fallback
from estimators.fallback.model import LEVELS_KNOWN, UNITS, Fallback
from estimators.fallback.situations import CATEGORIES_MAX, HAPPENED, Split, best_splits
from estimators.features.facts import Facts
from estimators.quantiles.calibration import GRID_LEVELS
from tests.readme import examples_of

SEED = 41
HOUR_US = 3_600_000_000
START_US = 1_772_409_600_000_000  # 2026-03-02 00:00 UTC
FACTS = Facts(
    numbers=("distance_m", "since_accepted_s", "amount"),
    categories={"store_id": (), "city": ()},
    timezone_by="city",
    timezones={"BCN": "Europe/Madrid", "WAW": "Europe/Warsaw"},
)
STORES = 8


def rows(n: int = 6_000, seed: int = SEED) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Orders that take longer the farther, in some stores, and at noon in one of the cities."""
    rng = np.random.default_rng(seed)
    as_of_us = START_US + np.sort(rng.integers(0, 30 * 24 * HOUR_US, n))
    store = rng.integers(0, STORES, n)
    city = np.where(store % 2 == 0, "BCN", "WAW")
    distance_m = rng.uniform(200.0, 5_000.0, n)
    local = as_of_us // HOUR_US % 24 + 1  # both cities are an hour ahead of UTC in March
    noon = np.where((local == 12) & (city == "BCN"), 0.5, 0.0)
    logs = np.log(200.0 + distance_m / 4.0) + 0.1 * (store - 4.0) + noon
    table = pd.DataFrame(
        {
            "store_id": [f"s{i}" for i in store],
            "city": city,
            "distance_m": distance_m,
            "since_accepted_s": np.where(rng.random(n) < 0.5, np.nan, rng.uniform(0.0, 600.0, n)),
            "amount": rng.uniform(5.0, 50.0, n),
        }
    )
    return table, np.exp(logs + 0.3 * rng.normal(size=n)), as_of_us


@pytest.fixture(scope="module")
def fallback() -> Fallback:
    table, target_s, as_of_us = rows()
    return learn_fallback(table, target_s, as_of_us, facts=FACTS)


def asked(table: pd.DataFrame, *names: str) -> dict[str, list[Any]]:
    return {name: table[name].tolist() for name in names or table.columns}


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (("store_id", "city", "distance_m", "since_accepted_s", "amount"), "store and hour"),
        (("store_id", "distance_m"), "store and hour"),
        (("city", "distance_m"), "city"),
        (("distance_m",), "constant"),
        (("city",), "city"),
        (("amount",), "constant"),
    ],
)
def test_ranges_hold_whatever_is_known(
    fallback: Fallback, names: tuple[str, ...], known: str
) -> None:
    table, target_s, as_of_us = rows(seed=SEED + 1)
    distribution, levels = fallback.distribution(asked(table, *names), as_of_us)
    assert set(levels) == {known}
    low, high = distribution.interval(0.8)
    assert 0.77 < np.mean((low <= target_s) & (target_s <= high)) < 0.83, f"seed {SEED}"


def test_the_more_is_known_the_nearer_it_comes(fallback: Fallback) -> None:
    table, target_s, as_of_us = rows(seed=SEED + 1)
    errors_s = []
    for names in (("store_id", "city", "distance_m"), ("city", "distance_m"), ("amount",)):
        distribution, _ = fallback.distribution(asked(table, *names), as_of_us)
        errors_s.append(np.abs(distribution.quantile(0.5) - target_s).mean())
    assert errors_s == sorted(errors_s)
    assert errors_s[0] < 0.7 * errors_s[-1]


def test_situations_are_made_of_what_tells_most(fallback: Fallback) -> None:
    assert [split.name for split in fallback.splits] == ["distance_m"]
    noon = fallback.hours[list(fallback.cities).index("BCN"), 12]
    assert 0.25 < noon * UNITS["log"] < 0.6


def test_an_hour_is_that_of_the_store_where_no_city_is_named(fallback: Fallback) -> None:
    noon_us = START_US + 11 * HOUR_US
    of_store, _ = fallback.distribution({"store_id": ["s0"], "distance_m": [1_000.0]}, noon_us)
    both, _ = fallback.distribution(
        {"store_id": ["s0"], "city": ["BCN"], "distance_m": [1_000.0]}, noon_us
    )
    assert of_store == both
    later, _ = fallback.distribution(
        {"store_id": ["s0"], "distance_m": [1_000.0]}, noon_us + 3 * HOUR_US
    )
    assert later.quantile(0.5)[0] < 0.8 * of_store.quantile(0.5)[0]


def naive(document: dict[str, Any], row: dict[str, Any], as_of_us: int) -> tuple[list[float], str]:
    """One row of the saved tables, looked up the obvious way."""
    store_column, city_column, zone_column = document["columns"]
    situation = 0
    for split in document["splits"]:
        value = row.get(split["name"])
        if split["of"]:
            there = [row.get(name) is not None for name in split["of"]]
            value = "".join(str(int(one)) for one in there)
        if split["values"]:
            place, places = 0, len(split["values"]) + 1
            if plain_value(value) in split["values"]:
                place = 1 + split["values"].index(plain_value(value))
        else:
            place, places = 0, len(split["edges"]) + 2
            if value is not None and not math.isnan(value):
                place = 1 + sum(edge < value for edge in split["edges"])
        situation = situation * places + place
    stores = {one[0]: one[1:] for one in document["stores"]}
    store = stores.get(row.get(store_column))
    city_names = [one[0] for one in document["cities"]]
    city = row.get(city_column)
    if city not in city_names:
        city = city_names[store[0]] if store else None
    zones = dict(document["timezones"])
    zone = zones.get(row.get(zone_column))
    if zone is None and store:
        zone = document["timezones"][store[1]][1]
    hour = None if zone is None else from_us(as_of_us).astimezone(ZoneInfo(zone)).hour
    units = document["centre"][situation]
    if city is not None:
        _, effect, hours = document["cities"][city_names.index(city)]
        units += effect + (0 if hour is None else hours[hour])
    if store:
        more = dict(zip(store[3::2], store[4::2], strict=True))
        units += store[2] + more.get(hour, 0)
    known = 0 if store else 1 if city is not None else 2
    low_s, high_s = document["bounds_s"]
    values = []
    for grid in document["grids"][known][situation]:
        seconds = math.exp((units + grid) / 1024.0)
        values.append(round(min(max(seconds, low_s), high_s) * 8.0) / 8.0)
    return values, LEVELS_KNOWN[known]


def test_answers_are_those_of_the_obvious_look_up(fallback: Fallback) -> None:
    rng = np.random.default_rng(SEED)
    document = json.loads(json.dumps(fallback.to_json()))
    choices: dict[str, list[Any]] = {
        "store_id": [*(f"s{i}" for i in range(STORES)), "nobody", None],
        "city": ["BCN", "WAW", "elsewhere", None],
        "distance_m": [None, math.nan, 0.0, 900.0, 1e9],
    }
    columns = {k: [v[i] for i in rng.integers(0, len(v), 200)] for k, v in choices.items()}
    as_of_us = START_US + rng.integers(0, 300 * 24 * HOUR_US, 200)
    distribution, known = fallback.distribution(columns, as_of_us)
    for i in range(200):
        row = {name: column[i] for name, column in columns.items()}
        values, level = naive(document, row, int(as_of_us[i]))
        assert (distribution.values[i].tolist(), known[i]) == (values, level), f"seed {SEED}: {row}"
        one, _ = fallback.distribution({k: [v] for k, v in row.items()}, int(as_of_us[i]))
        assert one == distribution[i : i + 1]


def test_what_was_saved_answers_the_same_bits(fallback: Fallback) -> None:
    table, _, as_of_us = rows(200)
    text = json.dumps(fallback.to_json(), allow_nan=False)
    again = Fallback.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    assert len(text) < 20_000
    expected = fallback.distribution(asked(table), as_of_us)
    assert again.distribution(asked(table), as_of_us) == expected


def test_the_order_of_the_rows_teaches_nothing(fallback: Fallback) -> None:
    table, target_s, as_of_us = rows()
    shuffled = np.random.default_rng(SEED).permutation(len(table))
    again = learn_fallback(
        table.iloc[shuffled], target_s[shuffled], as_of_us[shuffled], facts=FACTS
    )
    one, other = again.to_json(), fallback.to_json()
    assert sorted(one.pop("stores")) == sorted(other.pop("stores"))
    assert one.pop("centre") == other.pop("centre")
    assert one["splits"] == other["splits"]


def test_nothing_that_a_request_says_makes_it_fail(fallback: Fallback) -> None:
    odd: list[Any] = [None, math.nan, math.inf, -1, 10**400, "far", True, {}, ["s1"], b"s1", 1e308]
    columns = dict.fromkeys(("store_id", "city", "distance_m", "unheard_of"), odd)
    distribution, known = fallback.distribution(columns, START_US)
    assert set(known) == {"constant"}
    assert bool(np.isfinite(distribution.values).all())
    assert len(fallback.distribution({}, START_US)[0]) == 1
    with pytest.raises(InputError, match="as many"):
        fallback.distribution({"city": ["BCN"], "store_id": []}, START_US)


def test_few_rows_know_no_store() -> None:
    table, target_s, as_of_us = rows(60)
    few = learn_fallback(table, target_s, as_of_us, facts=FACTS)
    assert (few.stores, few.cities, few.splits) == ({}, {}, few.splits)
    distribution, known = few.distribution(asked(table), as_of_us)
    assert set(known) == {"constant"}
    np.testing.assert_allclose(distribution.quantile(0.5), np.median(target_s), rtol=2e-3)
    with pytest.raises(DatasetError, match="no row"):
        learn_fallback(table[:0], target_s[:0], as_of_us[:0], facts=FACTS)
    with pytest.raises(InputError, match="finite"):
        learn_fallback(table, np.full(60, np.nan), as_of_us, facts=FACTS)


def test_seconds_may_be_negative_on_the_linear_scale() -> None:
    table, target_s, as_of_us = rows()
    extra_s = target_s - np.median(target_s)
    linear = learn_fallback(table, extra_s, as_of_us, facts=FACTS, scale="linear")
    low, high = linear.distribution(asked(table), as_of_us)[0].interval(0.8)
    assert (low < 0.0).mean() > 0.3
    assert 0.77 < np.mean((low <= extra_s) & (extra_s <= high)) < 0.83, f"seed {SEED}"


def test_how_long_ago_an_order_was_accepted_makes_situations() -> None:
    table, target_s, as_of_us = rows()
    since_s = table["since_accepted_s"].to_numpy()
    rest_s = np.maximum(np.where(np.isnan(since_s), 900.0, 600.0 - since_s) + 0.1 * target_s, 0.0)
    remaining = learn_fallback(table, rest_s, as_of_us, facts=FACTS)
    assert remaining.splits[0].name == "since_accepted_s"
    asked_at = {"since_accepted_s": [None, 30.0, 570.0]}
    medians_s = remaining.distribution(asked_at, START_US)[0].quantile(0.5).tolist()
    assert medians_s == sorted(medians_s, reverse=True)
    assert medians_s[0] > 900.0 > 250.0 > medians_s[2]


def test_how_far_an_order_has_come_makes_situations() -> None:
    rng = np.random.default_rng(SEED)
    n = 4_000
    stage = rng.integers(0, 3, n)
    since = {
        "since_accepted_s": np.where(stage >= 1, rng.uniform(1.0, 900.0, n), np.nan),
        "since_ready_s": np.where(stage >= 2, rng.uniform(1.0, 900.0, n), np.nan),
    }
    facts = Facts(numbers=(*since,), categories={})
    rest_s = np.array([1_800.0, 1_200.0, 300.0])[stage] * np.exp(0.1 * rng.normal(size=n))
    learned = learn_fallback(since, rest_s, START_US + np.arange(n) * HOUR_US, facts=facts)
    (split,) = learned.splits
    assert (split.name, split.of, split.values) == (HAPPENED, (*since,), ("00", "10", "11"))
    again = Fallback.from_json(json.loads(json.dumps(learned.to_json())))
    asked_at = {
        "since_accepted_s": [None, math.nan, 5.0, 5.0, None],
        "since_ready_s": [None, None, None, 1.0, 9.0],
    }
    told, _ = again.distribution(asked_at, START_US)
    medians_s = told.quantile(0.5).round(-2).tolist()
    assert medians_s[:4] == [1_800.0, 1_800.0, 1_200.0, 300.0]
    # What nobody has seen is as everything together.
    low, high = told.interval(0.8)
    assert low[4] < 350.0 < 1_600.0 < high[4]


def test_a_category_of_few_values_makes_situations() -> None:
    rng = np.random.default_rng(SEED)
    vehicle = rng.choice(["bike", "car"], 1_000)
    seconds = np.where(vehicle == "bike", 300.0, 900.0)
    columns = {"vehicle": vehicle.tolist(), "courier_id": list(range(1_000))}
    names = ["vehicle", "courier_id"]
    splits = best_splits(columns, seconds, numbers=[], categories=names)
    assert splits == (Split(name="vehicle", values=("bike", "car")),)
    assert len(set(columns["courier_id"])) > CATEGORIES_MAX


def test_tables_of_other_shapes_are_refused(fallback: Fallback) -> None:
    document = fallback.to_json()
    with pytest.raises(InputError, match="another version"):
        Fallback.from_json({**document, "format": 99})
    with pytest.raises(InputError, match="expected"):
        Fallback.from_json({**document, "centre": [0]})
    with pytest.raises(InputError, match="hours"):
        replace(fallback, cities={})
    with pytest.raises(InputError, match="scale"):
        Fallback.from_json({**document, "scale": "cubic"})
    falling = np.array(document["grids"])[:, :, ::-1]
    with pytest.raises(InputError, match="cross"):
        Fallback.from_json({**document, "grids": falling.tolist()})


def test_a_constant_says_what_it_was_given() -> None:
    seconds = np.linspace(-60.0, 300.0, len(GRID_LEVELS))
    told, known = Fallback.constant(seconds.tolist()).distribution({"city": ["BCN"]}, START_US)
    assert known == ["constant"]
    np.testing.assert_allclose(told.values[0], seconds, atol=0.125)


def test_the_page_prints_what_it_shows() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fallbacks.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    examples = examples_of(page)
    assert len(examples) == 2
    for code, expected in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "docs/fallbacks.md", "exec"), names)
        assert printed.getvalue() == expected

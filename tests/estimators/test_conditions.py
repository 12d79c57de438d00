"""Conditions: what rain and matches add to a courier's way, where nobody else sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aggregators import MemoryEventStore
from aggregators.catalog import LOCAL_EVENTS, ORDERS, WEATHER
from estimators import Dataset, DatasetError, seconds_between
from estimators.conditions import BEFORE_PICKUP, ON_THE_WAY, Conditions, pickup_delay_s
from estimators.core.typing import BoolArray, FloatArray
from estimators.courier_travel import TO_STORE
from estimators.datasets.cities import QUESTIONS
from estimators.registry import models as registry
from estimators.training.train import TrainedEstimator, evaluate, inputs_of, train

SEED = 21
START = pd.Timestamp("2026-03-02", tz="UTC")
DAYS = 60
HOURS = 24 * DAYS
ROWS = 3_000
RAIN_S, MATCH_S = 120.0, 200.0
"""What rain adds to a ride to the customer, and a match in the zone to parking there."""
HALF_HOUR = pd.Timedelta("30min")


def _after(moment: pd.Series, seconds: FloatArray) -> pd.Series:
    return moment + pd.to_timedelta(seconds.round(3), unit="s")


def dataset_with_rain(question: str = "courier_assigned") -> Dataset:
    """A city in which every hour is wet or dry by itself, so that the last rides tell nothing."""
    rng = np.random.default_rng(SEED)
    wet = rng.random(HOURS) < 0.3
    hour = np.sort(rng.integers(1, HOURS, ROWS))
    hours = (hour + rng.uniform(0.05, 0.45, ROWS)).round(4)
    moment = pd.Series(START + pd.to_timedelta((hours * 3_600.0).round(), unit="s"))
    zone = rng.choice(["C 1", "C 2"], ROWS)
    match = rng.random(HOURS) < 0.3
    distance_m = rng.uniform(500.0, 3_000.0, ROWS)
    noise = rng.lognormal(0.0, 0.2, (3, ROWS))
    to_store_s = 300.0 * noise[0]
    ride_s = distance_m / 5.0 * noise[1] + RAIN_S * wet[hour]
    door_s = 120.0 * noise[2] + MATCH_S * (match[hour] & (zone == "C 1"))
    at_store = _after(moment, to_store_s)
    ready = _after(moment, rng.uniform(60.0, 900.0, ROWS))
    picked_up = pd.Series(np.maximum(at_store, ready))
    at_customer = _after(picked_up, ride_s)
    orders = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(ROWS)],
            "activated": moment - pd.Timedelta("10min"),
            "dispatched": moment - pd.Timedelta("9min"),
            "accepted": moment - pd.Timedelta("8min"),
            "courier_assigned": moment,
            "courier_at_store": at_store,
            "ready": ready,
            "picked_up": picked_up,
            "courier_at_customer": at_customer,
            "delivered": _after(at_customer, door_s),
            "cancelled": pd.Series(pd.NaT, index=moment.index).dt.tz_localize("UTC"),
            "store_id": rng.choice(["s1", "s2"], ROWS),
            "courier_id": rng.choice(["c1", "c2", "c3"], ROWS),
            "city": "C",
            "zone": zone,
            "store_category": "C pizza",
            "amount": 20.0,
            "products": 2.0,
            "distance_m": distance_m,
            "distance_to_store_m": 800.0,
        }
    )
    weather, events = _conditions(wet, match)
    return Dataset(
        name="wet city",
        source=ORDERS,
        table=orders,
        as_of=question,
        target=seconds_between(question, "delivered"),
        numbers=("distance_m", "products"),
        categories=("zone", "store_id"),
        timezone_by="city",
        timezones={"C": "Europe/Madrid"},
        test_from=START + pd.Timedelta(days=DAYS * 3 // 4),
        others={WEATHER: weather, LOCAL_EVENTS: events},
    )


def _conditions(wet: BoolArray, match: BoolArray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What weather and matches tell, of every hour of the city."""
    full_hours = START + pd.to_timedelta(np.arange(HOURS), unit="h")
    weather = pd.DataFrame(
        {
            "observation_id": [f"w{i}" for i in range(HOURS)],
            "city": "C",
            "temperature_c": 12.0,
            "precipitation_mm": wet * 2.0,
            "wind_speed_m_s": 3.0,
            "observed": full_hours,
        }
    )
    matches = full_hours[match]
    events = pd.DataFrame(
        {
            "local_event_id": [f"e{i}" for i in range(len(matches))],
            "city": "C",
            "zone": "C 1",
            "store_zone": "C 1",
            "kind": "match",
            "visitors": 20_000.0,
            "closes_streets": 0.0,
            "started": matches,
            "ended": matches + HALF_HOUR,
        }
    )
    return weather, events


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return dataset_with_rain("picked_up")


@pytest.fixture(scope="module")
def prepared(dataset: Dataset) -> Dataset:
    return Conditions.prepared(dataset)


@pytest.fixture(scope="module")
def trained(prepared: Dataset) -> TrainedEstimator:
    return train(Conditions, prepared)


def _extra_s(trained: TrainedEstimator, prepared: Dataset) -> pd.DataFrame:
    """What is estimated for each test row, beside whether it rained and there was a match."""
    tests = prepared.tests
    X = inputs_of(trained.estimator, prepared, tests)
    names = trained.estimator.feature_names
    return pd.DataFrame(
        {
            "extra_s": trained.estimator.predict(X).mean(),
            "label_s": prepared.target_s[tests],
            "wet": X[:, names.index("city_precipitation_last_mm")] > 0.0,
            "match": X[:, names.index("zone_local_events")] > 0.0,
        }
    )


def test_it_finds_what_rain_and_matches_add(trained: TrainedEstimator, prepared: Dataset) -> None:
    extra = _extra_s(trained, prepared)
    found = extra.groupby(["wet", "match"]).mean()
    estimated, missed = found["extra_s"], found["label_s"]
    for wet, match, added_s in ((True, False, RAIN_S), (False, True, MATCH_S)):
        extra_s = estimated[wet, match] - estimated[False, False]
        # A part of it the base sees: in the few rides of the last quarter of an hour.
        assert 0.6 * added_s < extra_s < 1.1 * added_s
        assert extra_s == pytest.approx(missed[wet, match] - missed[False, False], abs=35.0)
    # A dry hour without a match is quicker than a base expects that cannot tell.
    assert estimated[False, False] < -20.0
    constant = trained.report.overall("constant median")
    assert trained.report.overall("conditions").crps_s < 0.85 * constant.crps_s


def test_labels_are_what_a_base_missed_that_had_not_seen_them(prepared: Dataset) -> None:
    labels = prepared.target_s[prepared.trains]
    assert abs(labels.mean()) < 1e-6
    assert (labels < 0.0).any()
    before = replace(prepared, base_s=None).trains
    order = np.argsort(np.where(before, prepared.as_of_us, np.iinfo(np.int64).max))
    assert np.isnan(prepared.target_s[order[: before.sum() // 4 - 1]]).all()
    assert prepared.trains.sum() == pytest.approx(0.75 * before.sum(), rel=0.02)


def test_what_happens_later_changes_no_base_of_earlier_rows(
    dataset: Dataset, prepared: Dataset
) -> None:
    day = dataset.test_from - dataset.table["picked_up"]
    late = (day > pd.Timedelta(hours=2)) & (day < pd.Timedelta(days=1))
    table = dataset.table.copy()
    table.loc[late, "delivered"] += pd.Timedelta("20min")
    changed = Conditions.prepared(replace(dataset, table=table))
    rows = prepared.trains & (prepared.ended_us < prepared.test_from_us - 2 * 86_400_000_000)
    # All are moved by one number, the mean of what the bases missed.
    moved = (changed.target_s - prepared.target_s)[rows]
    assert rows.sum() > 500
    assert np.ptp(moved) < 1e-6


def test_a_late_courier_costs_nothing_while_the_kitchen_cooks() -> None:
    asked = dataset_with_rain().about(TO_STORE, as_of="courier_assigned")
    took_s = asked.duration_s
    ready_s = (asked.table["ready"] - asked.table["courier_assigned"]).dt.total_seconds()
    late = pickup_delay_s(asked, took_s - 100.0)
    np.testing.assert_allclose(late, np.clip(took_s - ready_s, 0.0, 100.0), atol=1e-6)
    early = pickup_delay_s(asked, took_s + 100.0)
    np.testing.assert_allclose(early, -np.clip(took_s + 100.0 - ready_s, 0.0, 100.0), atol=1e-6)
    unknown = replace(asked, table=asked.table.assign(ready=asked.table["cancelled"]))
    np.testing.assert_allclose(pickup_delay_s(unknown, took_s - 100.0), 100.0)


def test_data_are_prepared_once(prepared: Dataset) -> None:
    assert Conditions.prepared(prepared) is prepared


def test_what_cannot_be_learned_from_is_refused(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="no source weather or local_events"):
        Conditions.prepared(replace(dataset, others={}))
    whole = dataset.about(seconds_between("activated", "delivered"), as_of="activated")
    with pytest.raises(DatasetError, match="asked when it begins"):
        Conditions.prepared(whole)


def test_a_saved_model_answers_and_scores_the_same(
    trained: TrainedEstimator, dataset: Dataset, prepared: Dataset
) -> None:
    loaded = registry.load(registry.save(trained))
    assert isinstance(loaded.estimator, Conditions)
    assert evaluate(loaded, dataset).rows == trained.report.rows
    sources = {dataset.source: dataset.table, **dataset.others}
    store = MemoryEventStore(sources=list(sources))
    for source, table in sources.items():
        store.append_table(source, table)
    row = dataset.table.loc[prepared.tests].iloc[11]
    answer = loaded.estimator.estimate(
        store,
        as_of=row["picked_up"].to_pydatetime(),
        facts={str(name): value for name, value in row.items()},
        sample_id=row["order_id"],
    )
    X = inputs_of(trained.estimator, prepared, prepared.tests)[11:12]
    assert answer.values.tobytes() == trained.estimator.predict(X).values.tobytes()


def test_both_questions_are_the_same_ones_that_the_cities_ask() -> None:
    assert {BEFORE_PICKUP, ON_THE_WAY} <= {question.target for question in QUESTIONS}

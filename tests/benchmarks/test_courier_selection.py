"""Ways of choosing couriers in a replay: what they choose, and that foresight helps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aggregators import MemoryEventStore
from benchmarks import courier_selection_page as page
from benchmarks.courier_estimates import ANSWER_S, Estimates, ModelEstimates, TrueEstimates
from benchmarks.courier_policies import ByNumbers, Choice, RegretMeter, Together
from benchmarks.dispatch_scores import Span, scores_of
from benchmarks.measuring import RESULTS
from estimators.core.distribution import Distribution
from estimators.core.stages import elapsed_facts
from estimators.eta.composition import compose
from estimators.eta.trained import TrainedEta
from services.handlers.candidates import JUST_NOW_S
from simulator import SOURCES, Scenario
from simulator.dispatch import DispatchedCity, Round, nearest
from simulator.engine.city import City, make_city
from simulator.records.tables import order_ids
from simulator.world.arrays import FloatArray, IntArray

SCENARIO = Scenario(cities=1, days=1, orders=900, seed=8)


def waiting_round(distance_m: FloatArray, requested: list[bool] | None = None) -> Round:
    n_orders, n_couriers = distance_m.shape
    return Round(
        as_of=datetime(2026, 3, 2, 12, tzinfo=UTC),
        orders=np.arange(n_orders),
        requested=np.array(requested or [True] * n_orders),
        couriers=np.arange(n_couriers),
        idle_s=np.zeros(n_couriers),
        distance_m=distance_m,
    )


def by_numbers(
    at_store_s: FloatArray,
    ready_s: list[float],
    choice: Choice,
    asked: list[list[int]] | None = None,
) -> ByNumbers:
    """Choose among pairs of which everything is known for sure."""

    def known(waiting: Round, rows: IntArray) -> Estimates:
        if asked is not None:
            asked.append(rows.tolist())
        ready = np.array(ready_s)[rows, np.newaxis]
        arrival = at_store_s[rows]
        return Estimates(
            at_store_s=arrival,
            courier_wait_s=np.maximum(ready - arrival, 0.0),
            food_wait_s=np.maximum(arrival - ready, 0.0),
            expected_eta_s=np.maximum(arrival, ready),
            afterwards_s=np.zeros_like(arrival),
            ready_on_arrival=(ready <= arrival).astype(float),
        )

    start_s = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    return ByNumbers(known, choice, np.zeros(len(ready_s)), start_s)


NEAR_BOTH = np.array([[100.0, 200.0], [110.0, 900.0]])


def test_first_come_first_served_sends_the_nearest() -> None:
    assert nearest(waiting_round(NEAR_BOTH)) == [(0, 0), (1, 1)]
    assert nearest(waiting_round(NEAR_BOTH, [False, True])) == [(1, 0)]
    assert nearest(waiting_round(NEAR_BOTH[:, :1])) == [(0, 0)]


def test_together_rides_the_fewest_metres() -> None:
    assert Together()(waiting_round(NEAR_BOTH)) == [(0, 1), (1, 0)]
    assert Together()(waiting_round(NEAR_BOTH, [False, False])) == []


def test_an_order_whose_kitchen_is_slow_waits_for_a_later_round() -> None:
    seconds = np.array([[100.0, 200.0], [110.0, 900.0]])
    asked: list[list[int]] = []
    decide = by_numbers(seconds, [0.0, 600.0], Choice(), asked)
    assert decide(waiting_round(seconds)) == [(0, 0)]
    assert decide(waiting_round(seconds)) == [(0, 0)]
    # It is looked at again later, not in the next round.
    assert asked == [[0, 1], [0]]


def test_couriers_who_are_short_go_where_they_cost_least() -> None:
    one = np.array([[500.0], [100.0]])
    assert by_numbers(one, [0.0, 0.0], Choice())(waiting_round(one)) == [(1, 0)]
    early = by_numbers(one, [0.0, 0.0], Choice(early=False))
    assert early(waiting_round(one, [True, False])) == [(0, 0)]


def test_where_couriers_are_short_an_order_must_be_likelier_to_be_ready() -> None:
    def known(waiting: Round, rows: IntArray) -> Estimates:
        seconds = waiting.distance_m[rows]
        return Estimates(
            at_store_s=seconds,
            courier_wait_s=seconds,
            food_wait_s=seconds,
            expected_eta_s=seconds,
            afterwards_s=np.zeros_like(seconds),
            ready_on_arrival=np.full_like(seconds, 0.25),
        )

    choice = Choice(ready_share=0.1, short_share=0.3)
    for distance_m, chosen in ((NEAR_BOTH[:1], [(0, 0)]), (NEAR_BOTH[:, :1], [])):
        decide = ByNumbers(known, choice, np.zeros(2), 0.0)
        assert decide(waiting_round(distance_m)) == chosen


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(SCENARIO, 0)


def lived(city: City, way: str) -> tuple[City, list[float]]:
    running = DispatchedCity(city)
    truth = TrueEstimates(running)
    choice = Choice(ready_share=0.5, short_share=0.5)
    foreseeing = ByNumbers(
        truth, choice, city.orders.activated_ms / 1e3, SCENARIO.start.timestamp()
    )
    meter = RegretMeter(nearest if way == "nearest" else foreseeing, truth, choice.weights)
    while running.now < SCENARIO.end + timedelta(hours=3):
        running.run_to(running.now + timedelta(seconds=15))
        waiting = running.round()
        if len(waiting.orders) and len(waiting.couriers):
            running.offer(meter(waiting), waiting)
    return running.result(), meter.regret_s


def test_foresight_spares_couriers_their_waiting_and_has_no_regrets(city: City) -> None:
    span = Span(first_ms=0, end_ms=86_400_000)
    promised_s = np.full(len(city), 2_000.0)
    by_distance, regret_s = lived(city, "nearest")
    foreseen, no_regret_s = lived(city, "foreseen")
    one, other = (scores_of(each, span, promised_s) for each in (by_distance, foreseen))
    assert other.courier_wait_s < 0.6 * one.courier_wait_s
    assert other.delivery_s < 1.05 * one.delivery_s
    assert 0.0 < other.busy_share < one.busy_share < 1.0
    assert np.mean(regret_s) > 5.0
    assert np.abs(no_regret_s).max() < 1e-6
    assert min(regret_s) > -1e-6


def test_the_models_are_asked_as_if_the_courier_were_assigned_now(
    city: City, trained_eta: TrainedEta
) -> None:
    """One pair, asked by the estimators' own interface for single requests."""
    model = trained_eta.model
    running = DispatchedCity(city)
    store = MemoryEventStore(sources=SOURCES)
    waiting = running.round()
    while min(waiting.distance_m.shape) < 2:
        store.append(running.run_to(running.now + timedelta(seconds=60)))
        waiting = running.round()
    found = ModelEstimates(model, store, running)(waiting, np.array([0, 1]))
    order_id = order_ids(city)[waiting.orders[1]]
    courier = int(np.flatnonzero(~np.isnan(found.at_store_s[1]))[-1])
    state = store.sample(SOURCES[0], order_id)
    assert state is not None
    times = state.times[:, 0].tolist()
    as_of_us = round(waiting.as_of.timestamp() * 1e6)
    order = {
        **elapsed_facts(dict(zip(SOURCES[0].events, times, strict=True)), as_of_us),
        **ModelEstimates(model, store, running).facts_of(int(waiting.orders[1])),
        "since_courier_assigned_s": JUST_NOW_S,
    }
    pair = {
        **order,
        "courier_id": f"BCN-c{waiting.couriers[courier]:05d}",
        "vehicle": ("bicycle", "scooter", "car")[city.couriers.vehicle[waiting.couriers[courier]]],
        "distance_to_store_m": waiting.distance_m[1, courier],
    }
    parts = {
        name: model.parts[name].estimate(
            store, as_of=as_of_us, facts=order if name == "ready" else pair, sample_id=order_id
        )
        for name in ("ready", "to_store", "to_customer", "parking")
    }
    ride = parts["to_store"]
    parts["to_store"] = Distribution(ride.levels, ride.values + ANSWER_S)
    expected = compose(parts, model.dependence)
    assert found.courier_wait_s[1, courier] == expected.courier_wait_s[0]
    assert found.food_wait_s[1, courier] == expected.food_wait_s[0]
    assert found.ready_on_arrival[1, courier] == expected.ready_on_arrival[0]


def test_the_page_has_the_results() -> None:
    result = json.loads((RESULTS / "courier_selection.json").read_text(encoding="utf-8"))
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.table(result) in text
    assert page.CHART.read_text(encoding="utf-8") == page.chart(result)
    for settings in (result["settings"], result["settings"]["choice"]):
        for name in ("ready_share", "short_share", "patience"):
            assert settings[name] == getattr(Choice(), name)

"""Cities with known parameters: they are found again, and what cannot be found is named.

Tests `simulator.fitting.comparison`, `simulator.fitting.fit`, `simulator.fitting.matches` and
`simulator.fitting.trials`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simulator import Scenario, simulate_cities
from simulator.fitting import MATCHES, Fit, fit_nature
from simulator.fitting.comparison import BY_CHANCE, compared
from simulator.fitting.matches import applied, matched_moments
from simulator.fitting.trials import Trials, scenario_like
from simulator.moments import Moment, moments_of
from simulator.world.nature import REALISTIC, Nature

ZONES = {"BCN": "Europe/Madrid"}
TRUTH = replace(
    REALISTIC, cooking_sigma=0.5, meal_width=0.7, speed=1.0, parking=1.5, stack_share=0.12
)
RIDES = [
    "city", "courier_id", "distance_m", "activated", "courier_at_store", "picked_up",
    "courier_at_customer", "delivered",
]  # fmt: skip
TRIAL = Scenario(cities=1, days=7, orders=8_000, stores_per_city=150, seed=8)


def made(nature: Nature, seed: int = 3) -> pd.DataFrame:
    return simulate_cities(replace(TRIAL, seed=seed, nature=nature)).tables["orders"]


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return made(TRUTH)


@pytest.fixture(scope="module")
def rides(orders: pd.DataFrame) -> Fit:
    return fitted(orders[RIDES])


def fitted(orders: pd.DataFrame, trials: int = 24) -> Fit:
    return fit_nature(orders, timezone_by="city", timezones=ZONES, scenario=TRIAL, trials=trials)


@pytest.mark.parametrize("name", ["meal_width", "speed", "parking", "stack_share"])
def test_parameters_are_recovered_from_a_city_of_another_seed(rides: Fit, name: str) -> None:
    assert name in rides.fitted
    assert getattr(rides.nature, name) == pytest.approx(getattr(TRUTH, name), rel=0.15)


def test_what_a_table_lacks_keeps_its_value(rides: Fit) -> None:
    """Nothing is known of stores and preparation; the parameters of kitchens stay."""
    for name in ("work", "cooking_sigma", "store_sigma", "crowd_work", "utilisation"):
        assert name in rides.kept
        assert getattr(rides.nature, name) == getattr(REALISTIC, name)
    assert set(rides.kept) | set(rides.fitted) == {match.parameter for match in MATCHES}
    unfitted = {one for one in vars(REALISTIC) if one not in rides.fitted}
    assert all(getattr(rides.nature, one) == getattr(REALISTIC, one) for one in unfitted)


def test_the_fit_is_deterministic(orders: pd.DataFrame) -> None:
    one, other = (fitted(orders[["city", "activated", "store_id"]], trials=6) for _ in range(2))
    assert one.nature == other.nature
    assert one.comparisons == other.comparisons


def test_moments_out_of_reach_are_named(orders: pd.DataFrame) -> None:
    """Doors take twelve times as long: even the greatest parking does not reach them."""
    far = orders[["city", "activated", "courier_at_customer", "delivered"]].copy()
    far["delivered"] = far["delivered"] + 11 * (far["delivered"] - far["courier_at_customer"])
    found = fitted(far, trials=40)
    unmet = {one.moment: one.problem for one in found.unmet}
    assert unmet["door_median_s"] == "parking is at its limit, 8"
    assert "door_log_sd" not in unmet
    assert unmet.get("peak_hour_share", BY_CHANCE) == BY_CHANCE


def test_a_comparison_says_why_a_moment_is_not_met() -> None:
    real = {name: Moment(1.0, 0.01) for name in ("door_median_s", "way_log_sd", "delivery_q99_s")}
    real["preparation_median_s"] = Moment(float("nan"), float("nan"))
    simulated = {"door_median_s": Moment(1.05, 0.001), "way_log_sd": Moment(2.0, 0.01)}
    matches = {one: name for one, name in matched_moments(real).items() if "way" in name}
    found = {one.moment: one for one in compared(real, simulated, matches, REALISTIC, simulated)}
    assert set(found) == {"door_median_s", "way_log_sd", "delivery_q99_s"}
    assert found["door_median_s"].met
    assert found["way_log_sd"].parameter == "ride_sigma"
    assert "does not reach" in found["way_log_sd"].problem
    (again,) = compared({"way_log_sd": real["way_log_sd"]}, simulated, matches, REALISTIC, real)
    assert again.problem == BY_CHANCE
    assert found["delivery_q99_s"].problem == "the fitted city has too few such orders"


def test_delivery_stands_for_preparation_where_there_is_none() -> None:
    names = {"delivery_median_s": Moment(1.0, 0.1), "day_variation": Moment(0.2, 0.1)}
    assert sorted(matched_moments(names).values()) == ["day_variation", "delivery_median_s"]
    both = {**names, "preparation_median_s": Moment(1.0, 0.1)}
    assert "delivery_median_s" not in matched_moments(both).values()


@pytest.mark.parametrize("match", MATCHES, ids=lambda match: match.parameter)
def test_limits_are_natures_and_places_are_values(match: object) -> None:
    (found,) = [one for one in MATCHES if one is match]
    for value in (found.lowest, found.highest):
        place = np.array([found.place(value)])
        nature = applied(REALISTIC, (found,), place)
        assert found.value(nature) == pytest.approx(value)


def test_a_range_keeps_its_proportions() -> None:
    (match,) = [one for one in MATCHES if one.parameter == "utilisation"]
    low, high = applied(REALISTIC, (match,), np.array([match.place(0.32)])).utilisation
    assert low == pytest.approx(0.11)
    assert high == pytest.approx(0.32)


def test_trials_have_the_columns_of_the_table_and_its_load(orders: pd.DataFrame) -> None:
    scenario = scenario_like(orders, seed=1, limits=(8_000, 8_000))
    assert (scenario.cities, scenario.days, scenario.orders) == (1, 7, 8_000)
    stores = orders["store_id"].nunique()
    assert scenario.n_stores == pytest.approx(stores * 8_000 / len(orders), rel=0.1)
    small = Trials.of(replace(scenario, orders=500, days=2, stores_per_city=4), ["activated"])
    assert set(small.moments(REALISTIC)) == {"peak_hour_share", "day_variation"}
    known = moments_of(orders[["city", "activated"]], timezone_by="city", timezones=ZONES)
    assert set(known) == {"peak_hour_share", "day_variation"}


def test_a_table_without_moments_of_orders_is_refused() -> None:
    orders = pd.DataFrame({"city": ["BCN"], "delivered": pd.to_datetime(["2026-03-02"], utc=True)})
    with pytest.raises(ValueError, match="none of the events activated"):
        fitted(orders)
    with pytest.raises(ValueError, match="none of the events activated"):
        scenario_like(orders, seed=0)

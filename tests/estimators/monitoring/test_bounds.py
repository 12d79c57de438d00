"""Ordinary orders cross what training saw every day; a wrong unit is told from that."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.core.typing import FloatArray
from estimators.features.facts import Facts
from estimators.monitoring import CategoryStatistics, NumberStatistics, Validator
from estimators.monitoring.bounds import bounds_of
from simulator import Scenario, simulate_cities

SEED = 11
CLIPPED_MAX = 0.001
SENT = "distance_to_store_m"


def skewed(rng: np.random.Generator, n: int, *, median: float, sigma: float) -> FloatArray:
    return np.asarray(median * np.exp(sigma * rng.standard_normal(n)))


def clipped(validator: Validator, values: FloatArray) -> float:
    _, notes = validator.clip(values[:, np.newaxis], {"x": values.tolist()})
    return sum(note.what == "clipped" for some in notes.values() for note in some) / len(values)


def learned(values: FloatArray, name: str = "x") -> Validator:
    facts = Facts(numbers=(name,), categories={})
    return Validator.of({name: NumberStatistics.of(values)}, facts)


@pytest.mark.parametrize("sigma", [0.3, 0.6, 0.9])
def test_few_rows_are_enough_to_leave_ordinary_ones_alone(sigma: float) -> None:
    rng = np.random.default_rng(SEED)
    validator = learned(skewed(rng, 1_000, median=1_800.0, sigma=sigma))
    assert clipped(validator, skewed(rng, 20_000, median=1_800.0, sigma=sigma)) < CLIPPED_MAX
    # A city that gets busier, or whose couriers come from twice as far.
    assert clipped(validator, skewed(rng, 20_000, median=3_600.0, sigma=sigma)) < 0.01


def test_a_wrong_unit_is_seen() -> None:
    rng = np.random.default_rng(SEED)
    metres = np.clip(skewed(rng, 5_000, median=1_900.0, sigma=0.8), 15.0, 6_100.0)
    validator = learned(metres)
    assert clipped(validator, metres) == 0.0
    assert clipped(validator, metres / 1_000.0) == 1.0, "kilometres"
    assert clipped(validator, metres * 1_000.0) > 0.99, "millimetres"
    minutes = np.clip(skewed(rng, 5_000, median=15.0, sigma=0.5), 3.0, 60.0)
    assert clipped(learned(minutes), minutes * 60.0) > 0.99, "seconds"
    seconds = minutes * 60.0
    assert clipped(learned(seconds), minutes) > 0.95, "minutes"
    elapsed = learned(seconds, "since_accepted_s")
    assert clipped(elapsed, seconds * 1_000.0) == 1.0, "milliseconds"
    assert clipped(elapsed, minutes) == 0.0, "an event may have been a moment ago"


def test_how_a_number_is_widened_follows_from_its_scale() -> None:
    def bounds(*values: float, name: str = "x") -> tuple[float, float]:
        return bounds_of(name, NumberStatistics.of(np.array(values)))[:2]

    assert bounds(0.0, 4.0, 12.0) == (0.0, 36.0)
    assert bounds(30.0, 60.0) == (10.0, 180.0)
    assert bounds(-10.0, 30.0) == (-50.0, 70.0)
    assert bounds(41.37, 41.42, -2.1)[0] < -40.0
    assert bounds(300.0, 900.0, name="since_ready_s") == (0.0, 2_700.0)
    least, _ = bounds(15.0, 6_000.0)
    assert 6.0 < least < 6.000001, "a thousandth of the largest is not plausible"
    assert bounds(2.0, 6_000.0)[0] == 2.0, "unless training saw numbers as small"
    # Nothing to widen.
    assert bounds(0.0, 0.0) == (0.0, 0.0)
    for nothing in (None, NumberStatistics.of(np.array([np.nan])),
                    CategoryStatistics.of(np.array([0.0]), ("a",))):  # fmt: skip
        assert bounds_of("x", nothing)[:2] == (-np.inf, np.inf)


def test_candidates_and_lists_of_stores_are_ordinary() -> None:
    """Who is only considered is farther away than who was sent; so is a store in a list."""
    simulation = simulate_cities(Scenario(cities=1, days=3, orders=1_500, seed=SEED))
    orders, city = simulation.tables["orders"], simulation.cities[0]
    stores = city.world.store_node[np.unique(city.orders.store)]
    # Somebody may live anywhere, and couriers stand where they have been last.
    metres = city.world.distance_m[1][stores].ravel().astype(np.float64)
    metres = metres[metres > 0.0]
    seen = {name: orders[name].dropna().to_numpy(float) for name in ("distance_m", SENT)}
    assert (metres > seen["distance_m"].max()).any(), "otherwise this tests nothing"
    for name, known in seen.items():
        assert clipped(learned(known), metres) < CLIPPED_MAX, name
    # Only couriers who were near were sent; all others are asked about, too.
    near = seen[SENT][seen[SENT] < np.quantile(seen[SENT], 0.8)]
    assert clipped(learned(near), metres) < CLIPPED_MAX

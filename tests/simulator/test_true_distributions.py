"""The truth as a table: calibrated, and the best score that anybody can reach."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from simulator import Scenario, Simulation, simulate_cities
from simulator.true_distributions import LEVELS, crps_s, true_distributions


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate_cities(Scenario(cities=1, days=3, orders=2_400, seed=14))


@pytest.fixture(scope="module")
def table(simulation: Simulation) -> pd.DataFrame:
    return true_distributions(simulation, 90, draws=30)


def test_each_part_is_asked_when_it_begins(simulation: Simulation, table: pd.DataFrame) -> None:
    assert set(table["part"]) == {"ready", "to_store", "to_customer", "parking", "total"}
    assert not table.duplicated(["order_id", "part"]).any()
    assert table["order_id"].nunique() == 90
    truth = simulation.truth_table.set_index("order_id")
    rides = table[table["part"] == "to_customer"].set_index("order_id")
    known = truth.loc[rides.index]
    assert (rides["as_of"] == known["picked_up"]).all()
    took_s = (known["courier_at_customer"] - known["picked_up"]).dt.total_seconds()
    np.testing.assert_allclose(rides["actual_s"], took_s)
    assert (rides["cancelled"] == 0.0).all()  # what was picked up is delivered
    assert (np.diff(table[[f"q{level}" for level in LEVELS]], axis=1) >= 0.0).all()


@pytest.mark.parametrize("part", ["ready", "to_store", "to_customer", "parking", "total"])
def test_ranges_cover_what_they_say(table: pd.DataFrame, part: str) -> None:
    rows = table[(table["part"] == part) & table["actual_s"].notna()]
    within = (rows["actual_s"] >= rows["q0.1"]) & (rows["actual_s"] <= rows["q0.9"])
    # Four standard errors, and what the quantiles of 30 draws lose.
    assert abs(within.mean() - 0.8) < 4.0 * np.sqrt(0.16 / len(rows)) + 0.03


def test_no_constant_scores_better(table: pd.DataFrame) -> None:
    for part, rows in table[table["actual_s"].notna()].groupby("part"):
        actual_s = rows["actual_s"].to_numpy()
        climate = np.mean([crps_s(actual_s, one) for one in actual_s])
        assert rows["crps_s"].mean() < 0.95 * climate, part


def test_only_orders_after_a_moment(simulation: Simulation) -> None:
    after = simulation.scenario.start + timedelta(days=2)
    late = true_distributions(simulation, 5, draws=3, after=after)
    assert late["order_id"].nunique() == 5
    assert (late["as_of"] >= pd.Timestamp(after)).all()
    none = true_distributions(simulation, 5, draws=3, after=after + timedelta(days=9))
    assert len(none) == 0
    assert list(none.columns) == list(late.columns)


def test_the_score() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=2_000)
    expected = np.sqrt(1.0 / np.pi) * (np.sqrt(2.0) - 1.0)  # of a standard normal, at its mean
    assert crps_s(drawn, 0.0) == pytest.approx(expected, rel=0.05)
    slow = np.abs(drawn - 0.3).mean() - 0.5 * np.abs(drawn[:, None] - drawn).sum() / (2_000 * 1_999)
    assert crps_s(drawn, 0.3) == pytest.approx(slow)
    assert np.isnan(crps_s(drawn, np.nan))
    assert np.isnan(crps_s(drawn[:1], 0.0))

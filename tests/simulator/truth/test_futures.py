"""The truth is the distribution that what really happens comes from."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from simulator import Nature, Scenario, Simulation, simulate_cities

EVENTS_OF_ORDER = ("activated", "dispatched", "accepted", "ready", "picked_up", "delivered")


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate_cities(Scenario(cities=1, days=3, orders=2_400, seed=4))


@pytest.fixture(scope="module")
def realistic() -> Simulation:
    """Cooking follows a mixture of two laws here."""
    return simulate_cities(Scenario(cities=1, days=3, orders=2_400, seed=4, nature="realistic"))


@pytest.fixture(scope="module")
def delivered(simulation: Simulation) -> pd.DataFrame:
    return delivered_of(simulation)


def delivered_of(simulation: Simulation) -> pd.DataFrame:
    truth = simulation.truth_table
    late_enough = truth["activated"] > truth["activated"].min() + timedelta(hours=8)
    chosen: pd.DataFrame = truth[truth["delivered"].notna() & late_enough].set_index("order_id")
    return chosen


def test_what_has_happened_is_certain_and_what_has_not_lies_ahead(
    simulation: Simulation, delivered: pd.DataFrame
) -> None:
    for order_id, order in delivered.iloc[::200].iterrows():
        for event in EVENTS_OF_ORDER[1:-1]:
            as_of = order[event].to_pydatetime()
            truth = simulation.truth(str(order_id), as_of, draws=8)[str(order_id)]
            for other in EVENTS_OF_ORDER:
                drawn = truth.moments[other]
                if order[other] <= order[event]:
                    happened = (order[other] - order[event]).total_seconds()
                    np.testing.assert_allclose(drawn, happened, atol=1e-6)
                else:
                    assert (drawn[~np.isnan(drawn)] > 0.0).all(), (order_id, event, other)
            ahead = truth.moments["delivered"]
            assert len(np.unique(ahead[~np.isnan(ahead)])) > 1


def test_truth_is_the_same_when_asked_again(
    simulation: Simulation, delivered: pd.DataFrame
) -> None:
    order_id, as_of = delivered.index[100], delivered["accepted"].iloc[100].to_pydatetime()
    first, second = (
        simulation.truth(order_id, as_of, draws=5)[order_id].part("total") for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("event", ["activated", "accepted", "courier_at_store"])
@pytest.mark.parametrize("nature", ["lively", "realistic"])
def test_truth_is_calibrated(
    simulation: Simulation, realistic: Simulation, nature: str, event: str
) -> None:
    """What happened is one more draw: its rank among the draws is uniform."""
    city = {"lively": simulation, "realistic": realistic}[nature]
    delivered = delivered_of(city)
    check_calibration(city, delivered[delivered[event].notna()].iloc[::25], event)


@pytest.fixture(scope="module")
def stacked() -> Simulation:
    nature = Nature(stack_share=0.6, stack_limit=3, stack_detour_m=3_000.0)
    return simulate_cities(Scenario(cities=1, days=3, orders=2_400, seed=4, nature=nature))


@pytest.mark.parametrize("event", ["activated", "courier_assigned", "picked_up"])
def test_truth_is_calibrated_where_couriers_carry_several(stacked: Simulation, event: str) -> None:
    route = stacked.tables["orders"]["route_id"]
    assert route.dropna().duplicated(keep=False).mean() > 0.4
    known = delivered_of(stacked)
    check_calibration(stacked, known[known[event].notna()].iloc[::20], event)


@pytest.mark.parametrize("event", ["activated", "dispatched"])
def test_truth_is_calibrated_for_scheduled_orders(event: str) -> None:
    """Also of orders that are sent to their store hours after the question."""
    nature = Nature(scheduled_share=0.4, stack_share=0.3)
    simulation = simulate_cities(Scenario(cities=1, days=3, orders=2_400, seed=6, nature=nature))
    orders = simulation.tables["orders"].set_index("order_id")
    scheduled = orders.index[orders["promised_at"].notna()]
    known = delivered_of(simulation)
    check_calibration(simulation, known.loc[known.index.intersection(scheduled)].iloc[::8], event)


def check_calibration(simulation: Simulation, rows: pd.DataFrame, event: str) -> None:
    ranks = []
    for order_id, order in rows.iterrows():
        truth = simulation.truth(str(order_id), order[event].to_pydatetime(), draws=19)
        drawn = truth[str(order_id)].moments["delivered"]
        actual = (order["delivered"] - order[event]).total_seconds()
        drawn = drawn[~np.isnan(drawn)]
        ranks.append(((drawn < actual).sum() + 0.5) / (len(drawn) + 1.0))
    n = len(ranks)
    assert n > 60
    # A uniform mean and variance, within four standard errors of those of n uniform numbers.
    assert abs(np.mean(ranks) - 0.5) < 4.0 * np.sqrt(1.0 / 12.0 / n)
    assert abs(np.var(ranks) * 12.0 - 1.0) < 4.0 * np.sqrt(0.8 / n)


def test_truth_narrows_as_the_order_goes_on(
    simulation: Simulation, delivered: pd.DataFrame
) -> None:
    widths: dict[str, list[float]] = {"activated": [], "picked_up": []}
    for order_id, order in delivered.iloc[::100].iterrows():
        for event, found in widths.items():
            as_of = order[event].to_pydatetime()
            truth = simulation.truth(str(order_id), as_of, draws=20)[str(order_id)]
            found.append(float(np.nanstd(truth.part("total"))))
    assert np.mean(widths["picked_up"]) < 0.5 * np.mean(widths["activated"])


def test_orders_that_are_asked_together_share_their_futures(
    simulation: Simulation, delivered: pd.DataFrame
) -> None:
    as_of = delivered["accepted"].iloc[300].to_pydatetime()
    open_then = delivered[(delivered["activated"] <= as_of) & (delivered["delivered"] > as_of)]
    ids = list(open_then.index)
    assert len(ids) >= 3
    together = simulation.truth(ids, as_of, draws=4)
    assert set(together) == set(ids)
    assert together[ids[0]].part("total").shape == (4,)
    assert 0.0 <= together[ids[0]].cancelled <= 1.0


def test_what_cannot_be_asked_is_refused(simulation: Simulation, delivered: pd.DataFrame) -> None:
    order_id = delivered.index[50]
    early = delivered["activated"].iloc[50].to_pydatetime() - timedelta(seconds=1)
    with pytest.raises(ValueError, match="placed only after"):
        simulation.truth(order_id, early)
    with pytest.raises(ValueError, match="no order"):
        simulation.truth("BCN-9999999", early)
    with pytest.raises(ValueError, match="of one of BCN"):
        simulation.truth("WAW-0000001", early)
    with pytest.raises(ValueError, match="timezone"):
        simulation.truth(order_id, early.replace(tzinfo=None))
    with pytest.raises(ValueError, match="draws"):
        simulation.truth(order_id, early + timedelta(hours=1), draws=0)

"""Orders that ride together are known by a route id, where a world has such orders.

Tests `simulator.records.sources`.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from aggregators import Event, MemoryEventStore
from simulator import ORDERS, SOURCES, Nature, Scenario, Simulation, simulate_cities
from simulator.dispatch import dispatch, nearest
from simulator.engine import state as engine
from simulator.records.sources import orders_source

NATURE = Nature(stack_share=0.6)
SCENARIO = Scenario(cities=2, days=2, orders=2_000, seed=3, nature=NATURE)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate_cities(SCENARIO)


def test_only_worlds_that_stack_orders_have_the_column(simulation: Simulation) -> None:
    orders = simulation.tables["orders"]
    assert set(orders.columns) - {"route_id"} == {"order_id", *ORDERS.events, *ORDERS.data_columns}
    plain = simulate_cities(Scenario(cities=1, days=1, orders=200)).tables["orders"]
    assert "route_id" not in plain.columns
    assert orders_source(Nature(stack_share=0.6, stack_limit=1)) is ORDERS


def test_a_route_has_one_courier_and_is_known_with_it(simulation: Simulation) -> None:
    orders = simulation.tables["orders"]
    assert (orders["route_id"].notna() == orders["courier_assigned"].notna()).all()
    routes = orders.dropna(subset=["route_id"]).groupby("route_id")
    assert routes["courier_id"].nunique().max() == 1
    delivered = routes["delivered"].count()
    assert delivered.max() == 2
    assert orders["route_id"].dropna().str.match(r"(BCN|WAW)-r\d{7}$").all()
    # Orders of a route overlap in time: each is assigned before another one is picked up.
    pairs = routes.filter(lambda rows: len(rows) == 2 and rows["delivered"].notna().all())
    both = pairs.groupby("route_id")
    assert len(both) > 200
    assert (both["courier_assigned"].max() < both["picked_up"].max()).all()


def test_an_event_store_has_the_routes_of_the_table(simulation: Simulation) -> None:
    """From the stream with its retractions, which a given-back route leaves nothing of."""
    source = orders_source(NATURE)
    events = list(simulation.events())
    assigned = [e for e in events if e.event == "courier_assigned" and not e.retracted]
    assert all(event.data["route_id"] is not None for event in assigned)
    assert not any("route_id" in e.data for e in events if e.event != "courier_assigned")
    assert any(event.retracted for event in events)
    store = MemoryEventStore(sources=simulation.sources)
    assert simulation.sources == SOURCES  # features see no difference
    store.append(events)
    stored = store.table(source).set_index("order_id")["route_id"]
    table = simulation.tables["orders"].set_index("order_id")["route_id"]
    pd.testing.assert_series_equal(
        stored.reindex(table.index).astype("str"), table.astype("str"), check_dtype=False
    )


def test_a_caller_who_chooses_couriers_gets_one_order_each(simulation: Simulation) -> None:
    told: list[Event] = []
    city = dispatch(
        simulation.cities[0], nearest, until=SCENARIO.end + timedelta(days=1), listen=told.extend
    )
    route = city.orders.route[city.orders.stands == engine.DONE]
    assert len(route) > 500
    assert len(set(route)) == len(route)
    whole = Simulation(SCENARIO, (city,)).events()
    wanted = {(e.sample_id, e.data["route_id"]) for e in whole if "route_id" in e.data}
    assert {(e.sample_id, e.data["route_id"]) for e in told if "route_id" in e.data} == wanted

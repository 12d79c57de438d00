"""The charts of a simulation's page are drawn from what the simulator says."""

from __future__ import annotations

import numpy as np
import pytest

from commands.reports.simulation_charts import draw, draw_map
from simulator import Scenario, simulate_cities
from simulator.report.facts import facts_of
from simulator.report.plot_data import BarPlot, LinePlot, RangePlot
from simulator.report.plots import preparation, street_map, waits_by_hour
from tests.commands.reports import chart_reading as reading


def test_minutes_are_shown_as_seconds_too() -> None:
    y = np.array([2.0, 5.0, np.nan, 8.0, 4.0])
    chart = draw("t", LinePlot(np.arange(5.0), {"a": y}, of="local hour", unit="min"))
    first, second = reading.lines(chart, "series-1")
    assert [s for _, s in first] == pytest.approx([120.0, 300.0], abs=4.0)
    assert [s for _, s in second] == pytest.approx([480.0, 240.0], abs=4.0)
    assert {"s", "min"} <= set(reading.texts(chart))
    level = draw("t", LinePlot(np.arange(5.0), {"a": y}, of="min", unit="% of orders"))
    assert {"0 s", "0 min", "% of orders"} <= set(reading.texts(level))


def test_other_units_stay_what_they_are() -> None:
    plot = BarPlot(["dry", "wet"], {"": np.array([1.0, 1.5])}, unit="times dry", of="rain")
    chart = draw("t", plot)
    assert [box.right for box in reading.bars(chart, "series-1")] == pytest.approx(
        [1, 1.5], abs=0.02
    )
    assert "times dry, by rain" in reading.texts(chart)


def test_ranges_are_those_of_the_facts() -> None:
    facts = facts_of(simulate_cities(Scenario(cities=1, days=2, orders=400, seed=3)))
    plot = preparation(facts)
    known = [k for k, levels in enumerate(plot.levels_min) if not np.isnan(levels).any()]
    assert known
    for k in known:
        mine = facts.prep_min[facts.category == k]
        assert plot.levels_min[k][2] == np.median(mine[~np.isnan(mine)])
    boxes = reading.bars(draw("t", plot), "series-1")
    assert len(boxes) == len(known)
    for box, k in zip(boxes, known, strict=True):
        ends = 60.0 * plot.levels_min[k][[1, 3]]
        assert (box.left, box.right) == pytest.approx(tuple(ends), abs=12.0)
    waits = waits_by_hour(facts)
    assert waits.unit == "min"
    assert list(waits.series) == ["food", "courier", "order"]


def test_a_group_without_values_has_no_box() -> None:
    plot = RangePlot(["a", "b"], [np.full(5, np.nan), np.arange(1.0, 6.0)])
    assert len(reading.bars(draw("t", plot), "series-1")) == 1


def test_a_map_has_every_street_and_store() -> None:
    (city,) = simulate_cities(Scenario(cities=1, days=1, orders=60, seed=3)).cities
    found = street_map(city)
    drawn = len(found.streets_m) + len(found.one_way_m) + len(found.bridges_m)
    assert drawn == len(city.streets.arms)
    assert len(found.stores_m) == len(city.stores)
    chart = draw_map("map", found)
    for colour, ends_m in (("chart-street", found.streets_m), ("chart-lane", found.one_way_m),
                           ("series-7", found.bridges_m)):  # fmt: skip
        assert len(reading.lines(chart, colour)) == len(ends_m)
    assert chart.svg.count("<use") == len(city.stores)
    assert reading.legend(chart) == ["one-way street", "street", "bridge", "store"]

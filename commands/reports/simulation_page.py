"""A page of plots by which a person can judge a simulation at a glance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from commands.reports.page import (
    Block,
    Cell,
    Figure,
    Figures,
    Page,
    Row,
    Section,
    Table,
    Text,
    seconds_cell,
)
from commands.reports.simulation_charts import draw, draw_map
from simulator import Simulation
from simulator.report import plots
from simulator.report.facts import OrderFacts, facts_of
from simulator.report.plot_data import BarPlot, LinePlot, RangePlot

__all__ = ["simulation_page", "write_page"]

Progress = Callable[[str, float], None]
STAGE = "draw the report"
MAPS_MAX = 3


@dataclass(frozen=True)
class _Plot:
    """A plot, its title and how to read it."""

    of: Callable[[OrderFacts], LinePlot | BarPlot | RangePlot]
    title: str
    note: str = ""


@dataclass(frozen=True)
class _PageSection:
    """A section: its title, what to look for, and plots."""

    title: str
    text: str
    plots: tuple[_Plot, ...]


_RANGES = "Line: the middle 80%; box: the middle half; bar: the median."
_SECTIONS = (
    _PageSection(
        "Demand",
        "Two meals a day, later in the south; more on Fridays and at weekends, in rain and cold.",
        (
            _Plot(plots.demand_by_hour, "Share of a day's orders by local hour"),
            _Plot(plots.orders_by_day, "Orders per day", "A shock shows as a step."),
            _Plot(plots.demand_by_rain, "Orders per hour in rain",
                  "Against the same hours when dry."),
        ),
    ),
    _PageSection(
        "Kitchens",
        "Time in the kitchen depends on the dish, the basket and, above all, on who is before.",
        (
            _Plot(plots.preparation, "Accepted to ready", _RANGES),
            _Plot(plots.queue_effect, "Dispatched to ready by the queue",
                  f"By the orders in the kitchen, per batch that it cooks at once. {_RANGES}"),
            _Plot(plots.waits_by_hour, "Who waits at the counter",
                  "The food for the courier, or the courier for the food; and orders for a courier"
                  " (means)."),
        ),
    ),
    _PageSection(
        "Rides",
        "Along streets, over few bridges, slower in the rush, in rain, and for cars.",
        (
            _Plot(plots.speed_by_hour, "Speed from store to customer by local hour"),
            _Plot(plots.ride_by_distance, "Ride from store to customer by distance"),
            _Plot(plots.speed_by_rain, "Speed in rain", "Relative to dry streets."),
        ),
    ),
    _PageSection(
        "The last metres",
        "Looking for a place to park, stairs, lifts, receptions: by zone, hour and building.",
        (
            _Plot(plots.parking_by_zone, "At the customer's street to delivered, by zone",
                  _RANGES),
            _Plot(plots.parking_by_building, "The same by building", _RANGES),
            _Plot(plots.parking_by_hour, "The same by local hour", "Medians."),
        ),
    ),
    _PageSection(
        "The whole",
        "Placed to delivered, and what is never delivered.",
        (
            _Plot(plots.total_by_hour, "Placed to delivered by local hour"),
            _Plot(plots.totals, "Placed to delivered: distribution by city"),
            _Plot(plots.cancellations, "Share of orders cancelled, by reason"),
        ),
    ),
    _PageSection(
        "Weather and local events",
        "What the city lives in.",
        (
            _Plot(plots.weather, "Temperature and rain of the first city",
                  "The first two weeks."),
            _Plot(plots.closures, "Rides and parking during local events",
                  "Rides in a zone while traffic is diverted there, and parking during matches and"
                  " markets, against the same zones at other times."),
            _Plot(plots.new_stores, "Orders per day of new stores",
                  "Stores that opened after the start."),
        ),
    ),
)  # fmt: skip


def write_page(simulation: Simulation, path: Path, progress: Progress | None = None) -> None:
    """Write the page; it needs no other file and no network. See :func:`simulation_page`."""
    path.write_text(simulation_page(simulation, progress), encoding="utf-8")


def simulation_page(simulation: Simulation, progress: Progress | None = None) -> str:
    """Return the page as HTML.

    Args:
        simulation: what to show.
        progress: called with the name of the stage and the part of it that is done.
    """

    def show(done: float) -> None:
        if progress is not None:
            progress(STAGE, done)

    show(0.0)
    facts = facts_of(simulation)
    sections = [Section("Streets", [_maps(simulation)])]
    for done, part in enumerate(_SECTIONS, start=1):
        sections.append(_section(part, facts))
        show(done / (len(_SECTIONS) + 1))
    truth = _truth(simulation)
    if truth:
        sections.append(Section("Truth", truth))
    page = Page(title="Simulated cities", top=_top(simulation, facts), sections=sections).html()
    show(1.0)
    return page


def _section(part: _PageSection, facts: OrderFacts) -> Section:
    figures = [
        Figure(title=plot.title, chart=draw(plot.title, plot.of(facts)), note=plot.note)
        for plot in part.plots
    ]
    return Section(part.title, [Text(part.text), Figures(figures)])


def _top(simulation: Simulation, facts: OrderFacts) -> list[Block]:
    scenario = simulation.scenario
    wrong = [f"{name} {value:g}" for name, value in vars(scenario.imperfections).items()]
    records = "as it happened" if scenario.imperfections.none else ", ".join(wrong)
    nature = scenario.nature if isinstance(scenario.nature, str) else "own numbers"
    shock = "" if scenario.shock_day is None else f"; a shock from day {scenario.shock_day} on"
    regimes = "".join(f"; {regime}" for regime in scenario.regimes)
    text = (
        f"{len(simulation):,} orders, {scenario.days} days from {scenario.start:%Y-%m-%d}, seed"
        f" {scenario.seed}, nature: {nature}{shock}{regimes}. The plots show what really"
        f" happened; recorded: {records}."
    )
    return [Text(text), _cities(simulation, facts)]


def _cities(simulation: Simulation, facts: OrderFacts) -> Table:
    rows = []
    for i, city in enumerate(simulation.cities):
        if not len(city):
            continue
        total_min = facts.total_min[facts.of_city(i)]
        cells: list[Cell | str] = [
            city.name,
            f"{len(city):,}",
            f"{len(city.stores):,}",
            f"{len(city.couriers):,}",
            seconds_cell(60.0 * float(np.nanmedian(total_min)), 0),
            seconds_cell(60.0 * float(np.nanquantile(total_min, 0.9)), 0),
            f"{np.isnan(total_min).mean():.1%}",
        ]
        rows.append(Row(cells))
    heads = ("city", "orders", "stores", "couriers", "median, s", "nine in ten, s", "cancelled")
    return Table(heads=heads, rows=rows)


def _maps(simulation: Simulation) -> Figures:
    return Figures(
        [
            Figure(
                title=city.name,
                chart=draw_map(f"Map of {city.name}", plots.street_map(city)),
            )
            for city in simulation.cities[:MAPS_MAX]
        ]
    )


def _truth(simulation: Simulation) -> list[Block]:
    """Return an example of the truth: one order, asked at five of its events."""
    found = plots.truth_of_one_order(simulation)
    if found is None:
        return []
    text = (
        "What is still open about an order shrinks as it goes on: the true distribution of its"
        " whole time, asked at five of its events. The city is run again from each moment, 300"
        " times."
    )
    title = f"Order {found.order_id}: it took {60.0 * found.took_min:,.0f} s ({found.took_min:.1f}"
    figure = Figure(title=f"{title} min) in the end", chart=draw("Truth", found.total),
                    note=_RANGES)  # fmt: skip
    return [Text(text), Figures([figure])]

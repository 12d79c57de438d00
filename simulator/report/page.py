"""A page of plots by which a person can judge a simulation at a glance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from simulator.report import plots as report_charts
from simulator.report.charts import streets_map
from simulator.report.facts import OrderFacts, facts_of
from simulator.simulation import Simulation
from simulator.world.arrays import FloatArray

__all__ = ["write_report"]

Progress = Callable[[str, float], None]
STAGE = "draw the report"

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1d2733;margin:2rem auto;max-width:1240px;
padding:0 1rem;background:#fff}
h1{margin-bottom:.2rem}h2{margin:2.2rem 0 .3rem;border-top:1px solid #d7dde4;padding-top:1rem}
figure{margin:.6rem 0;width:390px}figure svg{width:100%;height:auto}
figcaption{font-size:13px;color:#4a5663}
section{display:flex;flex-wrap:wrap;gap:.5rem 1.2rem}
svg text{font:11px system-ui,sans-serif;fill:#4a5663}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.15rem .9rem .15rem 0;text-align:right}td:first-child,th:first-child{text-align:left}
"""


@dataclass(frozen=True)
class _Section:
    """A heading, what to look for, and charts with what each shows."""

    title: str
    text: str
    charts: tuple[tuple[Callable[[OrderFacts], str], str], ...]


_SECTIONS = (
    _Section(
        "Demand",
        "Two meals a day, later in the south; more on Fridays and at weekends, in rain and cold.",
        (
            (report_charts.demand_by_hour, "Share of a day's orders in each local hour."),
            (report_charts.orders_by_day, "Orders per day; a shock shows as a step."),
            (report_charts.demand_by_rain, "Orders per hour against the same hours when dry."),
        ),
    ),
    _Section(
        "Kitchens",
        "Time in the kitchen depends on the dish, the basket and, above all, on who is before.",
        (
            (report_charts.preparation, "Accepted to ready, minutes: middle 80%, half, median."),
            (report_charts.queue_effect, "Dispatched to ready by the orders in the kitchen, per"
             " batch that it cooks at once."),
            (report_charts.waits_by_hour, "Who waits at the counter: the food for the courier, or"
             " the courier for the food; and orders for a courier (means)."),
        ),
    ),
    _Section(
        "Rides",
        "Along streets, over few bridges, slower in the rush, in rain, and for cars.",
        (
            (report_charts.speed_by_hour, "Store to customer, km/h, by local hour."),
            (report_charts.ride_by_distance, "Minutes from store to customer by street distance."),
            (report_charts.speed_by_rain, "Speed by rain, relative to dry streets."),
        ),
    ),
    _Section(
        "The last metres",
        "Looking for a place to park, stairs, lifts, receptions: by zone, hour and building.",
        (
            (report_charts.parking_by_zone, "At the customer's street to delivered, by zone."),
            (report_charts.parking_by_building, "The same by building."),
            (report_charts.parking_by_hour, "The same by local hour (medians)."),
        ),
    ),
    _Section(
        "The whole",
        "Placed to delivered, and what is never delivered.",
        (
            (report_charts.total_by_hour, "Placed to delivered by local hour, minutes."),
            (report_charts.totals, "Placed to delivered: distribution by city."),
            (report_charts.cancellations, "Share of orders cancelled, by reason."),
        ),
    ),
    _Section(
        "Weather and local events",
        "What the city lives in.",
        (
            (report_charts.weather, "Temperature and rain of the first city, two weeks."),
            (report_charts.closures, "Rides in a zone while traffic is diverted there, and"
             " parking during matches and markets, against the same zones at other times."),
            (report_charts.new_stores, "Orders per day of stores that opened after the start."),
        ),
    ),
)  # fmt: skip


def write_report(simulation: Simulation, path: Path, progress: Progress | None = None) -> None:
    """Write the page; it needs no other file and no network.

    Args:
        simulation: what to show.
        path: the .html file.
        progress: called with the name of the stage and the part of it that is done.
    """

    def show(done: float) -> None:
        if progress is not None:
            progress(STAGE, done)

    show(0.0)
    facts = facts_of(simulation)
    parts = [_head(simulation, facts), _maps(simulation)]
    for done, section in enumerate(_SECTIONS, start=1):
        parts.append(_section(section, facts))
        show(done / (len(_SECTIONS) + 1))
    parts.append(_truth(simulation))
    path.write_text("\n".join(parts) + "\n</html>\n", encoding="utf-8")
    show(1.0)


def _section(section: _Section, facts: OrderFacts) -> str:
    figures = "".join(_figure(chart(facts), caption) for chart, caption in section.charts)
    return (
        f"<h2>{escape(section.title)}</h2><p>{escape(section.text)}</p><section>{figures}</section>"
    )


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _head(simulation: Simulation, facts: OrderFacts) -> str:
    scenario = simulation.scenario
    rows = [
        (
            city.name,
            f"{len(city):,}",
            f"{len(city.stores):,}",
            f"{len(city.couriers):,}",
            f"{np.nanmedian(facts.total_min[facts.city == i]):.1f}",
            f"{np.nanquantile(facts.total_min[facts.city == i], 0.9):.1f}",
            f"{np.isnan(facts.total_min[facts.city == i]).mean():.1%}",
        )
        for i, city in enumerate(simulation.cities)
        if len(city)
    ]
    names = ("city", "orders", "stores", "couriers", "median, min", "nine in ten, min", "cancelled")
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    wrong = [f"{k} {v:g}" for k, v in vars(scenario.imperfections).items()]
    records = "as it happened" if scenario.imperfections.none else ", ".join(wrong)
    shock = "" if scenario.shock_day is None else f"; a shock from day {scenario.shock_day} on"
    return (
        '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>Simulated cities</title>'
        f"<style>{_STYLE}</style><h1>Simulated cities</h1>"
        f"<p>{len(simulation):,} orders, {scenario.days} days from {scenario.start:%Y-%m-%d},"
        f" seed {scenario.seed}{shock}. The plots show what really happened; recorded:"
        f" {escape(records)}.</p><table><tr>{head}</tr>{body}</table>"
    )


def _maps(simulation: Simulation) -> str:
    figures = []
    for city in simulation.cities[:3]:
        streets, node = city.streets, city.stores.node
        places = np.column_stack([streets.x_m[node], streets.y_m[node]])
        svg = streets_map(streets.x_m, streets.y_m, streets.arms, places)
        caption = f"{city.name}: streets, one-way ones lighter, bridges red, stores orange."
        figures.append(_figure(svg, caption))
    return f"<h2>Streets</h2><section>{''.join(figures)}</section>"


def _truth(simulation: Simulation) -> str:
    """An example of the truth: one order, asked four times."""
    truth = simulation.truth_table
    whole = truth["delivered"].notna() & (truth["ready"] > truth["accepted"])
    in_middle = truth[whole]
    if in_middle.empty:
        return ""
    order = in_middle.iloc[len(in_middle) // 2]
    found: dict[str, FloatArray] = {}
    for event in ("activated", "accepted", "ready", "picked_up", "courier_at_customer"):
        moment = order[event].to_pydatetime()
        drawn = simulation.truth(order["order_id"], moment, draws=300)[order["order_id"]]
        found[event] = drawn.part("total") / 60.0
    actual = (order["delivered"] - order["activated"]).total_seconds() / 60.0
    svg = report_charts.truth_of_order(found)
    return (
        "<h2>Truth</h2><p>What is still open about an order shrinks as it goes on: the true"
        " distribution of its whole time, asked at five of its events. The city is run again from"
        f" each moment, 300 times.</p><section>"
        f"{_figure(svg, f'Order {order.order_id}: it took {actual:.1f} minutes in the end.')}"
        "</section>"
    )

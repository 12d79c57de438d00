"""Days of simulated cities, lived through again with couriers chosen in several ways.

Usage: python -m benchmarks.courier_selection_replay [--quick] [--supplies 1.0,1.3] [--cities 2]
       [--orders-per-day 600] [--train-days 8] [--days 10] [--seed 0]
       [--ready-share 0.1] [--short-share 0.3] [--patience 0.2] [--no-save]

A simulation's first days teach the parts of an ETA. Each of the days that follow is then lived
through once per way of choosing, with the same chance for every order, and everything that happens
is told to an event store, from which the features of each decision are computed. The differences
between two ways are paired by day and city. Writes results/courier_selection.json and the table of
docs/courier_selection.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd
from rich.progress import Progress

from aggregators import Event, MemoryEventStore
from benchmarks import courier_selection_page
from benchmarks.courier_estimates import ModelEstimates, TrueEstimates
from benchmarks.courier_policies import ByNumbers, Choice, RegretMeter, Together
from benchmarks.dispatch_scores import Scores, Span, difference, scores_of
from benchmarks.measuring import save
from commands.live_demo.city import known_at
from estimators.datasets import cities_dataset
from estimators.eta.model import EtaModel
from estimators.eta.training import train_eta
from simulator import Scenario, Simulation, simulate_cities
from simulator.dispatch import Decide, DispatchedCity, nearest
from simulator.engine import state as engine
from simulator.engine.city import DAY_MS, QUIET_MS, City
from simulator.engine.state import NEVER
from simulator.records.stream import events_of_records
from simulator.world.arrays import FloatArray

STEP = timedelta(seconds=10)
"""Between two decisions."""
REMEMBERED = timedelta(days=8)
"""So much of the past is told to the event store."""
LAST_HOUR = 2
"""Orders that are placed after this hour of the next day, UTC, are not counted: too few are."""
APPEND = 50_000
PROMISED_LEVEL = 0.8
"""Customers are promised what so large a share of the orders before took at most."""
TRUE_READY_SHARE = 0.5
"""Who knows what will be need not be careful."""
WAYS = ("nearest", "nearest together", "simulator's own", "by the numbers", "in hindsight")


@dataclass(frozen=True)
class Replayed:
    """A day of a city, in one way of choosing.

    Args:
        scores: what it came to.
        regret_s: what a choice cost more than the best one in hindsight, weighted seconds; None
            where the engine chose by itself.
    """

    scores: Scores
    regret_s: float | None


@dataclass(frozen=True)
class Before:
    """What is known of a city when its days are replayed."""

    city: City
    past: Callable[[DispatchedCity], MemoryEventStore]
    promised_s: FloatArray
    model: EtaModel
    choice: Choice


def main() -> None:
    """Run, print and write."""
    asked = _arguments()
    choice = Choice(
        ready_share=asked.ready_share, short_share=asked.short_share, patience=asked.patience
    )
    found: dict[str, dict[str, list[Replayed]]] = {}
    supplies = [float(one) for one in asked.supplies.split(",")]
    with Progress() as bars:
        task = bars.add_task("replay", total=len(supplies) * (1 + asked.cities * asked.days))
        for supply in supplies:
            found[f"{supply:g}"] = _replay(
                _scenario(asked, supply), asked.train_days, choice, lambda: bars.advance(task)
            )
    result = {"settings": {**vars(asked), "choice": asdict(choice)},
              "supplies": {supply: _summary(ways) for supply, ways in found.items()}}  # fmt: skip
    print(courier_selection_page.table(result))
    if not asked.no_save:
        save("courier_selection", result)
        courier_selection_page.write(result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--supplies", default="1.0,1.3", help="couriers on duty, relative")
    parser.add_argument("--cities", type=int, default=2)
    parser.add_argument("--orders-per-day", type=int, default=600, help="of each city")
    parser.add_argument("--train-days", type=int, default=8)
    parser.add_argument("--days", type=int, default=10, help="that are replayed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ready-share", type=float, default=Choice.ready_share)
    parser.add_argument("--short-share", type=float, default=Choice.short_share)
    parser.add_argument("--patience", type=float, default=Choice.patience)
    parser.add_argument("--no-save", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one small city and day")
    asked = parser.parse_args()
    if asked.quick:
        asked.supplies, asked.cities, asked.days = "1.3", 1, 1
        asked.orders_per_day, asked.train_days, asked.no_save = 300, 8, True
    return asked


def _scenario(asked: argparse.Namespace, supply: float) -> Scenario:
    days = asked.train_days + asked.days
    return Scenario(
        cities=asked.cities, days=days, orders=days * asked.cities * asked.orders_per_day,
        seed=asked.seed, courier_supply=supply,
    )  # fmt: skip


def _replay(
    scenario: Scenario, train_days: int, choice: Choice, advance: Callable[[], None]
) -> dict[str, list[Replayed]]:
    """Return each way's days, in the same order of days."""
    simulation = simulate_cities(scenario)
    model = _trained(simulation, train_days)
    advance()
    ways: dict[str, list[Replayed]] = {name: [] for name in WAYS}
    for k, city in enumerate(simulation.cities):
        before = Before(
            city, lambda running, k=k: _past(simulation, k, running), _promised_s(city, train_days),  # type: ignore[misc]
            model, choice,
        )  # fmt: skip
        for day in range(train_days, scenario.days):
            for name in WAYS:
                ways[name].append(_day(before, day, name))
            advance()
    return ways


def _trained(simulation: Simulation, days: int) -> EtaModel:
    """Train the parts on the first days alone."""
    scenario = simulation.scenario
    tables = dict(simulation.tables)
    ends = pd.Timestamp(scenario.start) + pd.Timedelta(days=days)
    tables["orders"] = known_at(tables["orders"], ends)
    dataset = cities_dataset(
        tables,
        start=pd.Timestamp(scenario.start),
        days=days,
        timezones={profile.name: profile.timezone for profile in scenario.profiles},
    )
    # Nothing is reported of this model, so all but a day of the past may teach it.
    dataset = replace(dataset, test_from=ends - pd.Timedelta(days=1))
    return train_eta(dataset, per_order=2.5, rows_max=15_000, baselines=False).model


def _promised_s(city: City, train_days: int) -> FloatArray:
    """Return what each order's customer is promised: what most orders of the past took at most."""
    moments = city.orders.moments
    past = (moments[engine.DELIVERED] != NEVER) & (moments[engine.DELIVERED] < train_days * DAY_MS)
    took_s = (moments[engine.DELIVERED] - moments[engine.ACTIVATED])[past] / 1_000.0
    return np.full(len(city), np.quantile(took_s, PROMISED_LEVEL))


def _past(simulation: Simulation, index: int, running: DispatchedCity) -> MemoryEventStore:
    """Return a store that knows a city's last days before it goes on."""
    store = MemoryEventStore(sources=simulation.sources)
    now = running.now + timedelta(milliseconds=1)
    cities, records = [simulation.cities[index]], [simulation.records[index]]
    events = list(events_of_records(cities, records, after=now - REMEMBERED, before=now))
    for first in range(0, len(events), APPEND):
        store.append(events[first : first + APPEND])
    return store


def _day(before: Before, day: int, way: str) -> Replayed:
    """Live through a day of a city in one way."""
    span = Span(first_ms=day * DAY_MS + QUIET_MS, end_ms=(day + 1) * DAY_MS + LAST_HOUR * 3_600_000)
    if way == "simulator's own":
        return Replayed(scores_of(before.city, span, before.promised_s), None)
    running = DispatchedCity(before.city, day=day)
    truth = TrueEstimates(running)
    store = before.past(running) if way == "by the numbers" else None
    meter = RegretMeter(_way(before, way, running, store), truth, before.choice.weights)
    until = before.city.scenario.start + timedelta(days=day + 1, hours=LAST_HOUR + 2)
    now = running.now
    while now < until:
        now += STEP
        events: list[Event] = running.run_to(now)
        if store is not None and events:
            store.append(events)
        waiting = running.round()
        if len(waiting.orders) and len(waiting.couriers):
            running.offer(meter(waiting), waiting)
    scores = scores_of(running.result(), span, before.promised_s)
    return Replayed(scores, float(np.mean(meter.regret_s)))


def _way(
    before: Before, way: str, running: DispatchedCity, store: MemoryEventStore | None
) -> Decide:
    activated_s = before.city.orders.activated_ms / 1_000.0
    start_s = before.city.scenario.start.timestamp()
    if way == "nearest":
        return nearest
    if way == "nearest together":
        return Together()
    if store is None:
        careless = replace(
            before.choice, ready_share=TRUE_READY_SHARE, short_share=TRUE_READY_SHARE
        )
        return ByNumbers(TrueEstimates(running), careless, activated_s, start_s)
    known = ModelEstimates(before.model, store, running)
    return ByNumbers(known, before.choice, activated_s, start_s)


def _summary(ways: Mapping[str, list[Replayed]]) -> dict[str, object]:
    """Return means of each way, and by how much the numbers differ from the others, paired."""
    ours = [one.scores for one in ways["by the numbers"]]
    return {
        "days": len(ours),
        "means": {
            name: {
                **{key: float(np.mean([getattr(one.scores, key) for one in days]))
                   for key in asdict(days[0].scores)},
                "regret_s": _mean([one.regret_s for one in days]),
            }
            for name, days in ways.items()
        },
        "by the numbers less": {
            name: {key: list(gap) for key, gap in
                   difference(ours, [one.scores for one in days]).items()}
            for name, days in ways.items()
            if name != "by the numbers"
        },
    }  # fmt: skip


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


if __name__ == "__main__":
    main()

"""The parts of the demo: simulate, train, serve, replay a day over HTTP, compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from aggregators import Event, FeatureSet
from commands.datasets import TEST_SHARE, dataset_of_city
from commands.demo_report import print_estimates, print_summary
from commands.output import StageProgress, console, progress
from commands.report import print_report
from estimators import registry
from estimators.base import Estimator
from estimators.training import train_etp
from services.client import EtpClient
from services.cloudevents import to_cloud_event
from services.process import ServiceProcess
from services.schemas import PredictAnswer
from services.settings import EtpSettings
from simulator import ORDERS, CityPlan, events_of, simulate

__all__ = ["Estimate", "known_at", "run_demo"]

BATCH_EVENTS = 2_000
"""Events per request when the past is sent."""
ASKED_AT = "dispatched"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One answer of the service and what then happened: NaN seconds where the order was cancelled.

    ``latency_ms`` is the whole round trip, with the features in the answer.
    """

    order_id: str
    store_id: str
    answer: PredictAnswer
    actual_s: float
    latency_ms: float


def run_demo(*, stores: int, days: int, seed: int, rows: int, folder: Path) -> list[str]:
    """Run the demo and print it; returns what failed, nothing if all went well."""
    plan = CityPlan(stores=stores, days=days + 1, seed=seed)
    today = plan.start + timedelta(days=days)
    with progress() as report:
        report("simulate the city", 0.0)
        orders = simulate(plan)
        past = known_at(orders, today)
        report("simulate the city", 1.0)
        test_from = plan.start + timedelta(days=round(days * (1.0 - TEST_SHARE)))
        trained = train_etp(dataset_of_city(past, test_from=test_from), progress=report)
        tag = registry.save(trained)
    console.print(
        f"{len(orders):,} orders of {stores} stores in {days + 1} days; trained on the first"
        f" {days}. Now the last day, order by order, asking the service at each dispatch.",
        highlight=False,
    )
    print_report(trained.report)
    settings = EtpSettings(model=tag).to_environment()
    with progress() as report:
        report("start the service", 0.0)
        with (
            ServiceProcess(log=folder / "service.log", settings=settings) as service,
            EtpClient(service.url) as client,
        ):
            report("start the service", 1.0)
            failures = _send_past(client, orders, today, report)
            estimates = _replay(client, trained.estimator, orders, today, report, failures)
    failures += _statuses(estimates)
    compared, different = _compare_with_training(trained.estimator.features, orders, estimates)
    if different:
        failures.append(f"{different} of {compared} feature values differ from training")
    print_estimates(estimates, rows)
    print_summary(estimates, _usual_s(past, test_from), compared=compared, different=different)
    return failures


def known_at(orders: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    """Return the orders as they were known at a moment: nothing that happened later is in it."""
    cut = pd.Timestamp(moment)
    known = orders[orders["activated"] < cut].copy()
    for event in ORDERS.events:
        known[event] = known[event].where(known[event] < cut)
    for column in ORDERS.columns:
        event = ORDERS.known_from_event(column)
        known[column] = known[column].where(known[event].notna())
    return known


def _send_past(
    client: EtpClient, orders: pd.DataFrame, today: datetime, report: StageProgress
) -> list[str]:
    stage = "send the past"
    failures: list[str] = []
    events = list(events_of(orders, before=today))
    for done, batch in _batches(events, BATCH_EVENTS):
        failures += _send(client, batch)
        report(stage, done / len(events))
    return failures


def _replay(
    client: EtpClient,
    estimator: Estimator,
    orders: pd.DataFrame,
    today: datetime,
    report: StageProgress,
    failures: list[str],
) -> list[Estimate]:
    """Send the day's events in their order and ask, at each dispatch, before the next happens."""
    stage = "live: events and requests"
    names = dict.fromkeys((*estimator.features.dimensions, *estimator.facts.inputs))
    by_id = orders.set_index("order_id", drop=False)
    rows: dict[Any, Any] = by_id[by_id[ASKED_AT] >= pd.Timestamp(today)].to_dict("index")
    events = list(events_of(orders, after=today))
    waiting: list[Event] = []
    estimates: list[Estimate] = []
    for done, event in enumerate(events, start=1):
        if event.event == ASKED_AT:
            failures += _send(client, waiting)
            waiting = []
            row = rows[event.sample_id]
            estimates.append(_ask(client, {name: row[name] for name in names}, row))
        waiting.append(event)
        report(stage, done / len(events))
    return estimates


def _ask(client: EtpClient, facts: dict[str, Any], row: dict[str, Any]) -> Estimate:
    began_s = perf_counter()
    answer = client.predict(
        facts,
        sample_id=row["order_id"],
        as_of=row[ASKED_AT].to_pydatetime(),
        include_features=True,
    )
    latency_ms = (perf_counter() - began_s) * 1_000.0
    return Estimate(
        order_id=row["order_id"],
        store_id=row["store_id"],
        answer=answer,
        actual_s=(row["ready"] - row[ASKED_AT]).total_seconds(),
        latency_ms=latency_ms,
    )


def _send(client: EtpClient, events: list[Event]) -> list[str]:
    if not events:
        return []
    answer = client.send_events(to_cloud_event(event) for event in events)
    return [
        f"event {status.id} was refused: {status.reason}"
        for status in answer.events
        if status.status == "refused"
    ][:3]


def _statuses(estimates: list[Estimate]) -> list[str]:
    if not estimates:
        return ["the live day has no orders"]
    poor = [e for e in estimates if e.answer.status != "ok"]
    if not poor:
        return []
    first = poor[0].answer
    return [f"{len(poor)} answers are not ok, first: {first.status}, {'; '.join(first.notes)}"]


def _compare_with_training(
    features: FeatureSet, orders: pd.DataFrame, estimates: list[Estimate]
) -> tuple[int, int]:
    """Count the feature values that the service answered, and those that training has otherwise.

    Training sees the whole table, with everything that happened later.
    """
    rows = orders.set_index("order_id", drop=False).loc[[e.order_id for e in estimates]]
    spine = rows[["order_id", *features.dimensions]].assign(as_of=rows[ASKED_AT])
    expected = features.transform(orders, "training", at=spine.reset_index(drop=True))
    served = pd.DataFrame([e.answer.features for e in estimates], dtype=np.float64)
    wanted = expected.to_numpy()
    given = served[list(features.names)].to_numpy()
    same = (wanted == given) | (np.isnan(wanted) & np.isnan(given))
    return same.size, int(same.size - same.sum())


def _usual_s(past: pd.DataFrame, test_from: datetime) -> float:
    """The constant to compare with: the median of the orders that the model was trained on."""
    trained_on = past[past[ASKED_AT] < pd.Timestamp(test_from)]
    return float((trained_on["ready"] - trained_on[ASKED_AT]).dt.total_seconds().median())


def _batches(items: Iterable[T], size: int) -> Iterator[tuple[int, list[T]]]:
    """Yield lists of at most ``size`` items, each with the number of items up to its end."""
    iterator = iter(items)
    done = 0
    while batch := list(islice(iterator, size)):
        done += len(batch)
        yield done, batch

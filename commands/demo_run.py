"""The parts of the demo: simulate, train, serve, live an hour over HTTP, compare."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from commands.demo_board import showing
from commands.demo_city import DemoCity, make_demo_city
from commands.demo_live import LiveHour, send_past
from commands.demo_summary import Compared, compare_features, print_summary
from commands.output import console, progress
from estimators import registry
from estimators.eta_parts import PART_SPECS
from estimators.eta_training import train_eta
from services.client import EtaClient
from services.eta_settings import EtaSettings
from services.process import ServiceProcess

if TYPE_CHECKING:
    from estimators.boosting import BoostingParameters
    from estimators.trained_eta import TrainedEta

__all__ = ["run_demo"]

MOMENTS_MAX = 12_000
"""Moments of orders to learn from: enough for a demo that takes two minutes."""
GOOD = ("ok", "input_clipped")
"""Now and then an order is larger than any that training saw."""
WATCHED_STEP_S = 0.1
"""On a terminal a step of the city takes so long at least, so that the eye can follow."""


def run_demo(
    *, days: int, orders_per_day: int, length: timedelta, seed: int, rows: int, folder: Path
) -> list[str]:
    """Run the demo and print it; returns what failed, nothing if all went well."""
    with progress() as report:
        report("simulate a city", 0.0)
        demo = make_demo_city(days=days, orders_per_day=orders_per_day, seed=seed)
        report("simulate a city", 1.0)
        trained = train_eta(
            demo.dataset(),
            progress=report,
            rows_max=MOMENTS_MAX,
            parameters=_few_trees(),
            baselines=False,
        )
        tag = registry.save_eta(trained)
    console.print(
        f"{demo.city.name}: {days} days of {orders_per_day:,} orders to learn from, then an evening"
        f" live, from {demo.now:%H:%M} UTC on. Every answer beside what then happened:",
        highlight=False,
    )
    return _live(demo, trained, tag, length=length, rows=rows, folder=folder)


def _live(
    demo: DemoCity, trained: TrainedEta, tag: str, *, length: timedelta, rows: int, folder: Path
) -> list[str]:
    """Start the service, tell it the past, live through the hour, and print what came of it."""
    store = folder / "events.db"
    settings = EtaSettings(model=tag, store=str(store)).to_environment()
    with (
        ServiceProcess(
            "services.eta:EtaService", log=folder / "service.log", settings=settings
        ) as service,
        EtaClient(service.url) as client,
    ):
        with progress() as report:
            failures = send_past(client, demo.past, report)
        with showing(rows) as board:
            hour = LiveHour(
                demo, client, board, step_s=WATCHED_STEP_S if console.is_terminal else 0
            )
            hour.run(length)
            tables = demo.tables()
            hour.finish()
    compared = compare_features(demo, trained.model, store, tables, hour.tracking.estimates)
    print_summary(hour, compared)
    return failures + hour.failures + _failures(hour, compared)


def _failures(hour: LiveHour, compared: Compared) -> list[str]:
    """Return what should not have happened."""
    found = []
    if not hour.tracking.estimates:
        found.append("the live hour has no orders")
    poor = {name: n for name, n in hour.asked.statuses.items() if name not in GOOD}
    if poor:
        counted = ", ".join(f"{n} {name}" for name, n in poor.items())
        first = hour.asked.notes[0] if hour.asked.notes else "no note"
        found.append(f"not all answers are ok: {counted}; first: {first}")
    if compared.different:
        found.append(f"{compared.different} of {compared.values} feature values differ")
    return found


def _few_trees() -> dict[str, BoostingParameters]:
    """Return parameters of parts that learn in seconds."""
    return {
        name: replace(
            spec.estimator_class.default_parameters,
            median_trees=50,
            outer_trees=20,
            learning_rate=0.14,
            leaves=9,
        )
        for name, spec in PART_SPECS.items()
    }

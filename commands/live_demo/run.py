"""Run the demo: simulate, train, serve, run an hour over HTTP, compare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from commands.console.output import console, progress
from commands.live_demo.board import showing
from commands.live_demo.city import DemoCity, make_demo_city
from commands.live_demo.feature_comparison import FeatureComparison, compare_features
from commands.live_demo.hour import LiveHour, send_past
from commands.live_demo.model_cache import ModelCache, key_of
from commands.live_demo.retrying_client import LATE_STATUS, RetryingClient
from commands.live_demo.summary import print_summary
from commands.live_demo.training import trained_tag
from estimators.registry import models as registry
from services.bento.process import ServiceProcess
from services.client import EtaClient
from services.core.settings.models import EtaSettings
from services.core.settings.parts import PartSettings

__all__ = ["DemoRun", "failures_of", "run_demo", "run_live_hour"]

GOOD = ("ok", "input_clipped", LATE_STATUS)
"""Now and then an order is much larger than any that training saw, or a busy machine late."""
START_TIMEOUT_S = 900.0
"""A busy machine may take minutes to compile the kernels at the first time."""
PART_TIMEOUT_MS = 5_000.0
"""The demo's questions can wait: a part of an estimate is not given up after the usual second."""
WATCHED_STEP_S = 0.1
"""On a terminal a step of the city takes so long at least, so that the eye can follow."""


def run_demo(
    *,
    days: int,
    orders_per_day: int,
    length: timedelta,
    seed: int,
    rows: int,
    folder: Path,
    cache: Path | None = None,
) -> list[str]:
    """Run the demo and print it; returns the failures, empty if there are none.

    Args:
        days: to learn from.
        orders_per_day: of the city.
        length: of the city's evening.
        seed: of the city.
        rows: lines of each caller, where output is no terminal.
        folder: for all that the demo writes; BentoML's models are in ``bentoml`` there.
        cache: where models are kept for the next run; None: nowhere.
    """
    kept = "" if cache is None else ", less where an earlier run has kept its models"
    _say(f"About two minutes on two idle cores{kept}. A busy machine is waited for.")
    with progress() as report:
        report("simulate a city", 0.0)
        demo = make_demo_city(days=days, orders_per_day=orders_per_day, seed=seed)
        report("simulate a city", 1.0)
    city = {"days": days, "orders_per_day": orders_per_day, "seed": seed}
    tag = trained_tag(demo, ModelCache(cache, key_of(**city)), folder / "bentoml" / "models")
    _say(
        f"{demo.city.name}, a simulated city: {days} days of {orders_per_day:,} orders to learn"
        f" from, then an evening live, from {demo.now:%H:%M} UTC on. Some answers beside what then"
        " happened:"
    )
    evening = run_live_hour(demo, tag, length=length, rows=rows, folder=folder)
    print_summary(evening.hour, evening.compared)
    return evening.failures


@dataclass(frozen=True, kw_only=True, eq=False)
class DemoRun:
    """A finished run: questions, answers, outcomes and failures."""

    hour: LiveHour
    compared: FeatureComparison
    failures: list[str]


def run_live_hour(
    demo: DemoCity, tag: str, *, length: timedelta, rows: int, folder: Path
) -> DemoRun:
    """Start the service, send it the past, and run the hour.

    Args:
        demo: stands at the beginning of the hour.
        tag: of its models, in the store that ``BENTOML_HOME`` names.
        length: of the hour.
        rows: lines of each caller, where output is no terminal.
        folder: for the event store and the service's log.
    """
    store = folder / "events.db"
    settings = {
        **EtaSettings(model=tag, event_store=str(store)).to_environment(),
        **PartSettings(timeout_ms=PART_TIMEOUT_MS).to_environment(),
    }
    with (
        ServiceProcess(
            "services.eta:EtaService",
            log=folder / "service.log",
            settings=settings,
            start_timeout_s=START_TIMEOUT_S,
        ) as service,
        EtaClient(service.url) as client,
    ):
        asked = RetryingClient(alive=lambda: service.running)
        with progress() as report:
            failures = send_past(client, asked, demo.past, report)
        with showing(rows) as board:
            hour = LiveHour(
                demo, client, asked, board, step_s=WATCHED_STEP_S if console.is_terminal else 0
            )
            hour.run(length)
            tables = demo.tables()
            hour.finish()
    compared = compare_features(
        demo, registry.load_eta(tag), store, tables, hour.tracking.estimates
    )
    poor = failures_of(asked, len(hour.tracking.estimates), compared)
    return DemoRun(hour=hour, compared=compared, failures=failures + hour.failures + poor)


def failures_of(asked: RetryingClient, estimates: int, compared: FeatureComparison) -> list[str]:
    """Return the failures of a run; late answers are none.

    Args:
        asked: how the service answered.
        estimates: how many ETAs of orders there were.
        compared: the features of the service with those of training.
    """
    found = []
    if not estimates:
        found.append("the live hour has no orders")
    poor = {name: n for name, n in asked.statuses.items() if name not in GOOD}
    if poor:
        counted = ", ".join(f"{n} {name}" for name, n in poor.items())
        first = asked.notes[0] if asked.notes else "no note"
        found.append(f"not all answers are ok: {counted}; first: {first}")
    if compared.different:
        found.append(f"{compared.different} of {compared.values} feature values differ")
    return found


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)

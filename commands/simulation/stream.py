"""Send a city's events to a service as they arrive, for `doorstep simulate --to`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from aggregators.catalog import CATALOG
from aggregators.events import Event
from commands.console.output import StageProgress, UserError, console, progress
from commands.simulation.files import chosen_sources
from services.client import EventClient
from services.intake.cloudevents import to_cloud_event
from services.schemas.common import CloudEvent, EventsAnswer
from simulator import Simulation
from simulator.records.stream import arrivals_of_records, count_events

__all__ = ["SendCounts", "send", "send_live", "windows"]

BATCH_EVENTS = 500
WINDOW_S = 0.05
"""Events that are due within so much real time travel together."""


@dataclass
class SendCounts:
    """Counts of the events that the service accepted and refused, with the reasons."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def send_live(
    simulation: Simulation, url: str, *, speed_up: float, sources: list[str] | None
) -> None:
    """Send all events, and print the counts.

    Raises:
        UserError: the service is not ready, or refused everything.
    """
    known = {source.name for source in CATALOG.sources}
    wanted = chosen_sources(sources) if sources else known
    arrivals = (
        (arrives_us, event)
        for arrives_us, event in arrivals_of_records(simulation.cities, simulation.records)
        if event.source in wanted
    )
    expected = max(count_events(simulation.records), 1)
    began_s = time.perf_counter()
    with EventClient(url) as client, progress() as show:
        if not client.is_ready():
            raise UserError(f"there is no service that is ready at {url}")
        sent = send(
            windows(arrivals, speed_up),
            client.send_events,
            report=lambda n: _report(show, n / expected),
        )
        show("send events", 1.0)
    took_s = max(time.perf_counter() - began_s, 1e-9)
    total = sent.accepted + sent.refused.total()
    console.print(
        f"sent {total:,} events in {took_s:,.1f} s ({total / took_s:,.0f} per second):"
        f" {sent.accepted:,} accepted, {sent.refused.total():,} refused",
        highlight=False,
    )
    for reason, n in sent.refused.most_common(3):
        console.print(f"refused {n:,} times: {reason}", highlight=False)
    if total and not sent.accepted:
        raise UserError("the service refused every event")


def _report(show: StageProgress, done: float) -> None:
    show("send events", min(done, 0.999))


def windows(
    arrivals: Iterable[tuple[int, Event]], speed_up: float
) -> Iterator[tuple[float, list[Event]]]:
    """Yield batches of events with the real seconds after the start at which they are due.

    Args:
        arrivals: microseconds and events, in the order of arrival.
        speed_up: seconds of the city per real second; 0: everything is due at once.

    >>> noon_us = 1_767_225_600_000_000
    >>> events = [Event("orders", "o", name, noon_us) for name in ("activated", "ready")]
    >>> [
    ...     (due_s, len(batch))
    ...     for due_s, batch in windows([(0, events[0]), (60_000_000, events[1])], 60.0)
    ... ]
    [(0.0, 1), (1.0, 1)]
    """
    batch: list[Event] = []
    first_us: int | None = None
    due_s = 0.0
    for arrives_us, event in arrivals:
        first_us = arrives_us if first_us is None else first_us
        now_s = (arrives_us - first_us) / 1e6 / speed_up if speed_up else 0.0
        if batch and (now_s > due_s + WINDOW_S or len(batch) == BATCH_EVENTS):
            yield due_s, batch
            batch = []
        if not batch:
            due_s = now_s
        batch.append(event)
    if batch:
        yield due_s, batch


def send(
    batches: Iterable[tuple[float, list[Event]]],
    post: Callable[[list[CloudEvent]], EventsAnswer],
    *,
    report: Callable[[int], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> SendCounts:
    """Send batches when they are due; one that is late is sent at once.

    Args:
        batches: see :func:`windows`.
        post: sends CloudEvents and returns a status for each.
        report: called with the number of events sent so far.
        clock: seconds, for when a batch is due.
        sleep: waits for some seconds.
    """
    sent = SendCounts()
    began_s = clock()
    for due_s, batch in batches:
        wait_s = began_s + due_s - clock()
        if wait_s > 0.0:
            sleep(wait_s)
        answer = post([to_cloud_event(event) for event in batch])
        for status in answer.events:
            if status.status == "refused":
                # Reasons name values; what they have in common is the field.
                sent.refused[f"{status.field or 'event'}: {status.reason}"] += 1
            else:
                sent.accepted += 1
        report(sent.accepted + sent.refused.total())
    return sent

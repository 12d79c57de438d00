"""Run the live hour of the demo: send events and questions over HTTP in order of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from aggregators import Event
from commands.console.output import StageProgress
from commands.live_demo.board import Board, minutes
from commands.live_demo.callers import Arrival, CustomerApp, PartnerApp, Promise, Tracking
from commands.live_demo.city import DemoCity, send_nearest
from commands.live_demo.retrying_client import RetryingClient
from commands.live_demo.routing import Assignment, Routing
from services.client import EtaClient
from services.intake.cloudevents import to_cloud_event

__all__ = ["LiveHour", "send", "send_past"]

BATCH_EVENTS = 2_000
"""Events per request when the past is sent."""
STEP = timedelta(seconds=10)
"""The city goes on by so much between two rounds of questions."""
AFTERWARDS = timedelta(hours=2)
"""So long after the live hour everything is delivered, and nothing is asked."""

OPEN_END = timedelta(minutes=15)
"""Orders placed in the last part of the hour are not counted for the choice of couriers: many of
them get theirs when nothing is asked any more."""

T = TypeVar("T")


def send_past(
    client: EtaClient, asked: RetryingClient, past: list[Event], report: StageProgress
) -> list[str]:
    """Send the events before the live hour; returns the reasons of refusals."""
    failures: list[str] = []
    for done, batch in _batches(past, BATCH_EVENTS):
        failures += send(client, asked, batch)
        report("send the past", done / len(past))
    return failures


def send(client: EtaClient, asked: RetryingClient, events: list[Event]) -> list[str]:
    """Send events; returns why some were refused, three reasons at most."""
    if not events:
        return []
    # An event that the service has already changes nothing, so that it can be sent again.
    answer = asked.ask(
        "/events",
        lambda: client.send_events(to_cloud_event(event) for event in events),
        lambda _: (),
    )
    return [
        f"event {status.id} was refused: {status.reason}"
        for status in answer.events
        if status.status == "refused"
    ][:3]


class LiveHour:
    """The loop of the live hour: run the city, send events, ask for the callers, show outcomes.

    Args:
        demo: stands at the beginning of the hour.
        client: of the ETA service, which knows the past.
        asked: waits for its answers.
        board: shows it.
        step_s: least real time that a step of the city takes, so that it can be watched.
        sleep: waits for seconds; injected in tests.
    """

    def __init__(
        self,
        demo: DemoCity,
        client: EtaClient,
        asked: RetryingClient,
        board: Board,
        *,
        step_s: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.demo = demo
        self._client = client
        self._board = board
        self._step_s = step_s
        self._sleep = sleep
        self.asked = asked
        self.failures: list[str] = []
        self.routing = Routing(demo, client, self.asked)
        self.app = CustomerApp(demo, client, self.asked)
        self.partner = PartnerApp(demo, client, self.asked)
        self.tracking = Tracking(demo, client, self.asked)
        self._now = self.began = self.counted_until = demo.now
        self.happened: dict[str, dict[str, datetime]] = {}
        self._waits: dict[tuple[str, str], Assignment] = {}
        self._promised: dict[str, Promise] = {}
        self._expected: dict[tuple[str, str], Arrival] = {}
        self.riders: dict[str, str] = {}

    def run(self, length: timedelta) -> None:
        """Run the hour: send all events and ask for all callers."""
        ends = self.demo.now + length
        self.counted_until = ends - min(OPEN_END, length / 2)
        while self._now < ends:
            began_s = time.perf_counter()
            self._now = min(self._now + STEP, ends)
            events = self.demo.go_on(self._now)
            self.failures += send(self._client, self.asked, events)
            self._note(events)
            self._ask(events, self._now)
            self._board.status(self._where(self._now))
            self._sleep(max(self._step_s - (time.perf_counter() - began_s), 0.0))

    def finish(self) -> None:
        """Run until all open orders have arrived, without sending events or questions."""
        ends = self._now + AFTERWARDS
        while self._now < ends:
            self._now += 2 * STEP
            self._note(self.demo.go_on(self._now))
            send_nearest(self.demo.running)

    def _ask(self, events: list[Event], now: datetime) -> None:
        orders = [event for event in events if event.source == "orders" and not event.retracted]
        for event in orders:
            if event.event == "activated":
                order_id = str(event.sample_id)
                self._promised[order_id] = self.app.placed(order_id, now)
        self.app.refresh(now)
        assigned = [event for event in orders if event.event == "courier_assigned"]
        for arrival in self.partner.assigned(assigned, now):
            self._expected[arrival.order_id, arrival.courier_id] = arrival
        self.tracking.estimate_after(orders, now)
        for chosen in self.routing.decide():
            self._waits[chosen.order_id, chosen.courier_id] = chosen

    def _note(self, events: list[Event]) -> None:
        """Record events, and show the outcomes of earlier answers."""
        for event in events:
            if event.source != "orders":
                continue
            order_id = str(event.sample_id)
            moments = self.happened.setdefault(order_id, {})
            if event.retracted:
                moments.pop(event.event, None)
                continue
            at = datetime.fromtimestamp(event.time_us / 1e6, self.demo.now.tzinfo)
            moments[event.event] = at
            if event.event == "courier_assigned":
                self.riders[order_id] = str(event.data["courier_id"])
            elif event.event == "courier_at_store":
                self._show_arrival(order_id, at)
            elif event.event == "delivered":
                self._show_delivery(order_id, at)
            if {"courier_at_store", "ready"} <= moments.keys() and event.event in (
                "courier_at_store", "ready",
            ):  # fmt: skip
                self._show_meeting(order_id, at)

    def _show_arrival(self, order_id: str, at: datetime) -> None:
        seen = self._expected.get((order_id, self.riders.get(order_id, "")))
        if seen is not None:
            after_s = (at - seen.at).total_seconds()
            self._board.line(
                "partner",
                at,
                f"{order_id}  courier expected in {minutes(seen.low_s)} to {minutes(seen.high_s)},"
                f" came after {minutes(after_s)}",
                kept=seen.low_s <= after_s <= seen.high_s,
            )

    def _show_delivery(self, order_id: str, at: datetime) -> None:
        seen = self._promised.get(order_id)
        if seen is not None:
            took_s = (at - seen.at).total_seconds()
            self._board.line(
                "app",
                at,
                f"{order_id}  shown {seen.low_s / 60:.0f} to {seen.high_s / 60:.0f} min, delivered"
                f" after {minutes(took_s)}",
                kept=seen.low_s <= took_s <= seen.high_s,
            )

    def _show_meeting(self, order_id: str, at: datetime) -> None:
        """Show who waited for whom, once courier and order are both at the store."""
        seen = self._waits.get((order_id, self.riders.get(order_id, "")))
        if seen is not None:
            moments = self.happened[order_id]
            gap_s = (moments["ready"] - moments["courier_at_store"]).total_seconds()
            was = "courier waited" if gap_s > 0 else "food waited"
            self._board.line(
                "routing",
                at,
                f"{order_id}  {seen.courier_id}, best of {seen.candidates}: ready on arrival"
                f" {seen.ready_on_arrival:.0%}, waits courier {minutes(seen.courier_wait_s)} food"
                f" {minutes(seen.food_wait_s)}; {was} {minutes(abs(gap_s))}",
                kept=None,
            )

    def _where(self, now: datetime) -> str:
        open_orders = sum(
            1 for m in self.happened.values() if not {"delivered", "cancelled"} & m.keys()
        )
        questions = sum(len(one) for one in self.asked.latency_ms.values())
        return (
            f"{self.demo.city.name} {now:%H:%M:%S} UTC   {open_orders} orders under way,"
            f" {len(self.demo.live):,} events sent, {questions:,} questions answered"
        )


def _batches(items: Iterable[T], size: int) -> Iterator[tuple[int, list[T]]]:
    """Yield lists of at most ``size`` items, each with the number of items up to its end."""
    iterator = iter(items)
    done = 0
    while batch := list(islice(iterator, size)):
        done += len(batch)
        yield done, batch

"""Ask the ETA service as the demo's three callers do, and record the answers.

Each caller asks as of the moment that the city has reached, so its answers rest on what has
happened by then; what became of it is looked up afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aggregators import Event
from commands.live_demo.city import DemoCity
from commands.live_demo.retrying_client import RetryingClient
from estimators.core.stages import LIFE
from services.client import EtaClient
from services.schemas.displayed_eta import DisplayedEtaRequest, Shown, StoreColumns
from services.schemas.eta import ArrivalRow, EtaRequest

__all__ = ["FINE_LEVELS", "Arrival", "CustomerApp", "Estimate", "PartnerApp", "Promise", "Tracking"]

LEVELS = [0.1, 0.5, 0.9]
FINE_LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
"""What is asked of the rest of an order's way, so that the whole distribution can be scored."""
LOW, MEDIAN, HIGH = "0.1", "0.5", "0.9"
LISTED_STORES = 5
"""Stores in the list that a customer looks at."""
STORE_FACTS = ("store_category", "store_zone", "distance_m")
ADDRESS_AND_BASKET = ("city", "zone", "building", "floor", "amount", "products")
REFRESH_S = 90.0
"""A customer looks at the list again after so long, once."""
ESTIMATED_AFTER = frozenset(LIFE) - {"activated", "dispatched", "delivered"}
"""Events after which the order's ETA is asked again."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a customer was shown for the store that they then ordered from."""

    order_id: str
    at: datetime
    low_s: float
    high_s: float


@dataclass(kw_only=True)
class _Session:
    """A customer who looks at a list of stores."""

    began: datetime
    stores: StoreColumns
    order: dict[str, Any]
    shown: Shown | None = None


class CustomerApp:
    """Shows ranges for a list of stores to a customer, and again a little later."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: RetryingClient) -> None:
        self._demo = demo
        self._client = client
        self._asked = asked
        self._sessions: list[_Session] = []
        self.promises: list[Promise] = []
        self.seen = 0
        self.changed = 0

    def placed(self, order_id: str, now: datetime) -> Promise:
        """Show the list that the customer of an order has before them."""
        order = self._demo.facts(order_id)
        stores = self._list_from(str(order["store_id"]))
        of_store = [
            {**self._demo.store_facts(one), "distance_m": self._demo.distance_m(one, order_id)}
            for one in stores
        ]
        session = _Session(
            began=now,
            stores=StoreColumns(
                store_id=list(stores),
                facts={name: [one[name] for one in of_store] for name in STORE_FACTS},
            ),
            order={name: order[name] for name in ADDRESS_AND_BASKET},
        )
        session.shown = shown = self._show(session, now)
        self._sessions.append(session)
        promise = Promise(order_id=order_id, at=now, low_s=shown.low_s[0], high_s=shown.high_s[0])
        self.promises.append(promise)
        return promise

    def refresh(self, now: datetime) -> None:
        """Show the lists again that customers look at a second time."""
        for session in self._sessions:
            if (now - session.began).total_seconds() >= REFRESH_S:
                self._show(session, now)
        self._sessions = [
            one for one in self._sessions if (now - one.began).total_seconds() < REFRESH_S
        ]

    def _show(self, session: _Session, now: datetime) -> Shown:
        request = DisplayedEtaRequest(
            stores=session.stores, order=session.order, shown=session.shown, as_of=now
        )
        answer = self._asked.ask(
            "/displayed_eta",
            lambda: self._client.displayed_eta(request),
            lambda answer: [note for notes in answer.ranges.notes for note in notes],
        )
        for status, notes in zip(answer.ranges.status, answer.ranges.notes, strict=True):
            self._asked.note(status, notes)
        self.seen += answer.seen
        self.changed += answer.changed
        return answer.shown

    def _list_from(self, store: str) -> list[str]:
        """Return a list of stores that begins with one: the others are the next ones."""
        every = self._demo.stores
        place = every.index(store)
        return [every[(place + k) % len(every)] for k in range(min(LISTED_STORES, len(every)))]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """The arrival of a courier as announced to a store, seconds from ``at``."""

    order_id: str
    courier_id: str
    at: datetime
    low_s: float
    median_s: float
    high_s: float


class PartnerApp:
    """Tells stores when couriers walk in, from the moment that a courier takes the order on."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: RetryingClient) -> None:
        self._demo = demo
        self._client = client
        self._asked = asked
        self.arrivals: list[Arrival] = []

    def assigned(self, events: list[Event], now: datetime) -> list[Arrival]:
        """Ask about orders that couriers have just taken."""
        if not events:
            return []
        rows = []
        for event in events:
            facts = self._demo.facts(str(event.sample_id))
            vehicle = self._demo.vehicle(event.data["courier_id"])
            rows.append(ArrivalRow(order_id=event.sample_id, order={**facts, "vehicle": vehicle}))
        answer = self._asked.ask(
            "/courier_arrival",
            lambda: self._client.courier_arrival(rows, as_of=now, levels=LEVELS),
            lambda answer: [
                note for row in answer.rows if row.answer is not None for note in row.answer.notes
            ],
        )
        found = []
        for event, row in zip(events, answer.rows, strict=True):
            one = row.answer
            if one is None:
                self._asked.note(None, [] if row.problem is None else [row.problem.reason])
                continue
            self._asked.note(one.status, one.notes)
            if one.arrival_s is not None:
                found.append(
                    Arrival(
                        order_id=str(event.sample_id),
                        courier_id=str(event.data["courier_id"]),
                        at=now,
                        low_s=one.arrival_s[LOW],
                        median_s=one.arrival_s[MEDIAN],
                        high_s=one.arrival_s[HIGH],
                    )
                )
        self.arrivals += found
        return found


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The rest of an order's way at one of its stages; seconds from ``at``.

    The quantiles are at ``FINE_LEVELS``.
    """

    order_id: str
    courier_id: str | None
    stage: str
    at: datetime
    expected_s: float
    parts_s: dict[str, float]
    quantiles_s: tuple[float, ...]


class Tracking:
    """Asks for the composed ETA of an order after each of its events."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: RetryingClient) -> None:
        self._demo = demo
        self._client = client
        self.asked = asked
        self._riders: dict[str, str] = {}
        self._note_riders(demo.past)
        self.estimates: list[Estimate] = []

    def estimate_after(self, events: list[Event], now: datetime) -> None:
        """Ask about the orders to which something has happened."""
        self._note_riders(events)
        orders = dict.fromkeys(str(e.sample_id) for e in events if e.event in ESTIMATED_AFTER)
        for order_id in orders:
            self._ask(order_id, now)

    def _note_riders(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.event == "courier_assigned":
                if event.retracted:
                    self._riders.pop(str(event.sample_id), None)
                else:
                    self._riders[str(event.sample_id)] = str(event.data["courier_id"])

    def _ask(self, order_id: str, now: datetime) -> None:
        facts = self._demo.facts(order_id)
        rider = self._riders.get(order_id)
        if rider is not None:
            facts["vehicle"] = self._demo.vehicle(rider)
        request = EtaRequest(order_id=order_id, order=facts, as_of=now, levels=FINE_LEVELS)
        answer = self.asked.ask(
            "/eta", lambda: self._client.eta(request), lambda answer: answer.notes
        )
        self.asked.note(answer.status, answer.notes)
        if answer.eta_s is None or answer.expected_eta_s is None or answer.expected_s is None:
            return
        self.estimates.append(
            Estimate(
                order_id=order_id,
                courier_id=rider,
                stage=answer.stage,
                at=now,
                expected_s=answer.expected_eta_s,
                parts_s=dict(answer.expected_s),
                quantiles_s=tuple(answer.eta_s[str(level)] for level in FINE_LEVELS),
            )
        )

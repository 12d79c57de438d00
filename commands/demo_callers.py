"""The three callers of the demo: what each asks the ETA service, and what it then remembers.

Each caller asks as of the moment that the city has reached, so what it is told rests on what has
happened by then; what became of it is looked up afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from aggregators import Event
from commands.demo_city import DemoCity
from estimators.stages import LIFE
from services.client import EtaClient
from services.display_schemas import DisplayedEtaRequest, Shown, StoreColumns
from services.eta_schemas import ArrivalRow, EtaRequest
from services.selection_schemas import (
    CourierColumns,
    CourierSelectionAnswer,
    CourierSelectionRequest,
    OrderColumns,
    SelectionWeights,
)
from simulator.dispatch import Round

__all__ = ["Arrival", "Asked", "Chosen", "CustomerApp", "Estimate", "PartnerApp", "Promise",
           "Routing", "Tracking"]  # fmt: skip

LEVELS = [0.1, 0.5, 0.9]
LOW, MEDIAN, HIGH = "0.1", "0.5", "0.9"
CANDIDATES = 8
"""Idle couriers who are looked at for an order: the nearest ones."""
READY_SHARE = 0.2
"""A courier is sent once it is at least so likely that the order is ready on arrival."""
LISTED_STORES = 5
"""Stores in the list that a customer looks at."""
STORE_FACTS = ("store_category", "store_zone", "distance_m")
ADDRESS_AND_BASKET = ("city", "zone", "building", "floor", "amount", "products")
REFRESH_S = 90.0
"""A customer looks at the list again after so long, once."""
TOLD = frozenset(LIFE) - {"activated", "dispatched", "delivered"}
"""Events after which the order's ETA is asked again."""

T = TypeVar("T")


@dataclass
class Asked:
    """How the service answered: latencies and statuses by path.

    Args:
        latency_ms: whole round trips.
        statuses: how many answers had which status.
        notes: of answers that were not as good as they can be.
    """

    latency_ms: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def timed(self, path: str, ask: Callable[[], T]) -> T:
        """Return what a call returns, and note how long it took."""
        began_s = perf_counter()
        answer = ask()
        self.latency_ms.setdefault(path, []).append((perf_counter() - began_s) * 1_000.0)
        return answer

    def note(self, status: str | None, notes: Iterable[str]) -> None:
        """Note the status of an estimate; None: it was refused."""
        name = status or "refused"
        self.statuses[name] = self.statuses.get(name, 0) + 1
        if name != "ok":
            self.notes += [f"{name}: {note}" for note in notes]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A courier who was offered an order, and what was expected of the two."""

    order_id: str
    courier_id: str
    at: datetime
    candidates: int
    at_store_s: float
    ready_on_arrival: float
    courier_wait_s: float
    food_wait_s: float


class Routing:
    """Sends couriers: those who cost least in all, for orders that will be ready for them."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: Asked) -> None:
        self._demo = demo
        self._client = client
        self._asked = asked
        self.chosen: list[Chosen] = []

    def decide(self) -> list[Chosen]:
        """Ask about all who wait, and offer orders to couriers; returns who was offered what."""
        waiting = self._demo.running.round()
        if not len(waiting.orders) or not len(waiting.couriers):
            return []
        near = _nearest(waiting)
        answer = self._ask(waiting, near)
        for status, notes in zip(answer.orders.status, answer.orders.notes, strict=True):
            self._asked.note(status, notes)
        found = []
        pairs = []
        for place in _cheapest(answer):
            order, courier = answer.pairs.order[place], answer.pairs.courier[place]
            pairs.append((order, int(near[courier])))
            found.append(
                Chosen(
                    order_id=str(answer.orders.order_id[order]),
                    courier_id=self._courier_id(waiting, int(near[courier])),
                    at=answer.as_of,
                    candidates=answer.orders.candidates[order],
                    at_store_s=answer.pairs.at_store_s[MEDIAN][place],
                    ready_on_arrival=answer.pairs.ready_on_arrival[place],
                    courier_wait_s=answer.pairs.courier_wait_s[place],
                    food_wait_s=answer.pairs.food_wait_s[place],
                )
            )
        self._demo.running.offer(pairs, waiting)
        self.chosen += found
        return found

    def _ask(self, waiting: Round, near: Any) -> CourierSelectionAnswer:
        ids = [self._order_id(int(order)) for order in waiting.orders]
        couriers = [self._courier_id(waiting, int(place)) for place in near]
        facts = [self._demo.facts(order_id) for order_id in ids]
        request = CourierSelectionRequest(
            orders=OrderColumns(
                order_id=list(ids),
                facts={name: [one[name] for one in facts] for name in facts[0]},
            ),
            couriers=CourierColumns(
                courier_id=list(couriers),
                facts={"vehicle": [self._demo.vehicle(courier) for courier in couriers]},
            ),
            distance_to_store_m=waiting.distance_m[:, near].tolist(),
            weights=SelectionWeights(courier_wait=0.0, food_wait=1.0, eta=1.0, lateness=0.0),
            levels=LEVELS,
            as_of=waiting.as_of,
        )
        return self._asked.timed(
            "/courier_selection", lambda: self._client.courier_selection(request)
        )

    def _order_id(self, number: int) -> str:
        return f"{self._demo.city.name}-{number:07d}"

    def _courier_id(self, waiting: Round, place: int) -> str:
        return f"{self._demo.city.name}-c{int(waiting.couriers[place]):05d}"


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
    """Shows ranges for a list of stores to whoever is about to order, and again a little later."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: Asked) -> None:
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
        answer = self._asked.timed("/displayed_eta", lambda: self._client.displayed_eta(request))
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
    """When a store was told that a courier would walk in, seconds from ``at``."""

    order_id: str
    courier_id: str
    at: datetime
    low_s: float
    median_s: float
    high_s: float


class PartnerApp:
    """Tells stores when couriers walk in, from the moment that a courier takes the order on."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: Asked) -> None:
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
        answer = self._asked.timed(
            "/courier_arrival",
            lambda: self._client.courier_arrival(rows, as_of=now, levels=LEVELS),
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
    """The rest of an order's way at one of its stages; seconds from ``at``."""

    order_id: str
    courier_id: str | None
    stage: str
    at: datetime
    expected_s: float
    parts_s: dict[str, float]
    median_s: float
    low_s: float
    high_s: float


class Tracking:
    """Asks for the composed ETA of an order after each of its events."""

    def __init__(self, demo: DemoCity, client: EtaClient, asked: Asked) -> None:
        self._demo = demo
        self._client = client
        self._asked = asked
        self._riders: dict[str, str] = {}
        self._note_riders(demo.past)
        self.estimates: list[Estimate] = []

    def told(self, events: list[Event], now: datetime) -> None:
        """Ask about the orders to which something has happened."""
        self._note_riders(events)
        orders = dict.fromkeys(str(e.sample_id) for e in events if e.event in TOLD)
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
        request = EtaRequest(order_id=order_id, order=facts, as_of=now, levels=LEVELS)
        answer = self._asked.timed("/eta", lambda: self._client.eta(request))
        self._asked.note(answer.status, answer.notes)
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
                median_s=answer.eta_s[MEDIAN],
                low_s=answer.eta_s[LOW],
                high_s=answer.eta_s[HIGH],
            )
        )


def _nearest(waiting: Round) -> Any:
    """Return the places of all couriers who are among the nearest of some order."""
    n = min(CANDIDATES, len(waiting.couriers))
    near = np.argpartition(waiting.distance_m, n - 1, axis=1)[:, :n]
    return np.unique(near)


def _cheapest(answer: CourierSelectionAnswer) -> list[int]:
    """Return the pairs to offer, cheapest first; nobody stands in two.

    An order waits for a later round while its best courier would come too early for it.
    """
    pairs = answer.pairs
    ready = {
        order
        for order, rank, share in zip(pairs.order, pairs.rank, pairs.ready_on_arrival, strict=True)
        if rank == 1 and share >= READY_SHARE
    }
    taken: set[int] = set()
    found = []
    for place in sorted(range(len(pairs.cost)), key=pairs.cost.__getitem__):
        order, courier = pairs.order[place], pairs.courier[place]
        if order in ready and courier not in taken:
            ready.discard(order)
            taken.add(courier)
            found.append(place)
    return found

"""A city at one moment: its events in a store, and the questions that its three callers ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pandas as pd

from aggregators import Event
from aggregators.stores import EventStore
from estimators import Dataset

LIMIT_MS = 9_000
"""Milliseconds that callers wait: enough on a busy machine, far less than what hangs takes; and
less than the service's own limit, so that it is the caller's that holds."""
MOMENT = pd.Timestamp("2026-03-08 18:45", tz="UTC")
_HISTORY = pd.Timedelta(hours=36)
_LONGEST = pd.Timedelta(minutes=35)
_AT_STORE = ("store_id", "store_category", "store_zone")
_AT_CUSTOMER = ("city", "zone", "amount", "products", "building", "floor", "distance_m")
_COURIER = ("courier_id", "vehicle", "distance_to_store_m")


@dataclass(frozen=True)
class City:
    """All that has happened before a moment, and a body for each endpoint of the callers.

    The orders that are asked about are being cooked; those of ``/eta`` and ``/courier_arrival``
    have a courier on the way to the store.
    """

    events: list[Event]
    questions: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, dataset: Dataset) -> City:
        """The city of a data set, at a busy hour of its test days."""
        table = dataset.table.set_index("order_id", drop=False)
        since = MOMENT - _HISTORY
        events = [
            event
            for event in dataset.events()
            if since.value // 1_000 <= event.time_us < MOMENT.value // 1_000
        ]
        cooking = table[(table["accepted"] < MOMENT) & ~(table["ready"] < MOMENT)]
        cooking = cooking[cooking["activated"] > MOMENT - _LONGEST]
        cooking = cooking[cooking["delivered"].notna()]
        has_courier = cooking["courier_assigned"] < MOMENT
        there = cooking["courier_at_store"] < MOMENT
        assigned = cooking[has_courier & ~there]
        waiting = cooking[~has_courier & cooking["courier_id"].notna()][:2]
        assert len(assigned) > 2
        assert len(waiting) == 2
        last = table[table["delivered"] < MOMENT].sort_values("delivered")
        questions = {
            "/eta": _order(assigned.iloc[0], (*_AT_STORE, *_AT_CUSTOMER, *_COURIER)),
            "/courier_selection": _selection(waiting, last),
            "/displayed_eta": _stores(last.drop_duplicates("store_id")[-8:]),
            "/courier_arrival": {
                "orders": [
                    _order(row, (*_AT_STORE, *_AT_CUSTOMER, *_COURIER))
                    for _, row in assigned.iterrows()
                ]
            },
        }
        moment = {"as_of": MOMENT.isoformat()}
        return cls(events, {path: {**body, **moment} for path, body in questions.items()})

    def fill(self, store: EventStore) -> None:
        """Let a store have what has happened."""
        for i in range(0, len(self.events), 5_000):
            store.append(self.events[i : i + 5_000])


def _order(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {"order_id": row["order_id"], "order": {name: _plain(row[name]) for name in names}}


def _selection(waiting: pd.DataFrame, last: pd.DataFrame) -> dict[str, Any]:
    couriers = last.drop_duplicates("courier_id", keep="last")[-6:]
    return {
        "orders": {
            "order_id": list(waiting["order_id"]),
            "facts": _columns(waiting, (*_AT_STORE, *_AT_CUSTOMER)),
        },
        "couriers": {
            "courier_id": list(couriers["courier_id"]),
            "facts": _columns(couriers, ("vehicle",)),
        },
        "distance_to_store_m": [[300.0 + 200.0 * k for k in range(len(couriers))]] * len(waiting),
    }


def _stores(stores: pd.DataFrame) -> dict[str, Any]:
    customer = stores.iloc[0]
    return {
        "stores": {
            "store_id": list(stores["store_id"]),
            "facts": _columns(stores, (*_AT_STORE[1:], "city", "distance_m")),
        },
        "order": {name: _plain(customer[name]) for name in _AT_CUSTOMER[1:-1]},
    }


def _columns(rows: pd.DataFrame, names: tuple[str, ...]) -> dict[str, list[Any]]:
    return {name: [_plain(value) for value in rows[name]] for name in names}


def _plain(value: Any) -> Any:
    """A value of a table as JSON has it."""
    return value.item() if hasattr(value, "item") else value


def statuses(answer: Any) -> set[str]:
    """All statuses that stand anywhere in an answer."""
    found: set[str] = set()
    values = answer.items() if isinstance(answer, dict) else enumerate(answer)
    for name, value in values:
        if name == "status":
            found |= {one for one in ([value] if isinstance(value, str) else value) if one}
        elif isinstance(value, dict | list):
            found |= statuses(value)
    return found


def ask(
    http: httpx.Client, path: str, body: dict[str, Any], *, limit_ms: int = LIMIT_MS
) -> httpx.Response:
    """Ask a service that has so many milliseconds for its answer."""
    return http.post(path, json=body, headers={"x-timeout-ms": str(limit_ms)})

"""The stages of an order: what is still to come, and how long ago its events were.

An estimate can be asked at any moment of an order. What has happened by then is a fact: the time
since it is an input of every model (the *elapsed facts*), and only the rest is estimated:

| part | label: seconds from `as_of`, or the length of what follows |
|---|---|
| `ready` | until the order is ready |
| `to_store` | until the courier is at the store; without a courier, finding one is in it |
| `to_customer` | from when courier and order are both there until the courier is at the customer: handing over and the ride |
| `parking` | from then on until the order is handed over |
| `conditions` | what weather and local events add to the rest that these compose |
| `direct` | until the order is handed over, in one piece |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from aggregators.standard_sources import ORDERS
from aggregators.times import NEVER
from estimators.core.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "ANY_MOMENT",
    "COURIER_STAGES",
    "DIRECT",
    "ELAPSED",
    "LIFE",
    "OPEN_STAGES",
    "PARTS",
    "STAGES",
    "asked_at",
    "elapsed_columns",
    "elapsed_facts",
    "elapsed_name",
    "happened_by",
    "is_elapsed",
    "pending",
    "pending_at",
    "rest_s",
    "stage_of",
    "stages_of",
]

LIFE = tuple(event for event in ORDERS.events if event != "cancelled")
"""The events of an order's life; courier and kitchen work side by side until `picked_up`."""

ANY_MOMENT = "any moment"
"""Takes the place of an event for an estimator that is asked at every moment of an order."""

PARTS = ("to_store", "ready", "to_customer", "parking", "conditions")
"""The estimated parts: seconds from now until the courier is at the store and until the order is
ready, then the durations that follow.
"""

DIRECT = "direct"
"""The whole remaining time, beside the ``PARTS`` of a composition."""

OPEN_STAGES = (
    "not_placed",
    "placed",
    "accepted",
    "courier_assigned",
    "courier_at_store",
    "ready",
    "both_at_store",
    "picked_up",
    "courier_at_customer",
)
"""Stages in which something is still to come. ``courier_at_store``: the courier waits for the
order; ``ready``: the order waits, with a courier on the way or none yet."""

STAGES = (*OPEN_STAGES, "delivered", "cancelled")

COURIER_STAGES = (
    "courier_assigned",
    "courier_at_store",
    "both_at_store",
    "picked_up",
    "courier_at_customer",
)
"""Stages in which a courier has the order for sure."""

_AFTER_PICKUP = frozenset({"picked_up", "courier_at_customer", "delivered"})
_KITCHEN_DONE = frozenset({"ready"}) | _AFTER_PICKUP
_COURIER_CAME = frozenset({"courier_at_store"}) | _AFTER_PICKUP


def elapsed_name(event: str) -> str:
    """Return the name of the fact with the time since an event.

    >>> elapsed_name("accepted")
    'since_accepted_s'
    """
    return f"since_{event}_s"


ELAPSED = tuple(elapsed_name(event) for event in LIFE if event != "delivered")
"""Names of all elapsed facts: seconds from the event to ``as_of``; missing: it has not happened."""


def is_elapsed(name: str) -> bool:
    """Whether a fact is an elapsed one, for which missing is a normal value.

    >>> is_elapsed("since_ready_s"), is_elapsed("distance_m")
    (True, False)
    """
    return name in ELAPSED


def happened_by(time_us: IntArray, as_of_us: IntArray | int) -> BoolArray:
    """Return which events have happened: those whose time is before ``as_of``, strictly.

    Args:
        time_us: microseconds UTC, `aggregators.times.NEVER` for never, shape (n_rows,).
        as_of_us: one moment for all rows or one per row.
    """
    return np.asarray(time_us < as_of_us)


def elapsed_facts(happened_us: Mapping[str, int], as_of_us: int) -> dict[str, float]:
    """Return all elapsed facts of one order at one moment.

    Args:
        happened_us: microseconds UTC of each known event, by name; others than ``LIFE`` are
            ignored.
        as_of_us: the moment. An event has happened iff its time is before it.

    Returns:
        Seconds by name, NaN where the event has not happened.

    >>> facts = elapsed_facts({"activated": 0, "accepted": 90_000_000}, 60_000_000)
    >>> facts["since_activated_s"], facts["since_accepted_s"]
    (60.0, nan)
    """
    times = {event: np.array([time_us]) for event, time_us in happened_us.items()}
    columns = elapsed_columns(times, np.array([as_of_us]))
    return {name: float(column[0]) for name, column in columns.items()}


def elapsed_columns(event_us: Mapping[str, IntArray], as_of_us: IntArray) -> dict[str, FloatArray]:
    """Return the elapsed facts of many rows: the twin of :func:`elapsed_facts`.

    Args:
        event_us: microseconds UTC of each event by name, NEVER for never, each of shape (n_rows,);
            an absent event has never happened.
        as_of_us: the moment of each row, shape (n_rows,).
    """
    found: dict[str, FloatArray] = {}
    never = np.full(len(as_of_us), NEVER)
    for event in LIFE[:-1]:
        time_us = event_us.get(event, never)
        past = happened_by(time_us, as_of_us)
        found[elapsed_name(event)] = np.where(
            past, (as_of_us - np.where(past, time_us, as_of_us)) / 1e6, np.nan
        )
    return found


def stage_of(happened: Collection[str]) -> str:
    """Return the stage of an order.

    Args:
        happened: names of the events that have happened (a mapping's keys will do). A later event
            implies earlier ones without a record: an order that was picked up was ready.

    >>> stage_of({"activated", "accepted", "courier_assigned", "ready"})
    'ready'
    >>> stage_of(())
    'not_placed'
    """
    if "delivered" in happened:
        return "delivered"
    for event in ("cancelled", "courier_at_customer", "picked_up"):
        if event in happened:
            return event
    if "courier_at_store" in happened:
        return "both_at_store" if "ready" in happened else "courier_at_store"
    for event in ("ready", "courier_assigned", "accepted"):
        if event in happened:
            return event
    return "placed" if "activated" in happened or "dispatched" in happened else "not_placed"


def stages_of(event_us: Mapping[str, IntArray], as_of_us: IntArray) -> npt.NDArray[np.str_]:
    """Return the stage of each row: the twin of :func:`stage_of` for times of events.

    Args:
        event_us: as for :func:`elapsed_columns`, ``cancelled`` beside ``LIFE`` if there is one.
        as_of_us: the moment of each row, shape (n_rows,).
    """
    events = [event for event in (*LIFE, "cancelled") if event in event_us]
    code = np.zeros(len(as_of_us), dtype=np.int64)
    for k, event in enumerate(events):
        code += happened_by(event_us[event], as_of_us).astype(np.int64) << k
    codes, which = np.unique(code, return_inverse=True)
    names = [stage_of([e for k, e in enumerate(events) if one >> k & 1]) for one in codes.tolist()]
    return np.array(names, dtype=np.str_)[which]


def pending(happened: Collection[str]) -> tuple[str, ...]:
    """Return the parts that are still to be estimated, in the order of ``PARTS``.

    Args:
        happened: as for :func:`stage_of`.

    >>> pending({"activated", "accepted", "ready"})
    ('to_store', 'to_customer', 'parking', 'conditions')
    """
    return pending_at(stage_of(happened))


def pending_at(stage: str) -> tuple[str, ...]:
    """Return the parts that are still to be estimated in a stage.

    >>> pending_at("picked_up"), pending_at("delivered")
    (('to_customer', 'parking', 'conditions'), ())
    """
    if stage not in OPEN_STAGES:
        return ()
    past = set()
    if stage in ("courier_at_store", "both_at_store", "picked_up", "courier_at_customer"):
        past.add("to_store")
    if stage in ("ready", "both_at_store", "picked_up", "courier_at_customer"):
        past.add("ready")
    if stage == "courier_at_customer":
        past.add("to_customer")
    return tuple(part for part in PARTS if part not in past)


def asked_at(part: str, stage: npt.NDArray[np.str_]) -> BoolArray:
    """Return the rows in which a part is asked: if it is pending; ``direct`` at all open stages.

    Args:
        part: one of ``PARTS``, or ``direct``.
        stage: of each row.

    >>> asked_at("to_store", np.array(["accepted", "picked_up"])).tolist()
    [True, False]
    """
    if part == DIRECT:
        return np.isin(stage, OPEN_STAGES)
    return np.isin(stage, [name for name in OPEN_STAGES if part in pending_at(name)])


def rest_s(
    part: str,
    event_us: Mapping[str, IntArray],
    as_of_us: IntArray,
    *,
    ready_us: IntArray | None = None,
) -> FloatArray:
    """Return the label of a part for rows at any moment.

    Args:
        part: ``ready``, ``to_store``, ``to_customer``, ``parking`` or ``direct``.
        event_us: all of ``LIFE``, microseconds UTC, NEVER for never, each of shape (n_rows,).
        as_of_us: the moment of each row.
        ready_us: when orders were truly ready, if the record may be late or missing; a part that is
            past by the records still has no label.

    Returns:
        Seconds, shape (n_rows,), as the table above has it. NaN where the part is past, or was
        not recorded.

    >>> moment = np.array([100_000_000])
    >>> life = {event: np.array([60_000_000 * k]) for k, event in enumerate(LIFE)}
    >>> rest_s("to_store", life, moment).tolist(), rest_s("to_customer", life, moment).tolist()
    ([140.0], [120.0])
    """
    start = as_of_us
    food_us = event_us["ready"] if ready_us is None else ready_us
    if part == "to_customer":
        start = np.maximum.reduce([as_of_us, food_us, event_us["courier_at_store"]])
        # Of what is on its way nobody asks any more when the order was ready.
        start = np.where(happened_by(event_us["picked_up"], as_of_us), as_of_us, start)
    if part == "parking":
        start = np.maximum(as_of_us, event_us["courier_at_customer"])
    # What was ready before anybody said so needs no more time.
    end = np.maximum(food_us, as_of_us) if part == "ready" else event_us[_ENDS[part]]
    past = np.zeros(len(as_of_us), dtype=bool)
    for event in _PAST_AFTER[part]:
        past |= happened_by(event_us[event], as_of_us)
    known = ~past & (start != NEVER) & (end != NEVER) & (end >= start)
    return np.where(known, (np.where(known, end, start) - start) / 1e6, np.nan)


_ENDS = {
    "ready": "ready",
    "to_store": "courier_at_store",
    "to_customer": "courier_at_customer",
    "parking": "delivered",
    DIRECT: "delivered",
}

_PAST_AFTER: Mapping[str, Collection[str]] = {
    "ready": _KITCHEN_DONE,
    "to_store": _COURIER_CAME,
    "to_customer": ("courier_at_customer", "delivered"),
    "parking": ("delivered",),
    DIRECT: ("delivered",),
}

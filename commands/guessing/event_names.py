"""Name the columns of times as events: by what they are called, and by their order in time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import pandas as pd

from commands.data.mapped_dataset import QUESTIONS
from commands.guessing.words import COURIER, CUSTOMER, STORE, spelled

__all__ = ["candidates", "name_events"]

STATES_KEPT = 300
"""The most partial namings that are followed at a time."""
OWN_NAME = 0.25
"""What a column is worth that keeps its own name."""
ANSWER = 0.3
"""What a question that can be asked is worth: it decides between two readings of a name."""

SHORTER = 0.01
"""What each further word of a name takes: ``delivery_time`` rather than ``delivery_gps_time``."""

_STORE = rf"(?:{STORE}|pickup|origin|sender)"
_CUSTOMER = rf"(?:{CUSTOMER}|dropoff|drop|destination|dest|door|home|address)"
_COME = r"(?:arriv\w*|reach\w*|at|enter\w*|checkin|check_in|here)"
_LEAVE = r"(?:left|leav\w*|depart\w*|exit\w*|out_for|en_?route|on_the_way)"
_TIME = r"(?:_?(?:at|on|time|date|datetime|timestamp|ts|dt|utc|local|gps_time))*"

_RULES: tuple[tuple[str, dict[str, float]], ...] = (
    (r"cancel\w*|stornier\w*|annul\w*|reject\w*|refus\w*|abort\w*|declin\w*", {"cancelled": 1.0}),
    (
        r"ready|listo|pronto|fertig|pret|prepared|cooked|packed|finish\w*_(?:prep|cook)\w*"
        r"|(?:prep\w*|cook\w*|kitchen|food)_(?:end|finish|done|complet|out)\w*",
        {"ready": 0.95},
    ),
    (
        r"(?:prep\w*|cook\w*|kitchen)_(?:start|beg)\w*|(?:start|beg)\w*_(?:prep|cook)\w*",
        {"accepted": 0.6},
    ),
    (rf"{_CUSTOMER}_receiv\w*|receiv\w*_by_{_CUSTOMER}", {"delivered": 0.9}),
    (rf"{_COME}\w*_(?:\w+_)?{_STORE}|{_STORE}_(?:arriv|reach)\w*", {"courier_at_store": 1.0}),
    (
        rf"{_COME}\w*_(?:\w+_)?{_CUSTOMER}|{_CUSTOMER}_(?:arriv|reach)\w*",
        {"courier_at_customer": 1.0, "delivered": 0.6},
    ),
    (rf"{_LEAVE}_(?:\w+_)?{_CUSTOMER}", {"delivered": 0.9}),
    (_LEAVE, {"picked_up": 0.9}),
    (
        r"deliver\w*_(?:to_)?(?:carrier|courier|driver|rider)|hand\w*_to_(?:courier|driver|rider)",
        {"picked_up": 0.95},
    ),
    (
        r"pick\w*|collect\w*|recogid\w*|retirad\w*|abgeholt|recuper\w*",
        {"picked_up": 0.95, "courier_at_store": 0.5},
    ),
    (r"drop\w*", {"delivered": 0.85, "courier_at_customer": 0.8}),
    (
        rf"assign\w*|asignad\w*|zugewiesen|alloc\w*|match\w*|{COURIER}_(?:accept|confirm|claim|found|notif)\w*"
        r"|(?:delivery|job|task)_(?:start|beg[au]n|accept)\w*",
        {"courier_assigned": 0.95},
    ),
    (
        r"accept\w*|acepta\w*|aceito|angenommen|acknowledg\w*|confirm\w*|approv\w*",
        {"accepted": 0.9, "courier_assigned": 0.4, "dispatched": 0.3},
    ),
    (
        r"dispatch\w*|sent|transmit\w*|forward\w*|released",
        {"dispatched": 0.9, "picked_up": 0.5, "courier_assigned": 0.4},
    ),
    (
        rf"delivered|deliver(?:y|ies)?{_TIME}(?:_(?:end|complet|finish|done)\w*)?$"
        r"|entreg\w*|geliefert|zugestellt|livre\w*|complet\w*|hand(?:ed)?_?(?:over|off|out)|fulfil\w*|served|closed",
        {"delivered": 0.9},
    ),
    (
        r"creat\w*|plac\w*|request\w*|submit\w*|book\w*|purchas\w*|checkout|activat\w*"
        r"|pedido|creado|criado|bestellt|bestellung|commande"
        rf"|order(?:e?d)?{_TIME}$",
        {"activated": 0.95},
    ),
    (r"receiv\w*|paid|payment", {"activated": 0.6, "accepted": 0.5}),
    (
        r"arriv\w*|reach\w*",
        {"courier_at_store": 0.7, "courier_at_customer": 0.75, "delivered": 0.6},
    ),
    (r"(?:trip|ride|journey)_(?:start|beg[aiu]n)\w*", {"picked_up": 0.8, "activated": 0.6}),
    (r"start\w*|beg[aiu]n\w*", {"activated": 0.6, "picked_up": 0.55, "courier_assigned": 0.5}),
    (r"end\w*|stop\w*|finish\w*", {"delivered": 0.6, "courier_at_customer": 0.6}),
    (
        r"^(?:event_)?(?:time|timestamp|date|datetime|date_time|ts|dt|hora|fecha|uhrzeit|datum|heure)$",
        {"activated": 0.5},
    ),
)
"""Words of a name -> what it may be, and how likely; the first rule that fits."""

_AFTER: dict[str, tuple[str, ...]] = {
    "activated": (
        "dispatched", "accepted", "ready", "courier_assigned", "courier_at_store", "picked_up",
        "courier_at_customer", "delivered", "cancelled",
    ),
    "dispatched": ("ready", "picked_up", "courier_at_customer", "delivered"),
    "accepted": ("ready", "picked_up", "courier_at_customer", "delivered"),
    "courier_assigned": ("courier_at_store", "picked_up", "courier_at_customer", "delivered"),
    "courier_at_store": ("picked_up", "courier_at_customer", "delivered"),
    "ready": ("picked_up", "courier_at_customer", "delivered"),
    "picked_up": ("courier_at_customer", "delivered"),
    "courier_at_customer": ("delivered",),
}  # fmt: skip
"""Event -> those that cannot be before it."""


class _Naming(NamedTuple):
    """Names of the first columns; empty: the column keeps its own."""

    score: float
    names: tuple[str, ...]


def candidates(column: str) -> dict[str, float]:
    """Return what a column of times may be by its name, and how likely each is.

    >>> candidates("left_the_shop_at"), candidates("weighed_at")
    ({'picked_up': 0.87}, {})
    """
    words = spelled(column)
    if column in _AFTER or column in ("delivered", "cancelled"):
        return {column: 1.5}
    for pattern, found in _RULES:
        if re.search(rf"(?:^|_)(?:{pattern})(?:_|$)" if pattern[0] != "^" else pattern, words):
            length = SHORTER * words.count("_")
            return {event: round(worth - length, 3) for event, worth in found.items()}
    return {}


def name_events(seconds: pd.DataFrame) -> dict[str, str]:
    """Return column -> event for columns that are known events, in their usual order.

    An arrival before the pickup is one at the store, an arrival after it one at the customer: a
    naming in which events are in an impossible order does not count. Of the others that with the
    likeliest names and the most questions is taken.

    Args:
        seconds: the times of each column, in the order in which they happen.
    """
    columns = [*seconds.columns]
    lags_s = {
        (first, second): float((seconds[second] - seconds[first]).median())
        for first, second in combinations(columns, 2)
    }
    states = [_Naming(0.0, ())]
    for k, column in enumerate(columns):
        options = {"": OWN_NAME, **candidates(column)}
        states = [
            _Naming(state.score + worth, (*state.names, event))
            for state in states
            for event, worth in options.items()
            if not event or event not in state.names
            if _is_possible(event, state.names, columns[:k], column, lags_s)
        ]
        states = sorted(states, key=lambda one: -one.score)[:STATES_KEPT]
    best = max(states, key=lambda one: one.score + ANSWER * len({*_answers(one.names)}))
    return {column: event for column, event in zip(columns, best.names, strict=True) if event}


def _is_possible(
    event: str,
    earlier: Sequence[str],
    columns: Sequence[str],
    column: str,
    lags_s: dict[tuple[str, str], float],
) -> bool:
    for other, named in zip(columns, earlier, strict=True):
        if named in _AFTER.get(event, ()) and lags_s[other, column] > 0.0:
            return False
        if event in _AFTER.get(named, ()) and lags_s[other, column] < 0.0:
            return False
    return True


def _answers(names: Sequence[str]) -> Iterator[str]:
    """Yield the end of each question that can be asked."""
    yield from (end for start, end in QUESTIONS if start in names and end in names)

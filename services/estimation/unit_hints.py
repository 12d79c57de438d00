"""Find numbers of an order that look like another unit.

A number that an order could have, but hardly has, is answered, and a note says what it looks like.
How short a distance may be depends on the moment: a courier at the door has two metres to go, a
courier who gets an order from a store next door may have as few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimators.core.dictionary_column import Column
from estimators.core.stages import ELAPSED, elapsed_name
from estimators.core.typing import FloatArray
from estimators.monitoring.bounds import WIDENED
from services.schemas.fact_bounds import FactBounds

__all__ = ["UnitHints"]

SHORT_M = 20.0
"""No order is ridden for less, unless the courier has it already."""

SHORT_FRACTION_M = 50.0
"""Below this, metres with decimals are likelier to be kilometres."""

FAR_M = 1e5
"""Nobody delivers farther."""

LONG_S = 2 * 86_400.0
"""An order is over by then."""

_PRICE = "amount"
_PRICE_UNIT = "whole units of the currency, as in training"
_EXPECTED = f"expected {_PRICE_UNIT}"
_HUNDRED = 100.0
_LARGER_UNITS = ((_HUNDRED, "hundreds"), (1_000.0, "thousands"))
_DECIMALS = 3
_RIDING_S = 60.0
_MAY_BE_NEAR = {
    "distance_m": (elapsed_name("picked_up"), elapsed_name("courier_at_customer")),
    "distance_to_store_m": (elapsed_name("courier_at_store"), elapsed_name("picked_up")),
}
"""What says that a courier may have hardly any way left; so does a ride that has gone on."""
_SINCE_ASSIGNED = elapsed_name("courier_assigned")


class UnitHints:
    """Finds numbers that look like another unit.

    Args:
        numbers: names of the numbers that are looked at, in the order of their columns.
        seen: what training saw of them, the least and the greatest of each; NaN or left out: nobody
            knows. What lies between is in the right unit; prices are looked at where it is known.

    >>> hints = UnitHints(("distance_m", "amount"))
    >>> hints.of_one([1.85, 20.0], {})
    ['distance_m is 1.85, which looks like kilometres; expected metres']
    >>> hints.of_one([2.0, 20.0], {"since_picked_up_s": 400.0})  # two metres to go
    []
    """

    def __init__(
        self, numbers: Sequence[str], seen: Mapping[str, tuple[float, float]] | None = None
    ) -> None:
        self._seen = {
            name: span for name, span in (seen or {}).items() if all(map(math.isfinite, span))
        }
        self._watched = [
            (i, name, span)
            for i, name in enumerate(numbers)
            if (span := self._odd_beyond(name)) is not None
        ]

    def _odd_beyond(self, name: str) -> FactBounds | None:
        """Return the bounds within which a number needs no check; None if it never needs one."""
        if name == _PRICE and name in self._seen:
            low, high = self._seen[name]
            return FactBounds(low / WIDENED, high * WIDENED, _PRICE_UNIT)
        return _WATCHED.get(name)

    def _hint(self, name: str, value: float, order: Mapping[str, Any]) -> str:
        low, high = self._seen.get(name, (math.nan, math.nan))
        # Who stands in the store has 0 m to go: that says nothing of fractions, which 1.85 km are.
        tells = low > 0.0 or value.is_integer() or value >= SHORT_FRACTION_M
        if tells and low <= value <= high:
            return ""
        if name == _PRICE:
            return _price_hint(value, low, high)
        return _hint(name, value, is_near=_is_near(name, order))

    def of_one(
        self,
        values: Sequence[float],
        order: Mapping[str, Any],
        given: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Return the notes on one order.

        Args:
            values: of the numbers, NaN where one is missing.
            order: what is known of it: where its courier is.
            given: what the request says of it; how long ago events were is in no other unit where
                it was looked up. None: all of it.
        """
        notes = (
            self._hint(name, values[i], order)
            for i, name, _ in self._watched
            if name not in ELAPSED or given is None or _is_said(given.get(name))
        )
        return [note for note in notes if note]

    def of_rows(
        self,
        values: FloatArray,
        columns: Mapping[str, Column],
        given: Mapping[str, Column] | None = None,
    ) -> dict[int, list[str]]:
        """Return the notes on those rows that have any, as :meth:`of_one` does.

        Args:
            values: shape (n_rows, n_numbers or more).
            columns: what is known of the orders.
            given: what the request says of them; None: all of it.
        """
        notes: dict[int, list[str]] = {}
        past = {name: column for name, column in columns.items() if name in ELAPSED}
        for i, name, span in self._watched:
            column = values[:, i]
            # Most numbers need no closer look.
            odd = (column > span.high) | (column < span.low)
            for row in np.flatnonzero(odd).tolist():
                asked = None if given is None or name not in given else given[name][row]
                if name in ELAPSED and given is not None and not _is_said(asked):
                    continue
                order = {event: one[row] for event, one in past.items()}
                note = self._hint(name, float(column[row]), order)
                if note:
                    notes.setdefault(row, []).append(note)
        return notes


_WATCHED: Mapping[str, FactBounds] = {
    "distance_m": FactBounds(SHORT_FRACTION_M, FAR_M, "metres"),
    "distance_to_store_m": FactBounds(SHORT_FRACTION_M, FAR_M, "metres"),
    **dict.fromkeys(ELAPSED, FactBounds(0.0, LONG_S, "seconds")),
}
"""Numbers that are often sent in another unit; outside these bounds they may be."""


def _is_near(name: str, order: Mapping[str, Any]) -> bool:
    """Return whether the courier may have hardly any way left."""
    if any(_is_there(order.get(event)) for event in _MAY_BE_NEAR.get(name, ())):
        return True
    assigned_s: Any = order.get(_SINCE_ASSIGNED)
    return name == "distance_to_store_m" and _is_there(assigned_s) and bool(assigned_s > _RIDING_S)


def _hint(name: str, value: float, *, is_near: bool) -> str:
    if name in ELAPSED:
        looks_like = "milliseconds" if value > LONG_S else ""
    elif value > FAR_M:
        looks_like = "millimetres"
    elif value > 0.0 and not is_near and _is_short(name, value):
        looks_like = "kilometres"
    else:
        looks_like = ""
    if not looks_like:
        return ""
    return f"{name} is {value:.7g}, which looks like {looks_like}; expected {_WATCHED[name].unit}"


def _price_hint(value: float, low: float, high: float) -> str:
    """Return the unit that a price far outside the training's range looks like."""
    likely = ""
    if value > high * WIDENED and low <= value / _HUNDRED <= high:
        likely = "cents (hundredths)"
    elif value < low / WIDENED:
        likely = next((unit for k, unit in _LARGER_UNITS if low <= value * k <= high), "")
    return f"{_PRICE} is {value:.7g}, which looks like {likely}; {_EXPECTED}" if likely else ""


def _is_short(name: str, value: float) -> bool:
    if name == "distance_m" and value < SHORT_M:
        return True
    # Positions give metres with a dozen decimals; people and tables write kilometres with a few.
    written = not value.is_integer() and math.isclose(round(value, _DECIMALS), value, abs_tol=1e-12)
    return written and value < SHORT_FRACTION_M


def _is_said(value: Any) -> bool:
    return isinstance(value, int | float | np.floating)


def _is_there(value: Any) -> bool:
    return bool(value is not None and value == value)  # NaN is not equal to itself

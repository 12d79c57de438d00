"""Which fields an order may have, of which types, and what is amiss where one is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from estimators.base import Estimator
from estimators.eta_parts import COURIER_FACTS, PART_SPECS
from estimators.stages import ANY_MOMENT, ELAPSED, elapsed_name
from services.decoding import unknown_field
from services.errors import InvalidRequest
from services.limits import MAX_TEXT_CHARACTERS

__all__ = ["OrderFields", "check_value", "is_good_column"]

_COURIER_EVENTS = ("courier_assigned", "courier_at_store", "picked_up", "courier_at_customer")
_SINCE_COURIER = tuple(elapsed_name(event) for event in _COURIER_EVENTS)

# Who asks for all parts of an ETA says the same of an order to each.
_NUMBERS_OF_ANY_PART = frozenset(name for spec in PART_SPECS.values() for name in spec.numbers)
_OF_ANY_PART = _NUMBERS_OF_ANY_PART.union(*(spec.categories for spec in PART_SPECS.values()))

_NUMBERS = frozenset((int, float, type(None)))
_TEXTS = frozenset((str, int, type(None)))


class OrderFields:
    """The fields that one estimator takes.

    An order may say all that its source knows and how long ago each event was, so that the next
    model, which needs more of it or less, does not break who asks.

    Args:
        estimator: its facts and its features' dimensions are needed, and missed where they are
            absent. An elapsed fact is not: what is absent has not happened. What is known of a
            courier is not, where the estimator answers at any moment and the order has none yet.
    """

    def __init__(self, estimator: Estimator) -> None:
        facts, features = estimator.facts, estimator.features
        columns = [column for source in features.sources for column in source.data_columns]
        attributes = [column for source in features.sources for column in source.attributes]
        self.elapsed = tuple(name for name in facts.numbers if name in ELAPSED)
        """The elapsed facts that the estimator takes."""
        inputs = dict.fromkeys((*features.dimensions, *facts.inputs))
        self.needed = tuple(name for name in inputs if name not in ELAPSED)
        """What makes an answer worse where it is missing."""
        self._taken = frozenset((*inputs, *columns, *ELAPSED, *_OF_ANY_PART))
        numbers = _NUMBERS_OF_ANY_PART.difference(facts.categories, features.dimensions)
        self._numbers = frozenset((*facts.numbers, *attributes, *ELAPSED, *numbers))
        self._with_courier = frozenset(COURIER_FACTS if estimator.as_of == ANY_MOMENT else ())

    def takes(self, name: str) -> bool:
        """Return whether an order may have this field."""
        return name in self._taken

    def check(self, order: Mapping[str, Any]) -> None:
        """Check names and types of an order's fields.

        Raises:
            InvalidRequest: a field that no order has, or a value of the wrong type.
        """
        for name, value in order.items():
            if name not in self._taken:
                raise unknown_field("order", name, self._taken)
            if value is not None:
                check_value("order", name, value, is_number=name in self._numbers)

    def check_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[int, InvalidRequest]:
        """Return what is wrong with rows, by their number; columns that are not taken are good."""
        problems: dict[int, InvalidRequest] = {}
        for name, column in columns.items():
            if name not in self._taken:
                continue
            is_number = name in self._numbers
            if is_good_column(column, is_number=is_number):
                continue
            for i, value in enumerate(column):
                if value is not None and i not in problems:
                    try:
                        check_value("columns", name, value, is_number=is_number)
                    except InvalidRequest as error:
                        problems[i] = error
        return problems

    def missing(self, order: Mapping[str, Any]) -> list[str]:
        """Return the notes on what an order should have said; elapsed facts stand in it already."""
        found = [name for name in self.needed if order.get(name) is None]
        if self._with_courier.intersection(found) and all(
            _is_missing(order.get(name)) for name in _SINCE_COURIER
        ):
            found = [name for name in found if name not in self._with_courier]
        return [f"{name} is missing" for name in found]

    def missing_of(self, columns: Mapping[str, Sequence[Any]], n_rows: int) -> dict[int, list[str]]:
        """Return what :meth:`missing` does of each row that lacks something, by its number."""
        notes: dict[int, list[str]] = {}
        since = [columns[name] for name in _SINCE_COURIER if name in columns]
        for name in self.needed:
            column = columns.get(name)
            rows: Sequence[int] = range(n_rows)
            if column is not None:
                if isinstance(column, list) and None not in column:
                    continue
                rows = [i for i, value in enumerate(column) if _is_missing(value)]
            if name in self._with_courier:
                rows = [i for i in rows if not all(_is_missing(one[i]) for one in since)]
            for i in rows:
                notes.setdefault(i, []).append(f"{name} is missing")
        return notes


def check_value(path: str, name: str, value: object, *, is_number: bool) -> None:
    """Check the type of a value that is there.

    Raises:
        InvalidRequest: a number that is none or not finite; a text that is none or too long.
    """
    if is_number:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidRequest(
                f"expected a number or null, got {type(value).__name__}", field=f"{path}.{name}"
            )
        if not _is_finite(value):
            raise InvalidRequest(
                "expected a finite number within the range of a 64-bit float",
                field=f"{path}.{name}",
            )
        return
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRequest(
            f"expected a string, an integer or null, got {type(value).__name__}",
            field=f"{path}.{name}",
        )
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS:
        raise InvalidRequest(
            f"has {len(value)} characters; at most {MAX_TEXT_CHARACTERS} are taken",
            field=f"{path}.{name}",
        )


def is_good_column(column: Sequence[Any], *, is_number: bool) -> bool:
    """Return whether no value of a column needs a closer look: quick, for most have none."""
    if is_number:
        if not _NUMBERS.issuperset(map(type, column)):
            return False
        try:
            return all(map(math.isfinite, filter(None, column)))
        except OverflowError:
            return False
    if not _TEXTS.issuperset(map(type, column)):
        return False
    return all(len(one) <= MAX_TEXT_CHARACTERS for one in set(column) if isinstance(one, str))


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN is not equal to itself


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON allows integers that no float can hold
        return False

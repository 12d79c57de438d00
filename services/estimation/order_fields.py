"""Which fields an order may have, of which types, and what is amiss where one is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from estimators.core.stages import ANY_MOMENT, ELAPSED, elapsed_name
from estimators.core.values import Value
from estimators.eta.parts import COURIER_FACTS, PART_SPECS
from estimators.model.base import Estimator
from services.core.errors import InvalidRequest
from services.core.limits import MAX_TEXT_CHARACTERS
from services.estimation.fact_bounds import impossible
from services.schemas.decoding import unknown_field

__all__ = ["Kind", "OrderFields", "check_value", "is_good_column", "kinds_of"]

Kind: TypeAlias = type[str] | type[int]
"""The type of a category's values."""

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
        self._kinds = kinds_of(facts.categories)
        self._with_courier = frozenset(COURIER_FACTS if estimator.as_of == ANY_MOMENT else ())

    @property
    def taken(self) -> frozenset[str]:
        """The fields that an order may have."""
        return self._taken

    @property
    def numbers(self) -> frozenset[str]:
        """Those of them that are numbers."""
        return self._numbers & self._taken

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Of which type the values of categories are, where the model knows it."""
        return self._kinds

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
                is_number = name in self._numbers
                check_value("order", name, value, is_number=is_number, kind=self._kinds.get(name))

    def check_columns(self, columns: Mapping[str, Sequence[Any]]) -> dict[int, InvalidRequest]:
        """Return what is wrong with rows, by their number; columns that are not taken are good."""
        problems: dict[int, InvalidRequest] = {}
        for name, column in columns.items():
            if name not in self._taken:
                continue
            is_number, kind = name in self._numbers, self._kinds.get(name)
            if is_good_column(name, column, is_number=is_number, kind=kind):
                continue
            for i, value in enumerate(column):
                if value is not None and i not in problems:
                    try:
                        check_value("columns", name, value, is_number=is_number, kind=kind)
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


def kinds_of(categories: Mapping[str, Sequence[Value]]) -> dict[str, Kind]:
    """Return of which type the values of categories are, where all of one are of the same.

    >>> kinds_of({"city": ("BCN", "WAW"), "store_id": (1, 2), "zone": ("1", 2), "building": ()})
    {'city': <class 'str'>, 'store_id': <class 'int'>}
    """
    kinds: dict[str, Kind] = {}
    for name, values in categories.items():
        for kind in (str, int):
            if values and all(type(value) is kind for value in values):
                kinds[name] = kind
    return kinds


def check_value(
    path: str, name: str, value: object, *, is_number: bool, kind: Kind | None = None
) -> None:
    """Check the type of a value that is there.

    Args:
        path: where it stands.
        name: its name.
        value: not None.
        is_number: whether it must be a number.
        kind: of which type the values of a category were in training; None: that is not known.

    Raises:
        InvalidRequest: a number that is none, not finite or beyond what an order can have; a text
            that is none or too long; a category of another type than in training.
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
        reason = impossible(name, value)
        if reason:
            raise InvalidRequest(reason, field=f"{path}.{name}")
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
    if kind is not None and type(value) is not kind:
        words = {str: "a string", int: "an integer"}
        raise InvalidRequest(
            f"is {value!r}; expected {words[kind]}, as the model knows it, or null",
            field=f"{path}.{name}",
        )


def is_good_column(
    name: str, column: Sequence[Any], *, is_number: bool, kind: Kind | None = None
) -> bool:
    """Return whether no value of a column needs a closer look: quick, for most have none."""
    if is_number:
        if not _NUMBERS.issuperset(map(type, column)):
            return False
        values = [value for value in column if value is not None]
        try:
            is_finite = all(map(math.isfinite, values))
        except OverflowError:
            return False
        if not values or not is_finite:
            return is_finite
        return not (impossible(name, min(values)) or impossible(name, max(values)))
    types = set(map(type, column))
    if not (_TEXTS if kind is None else {kind, type(None)}).issuperset(types):
        return False
    return all(len(one) <= MAX_TEXT_CHARACTERS for one in set(column) if isinstance(one, str))


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN is not equal to itself


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON allows integers that no float can hold
        return False

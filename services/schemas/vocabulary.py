"""What an order may say: the names of its facts, and which values each of them can have.

It follows from the sources of events and from the models. Every endpoint that takes orders checks
them with it, and OpenAPI describes them by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from aggregators.events import Source
from aggregators.standard_sources import ORDERS
from aggregators.value_checks import WHITESPACE
from estimators.core.dictionary_column import Column, DictionaryColumn
from estimators.core.stages import ELAPSED
from estimators.core.values import Value
from estimators.eta.parts import PART_SPECS
from services.core.errors import InvalidRequest
from services.schemas.decoding import unknown_field
from services.schemas.fact_bounds import BOUNDS
from services.schemas.order_values import Kind, check_value, is_good_column, kinds_of

__all__ = ["OpenVocabulary", "RowErrors", "Takes", "Vocabulary", "check_length"]

RowErrors = dict[int, InvalidRequest]
"""Why rows are refused, by their places."""

# Whoever asks for all parts of an ETA says the same of an order to each; parts that other processes
# answer cannot be asked what they take.
_NUMBERS_OF_PARTS = frozenset(name for spec in PART_SPECS.values() for name in spec.numbers)
_ALWAYS = frozenset(ORDERS.data_columns).union(
    _NUMBERS_OF_PARTS, *(spec.categories for spec in PART_SPECS.values())
)


class Takes(Protocol):
    """The facts of an estimator."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that it takes."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Those of them that are numbers."""

    @property
    def categories(self) -> Mapping[str, tuple[Value, ...]]:
        """The others, with the values that training has seen."""


@dataclass(frozen=True)
class Vocabulary:
    """The facts that an order may have.

    An order may say all that its sources know, so that the next model, which needs more of it or
    less, does not break its callers.

    Args:
        names: of all facts.
        numbers: of those that are numbers.
        kinds: types of categories, where all models know the same.
        missing: name -> texts that stand for no value of it, as in the table of the training.

    >>> vocabulary = Vocabulary(frozenset(("city", "amount")), frozenset(("amount",)))
    >>> vocabulary.check({"city": "BCN", "amount": None}, "order")
    >>> list(vocabulary.bad_values("amount", [12.5, "much", -1.0], "columns"))
    [1, 2]
    """

    names: frozenset[str]
    numbers: frozenset[str]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    missing: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, facts: Iterable[Takes], sources: Iterable[Source], *, elapsed: bool = False
    ) -> Vocabulary:
        """Return what can be said to estimators.

        Args:
            facts: of the estimators.
            sources: that their features rest on.
            elapsed: whether an order may say how long ago its events were; otherwise that follows
                from when they were.
        """
        names, numbers, keys = set(_ALWAYS), set[str](), set[str]()
        values: dict[str, tuple[Value, ...]] = {}
        missing: dict[str, frozenset[str]] = {}
        for one in facts:
            names.update(one.inputs)
            numbers.update(one.numbers)
            for name, known in one.categories.items():
                values[name] = (*values.get(name, ()), *known)
        for source in sources:
            names.update(source.data_columns)
            numbers.update(source.attributes)
            keys.update(source.dimensions)
            for name in source.data_columns if source.missing else ():
                missing.setdefault(name, frozenset(source.missing))
        # A model may have learned as a category what is a number elsewhere.
        numbers |= _NUMBERS_OF_PARTS.difference(values, keys)
        names.difference_update(ELAPSED)
        if elapsed:
            names.update(ELAPSED)
            numbers.update(ELAPSED)
        return cls(frozenset(names), frozenset(numbers & names), kinds_of(values), missing)

    @classmethod
    def shared(cls, several: Iterable[Vocabulary]) -> Vocabulary:
        """Return what can be said whichever of one or more vocabularies holds."""
        each = list(several)
        names = frozenset.intersection(*(one.names for one in each))
        numbers = frozenset.union(*(one.numbers for one in each))
        kinds = set.intersection(*({*one.kinds.items()} for one in each))
        missing = set.intersection(*({*one.missing.items()} for one in each))
        return cls(names, numbers & names, dict(kinds), dict(missing))

    def takes(self, name: str) -> bool:
        """Return whether an order may have a fact of this name."""
        return name in self.names

    def given(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an order's facts, None for a text that stands for no value.

        >>> missing = {"city": frozenset(("NULL",))}
        >>> vocabulary = Vocabulary(frozenset(("city",)), frozenset(), missing=missing)
        >>> vocabulary.given({"city": "NULL"})
        {'city': None}
        """
        if not self.missing:
            return facts
        return {name: self._given(name, value) for name, value in facts.items()}

    def given_column(self, name: str, column: Column) -> Column:
        """Return a column, None for a text that stands for no value."""
        texts = self.missing.get(name)
        if texts is None or (isinstance(column, np.ndarray) and column.dtype != object):
            return column
        if isinstance(column, DictionaryColumn):
            values = [self._given(name, value) for value in column.values]
            return DictionaryColumn(values, column.indices)
        found = {one for one in column if type(one) is str and one.strip(WHITESPACE) in texts}
        return [None if one in found else one for one in column] if found else column

    def given_columns(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """Return columns, None for each text that stands for no value."""
        return {name: self.given_column(name, column) for name, column in columns.items()}

    def _given(self, name: str, value: Any) -> Any:
        if type(value) is not str or name not in self.missing:
            return value
        return None if value.strip(WHITESPACE) in self.missing[name] else value

    def check_names(self, names: Iterable[str], path: str) -> None:
        """Raise :class:`InvalidRequest` for a name that no order has."""
        for name in names:
            if not self.takes(name):
                raise unknown_field(path, name, self.names)

    def check_value(self, name: str, value: object, path: str) -> None:
        """Raise :class:`InvalidRequest` for a value that the fact of this name cannot have."""
        value = self._given(name, value)
        if value is not None:
            is_number = name in self.numbers
            check_value(path, name, value, is_number=is_number, kind=self.kinds.get(name))

    def check(self, facts: Mapping[str, object], path: str) -> None:
        """Check names and values of one order's facts; None is a value that is not known."""
        for name, value in facts.items():
            if not self.takes(name):
                raise unknown_field(path, name, self.names)
            self.check_value(name, value, path)

    def bad_values(
        self, name: str, column: Sequence[object], path: str
    ) -> dict[int, InvalidRequest]:
        """Return what is wrong with values of a column, by their places; mostly nothing is."""
        if self._is_good(name, column):
            return {}
        bad: dict[int, InvalidRequest] = {}
        for row, value in enumerate(column):
            try:
                self.check_value(name, value, path)
            except InvalidRequest as error:
                bad[row] = error
        return bad

    def bad_rows(
        self, columns: Mapping[str, Sequence[object]], path: str
    ) -> dict[int, InvalidRequest]:
        """Return the first thing that is wrong with each row; columns of other names are good."""
        bad: dict[int, InvalidRequest] = {}
        for name, column in columns.items():
            if self.takes(name):
                for row, error in self.bad_values(name, column, path).items():
                    bad.setdefault(row, error)
        return bad

    def checked_columns(
        self,
        columns: Mapping[str, Sequence[Any]],
        n: int,
        *,
        path: str,
        of: str,
        errors: RowErrors,
    ) -> dict[str, list[Any]]:
        """Return columns as lists of n values; a value that cannot be refuses its row, and is None.

        Args:
            columns: as they were sent.
            n: rows that there are.
            path: where they stand in the request.
            of: what a row is, in the words of errors.
            errors: takes the refused rows, the first problem of each.

        Raises:
            InvalidRequest: a column of an unknown name, or of another length.
        """
        self.check_names(columns, path)
        checked: dict[str, list[Any]] = {}
        for name, column in columns.items():
            check_length(column, n, f"{path}.{name}", of)
            checked[name] = list(self.given_column(name, column))
            for row, error in self.bad_values(name, column, path).items():
                errors.setdefault(row, InvalidRequest(error.reason, field=f"{error.field}[{row}]"))
                checked[name][row] = None
        return checked

    def _is_good(self, name: str, column: Sequence[object]) -> bool:
        is_number, kind = name in self.numbers, self.kinds.get(name)
        return is_good_column(name, column, is_number=is_number, kind=kind)


def check_length(column: Sequence[Any], n: int, path: str, of: str) -> None:
    """Raise :class:`InvalidRequest` unless a column has a value for each of so many rows."""
    if len(column) != n:
        raise InvalidRequest(f"has {len(column)} values; expected {n}, one per {of}", field=path)


class OpenVocabulary(Vocabulary):
    """What can be said where no model tells what it takes: any fact that an order could have.

    >>> OpenVocabulary().check({"mood": "good", "amount": 12.5}, "order")
    """

    def __init__(self) -> None:
        super().__init__(frozenset(), frozenset())

    def takes(self, name: str) -> bool:
        """Return that an order may have this fact."""
        return True

    def check_value(self, name: str, value: object, path: str) -> None:
        """Raise :class:`InvalidRequest` for a value that no fact of an order can have."""
        if value is not None:
            is_number = name in BOUNDS or isinstance(value, float)
            check_value(path, name, value, is_number=is_number)

    def _is_good(self, name: str, column: Sequence[object]) -> bool:
        return False  # what a value must be depends on each

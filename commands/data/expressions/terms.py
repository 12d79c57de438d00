"""Operations of an expression, to evaluate on the columns of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from commands.data.expressions.kernels import constant
from commands.data.expressions.kinds import Kind

__all__ = ["ReadableColumns", "Term", "column_term", "combined"]


class ReadableColumns(Protocol):
    """The rows that an expression is evaluated on."""

    def values(self, name: str, kind: Kind) -> pa.Array:
        """Return the values of a column, read as a kind."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """An expression, or a part of one.

    Args:
        kind: of its values.
        evaluate: returns its values, an Arrow array, or a scalar that holds for every row. A term
            without columns takes None.
        columns: that it reads.
    """

    kind: Kind
    evaluate: Callable[[Any], Any]
    columns: frozenset[str] = frozenset()

    @classmethod
    def of_constant(cls, value: Any, kind: Kind) -> Term:
        """Return the term that has one value in every row."""
        scalar = constant(value, kind)
        return cls(kind=kind, evaluate=lambda _: scalar)


def column_term(name: str, kind: Kind) -> Term:
    """Return the values of a column, read as a kind."""
    return Term(
        kind=kind, evaluate=lambda columns: columns.values(name, kind), columns=frozenset((name,))
    )


def combined(kind: Kind, kernel: Callable[..., Any], *terms: Term) -> Term:
    """Return what a kernel makes of the values of terms."""
    return Term(
        kind=kind,
        evaluate=lambda columns: kernel(*(term.evaluate(columns) for term in terms)),
        columns=frozenset[str]().union(*(term.columns for term in terms)),
    )

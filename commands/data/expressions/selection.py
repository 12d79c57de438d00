"""The filter and the derived columns of a table, compiled and applied to its rows in chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from commands.data.expressions.chunk_columns import ChunkColumns
from commands.data.expressions.compiling import compile_expression
from commands.data.expressions.kept_rows import KeptRows
from commands.data.expressions.kinds import Kind
from commands.data.expressions.syntax import ExpressionError
from commands.data.expressions.terms import Term

__all__ = ["DERIVED_MAX", "EVERY_ROW", "RowSelection", "compile_selection"]

DERIVED_MAX = 100
"""Derived columns of a table."""


@dataclass(frozen=True, kw_only=True)
class RowSelection:
    """Which rows of a table are read, and what columns are derived from others.

    Args:
        condition: of the rows that are kept; None: all are.
        derived: name -> its expression; it may use those before it.
    """

    condition: Term | None = None
    derived: Mapping[str, Term] = field(default_factory=dict)

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the file that the expressions read."""
        terms = [*self.derived.values(), *([self.condition] if self.condition else [])]
        read = frozenset[str]().union(*(term.columns for term in terms))
        return read - set(self.derived)

    def apply(self, rows: ChunkColumns, counts: KeptRows) -> None:
        """Keep the rows of a chunk for which the condition holds, and derive the columns.

        Columns that the condition does not read are derived of the rows that are kept, so that a
        damaged row that is left out is never refused.

        Args:
            rows: the chunk; it is changed.
            counts: to which its rows are added.

        Raises:
            UserError: a value is not of the kind that an expression reads.
        """
        early = self._needed_by_condition()
        for name in early:
            self._derive(rows, name)
        if self.condition is not None:
            before = len(rows.rows)
            counts.undecided += rows.keep(self.condition.evaluate(rows))
            counts.left += before - len(rows.rows)
        counts.kept += len(rows.rows)
        for name in self.derived:
            if name not in early:
                self._derive(rows, name)

    def _needed_by_condition(self) -> list[str]:
        needed = set() if self.condition is None else set(self.condition.columns)
        for name in reversed(list(self.derived)):
            if name in needed:
                needed |= self.derived[name].columns
        return [name for name in self.derived if name in needed]

    def _derive(self, rows: ChunkColumns, name: str) -> None:
        term = self.derived[name]
        try:
            rows.add(name, term.evaluate(rows), term.kind)
        except ExpressionError as error:
            raise rows.refused(name, str(error)) from None


EVERY_ROW = RowSelection()
"""Reads all rows and derives nothing."""


def compile_selection(
    condition: str | None,
    derived: Mapping[str, str],
    kinds: Mapping[str, Kind | None],
    *,
    clock: str | None,
    error: Callable[[str, str], Exception],
) -> RowSelection:
    """Return the selection of a table.

    Args:
        condition: the expression of the rows that are kept; None: all are.
        derived: name -> expression of a derived column.
        kinds: column of the file -> kind of its values; None: texts of a CSV file.
        clock: IANA name of the clock that times without an offset are read from.
        error: makes the error about a field (``filter``, ``columns.NAME``) of a reason.
    """
    known: dict[str, Kind | None] = dict(kinds)
    terms: dict[str, Term] = {}
    if len(derived) > DERIVED_MAX:
        raise error("columns", f"has {len(derived)} columns; expected up to {DERIVED_MAX}")

    def compiled(name: str, text: str, wanted: Kind | None) -> Term:
        try:
            return compile_expression(text, known, wanted=wanted, clock=clock)
        except ExpressionError as found:
            raise error(name, str(found)) from None

    for name, text in derived.items():
        if name in kinds:
            raise error(f"columns.{name}", "the file has a column of this name; choose another one")
        terms[name] = compiled(f"columns.{name}", text, None)
        known[name] = terms[name].kind
    kept = None if condition is None else compiled("filter", condition, Kind.CONDITION)
    return RowSelection(condition=kept, derived=terms)

"""Read facts from tables, and write them as columns of one type."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aggregators.events import FACT_MARK, Source
from aggregators.stores.records import CheckedEvent
from aggregators.typing import Int64Array, Native
from aggregators.value_checks import check_fact

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fact_column", "facts_of_table", "kind_of", "kinds_in"]

_EXACT = 2**53
"""Up to here every integer is a 64-bit float, too."""

_DTYPES: Mapping[frozenset[str], str] = {
    frozenset(("flag",)): "boolean",
    frozenset(("whole",)): "Int64",
    frozenset(("long",)): "Int64",
    frozenset(("whole", "long")): "Int64",
    frozenset(("real",)): "float64",
    frozenset(("whole", "real")): "float64",
}


def kind_of(value: str | bool | int | float) -> str:
    """Return the kind of a fact's value.

    >>> [kind_of(value) for value in ("house", True, 3, 2**60, 2.5)]
    ['text', 'flag', 'whole', 'long', 'real']
    """
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "whole" if abs(value) <= _EXACT else "long"
    return "real"


def kinds_in(
    events: Iterable[CheckedEvent], sources: Mapping[str, Source]
) -> set[tuple[str, str, str]]:
    """Return source, fact and kind of all facts that events carry."""
    if not any(source.facts for source in sources.values()):
        return set()
    return {
        (event.source, name[1:], kind_of(value))
        for event in events
        for name, value in event.record.data.items()
        if name[0] == FACT_MARK
    }


def fact_column(values: Sequence[Any], more_kinds: Collection[str] = ()) -> pd.Series[Any]:
    """Return a fact's values as a column of one type.

    Texts, truth values, integers and numbers have a type each. Where several kinds occur that no
    type holds, all become text; values that are no text become JSON.

    Args:
        values: one per sample, None where missing.
        more_kinds: kinds that occur in other parts of the same table.
    """
    import pandas as pd

    kinds = frozenset(more_kinds) | {kind_of(value) for value in values if value is not None}
    dtype = _DTYPES.get(kinds)
    if dtype is not None:
        return pd.Series([None if v is None else v for v in values], dtype=dtype)
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pd.Series(texts, dtype="str")


def facts_of_table(source: Source, table: Native, row_of: Int64Array) -> dict[str, list[Any]]:
    """Return the facts that a table has: for each the values of the samples, None where missing.

    Args:
        source: the source.
        table: the table; a fact that it has no column of is left out.
        row_of: for each of its rows, the row of the sample.

    Raises:
        ColumnError: a value that no fact can have; names column and row.
    """
    from aggregators.tables.frames import to_pandas

    given = set(table.column_names if hasattr(table, "column_names") else table.columns)
    names = [name for name in source.facts if name in given]
    if not names:
        return {}
    frame = to_pandas(table, names, f"table of source {source.name!r}")
    return {name: _placed(source, frame[name], name, row_of) for name in names}


def _placed(source: Source, column: pd.Series[Any], name: str, row_of: Int64Array) -> list[Any]:
    placed: list[Any] = [None] * len(column)
    for row, label, value in _given(column, row_of):
        if source.is_missing(value):
            continue
        placed[row] = check_fact(value, f"column {name!r}, row {label!r}: fact")
    return placed


def _given(column: pd.Series[Any], row_of: Int64Array) -> Iterator[tuple[int, Any, Any]]:
    """Yield the values that are not missing: the sample's row, the table's, and the value."""
    present = column.notna().tolist()
    values = column.astype(object).tolist()
    for row, label, value, is_there in zip(
        row_of.tolist(), column.index.tolist(), values, present, strict=True
    ):
        if is_there:
            yield row, label, value

"""Recognise the texts that stand for a missing value, in every kind of column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from aggregators.tables.parquet_file import TEXTS_AS_THEY_ARE

__all__ = ["MISSING_TEXTS", "missing_texts_of", "without_missing"]

MISSING_TEXTS = (
    "", "NULL", "Null", "null", "None", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NaT",
    "\\N", "-",
)  # fmt: skip
"""Texts that stand for no value by default; spaces around them do not count."""


def missing_texts_of(path: Path) -> tuple[str, ...]:
    """Return the texts that stand for no value in a file whose mapping does not say them.

    In the tables that a store exports there are none.
    """
    if path.suffix == ".parquet" and path.is_file():
        try:
            metadata = pyarrow.parquet.read_schema(path).metadata or {}
        except (pa.ArrowException, OSError):
            return MISSING_TEXTS  # reading it says what is damaged
        if TEXTS_AS_THEY_ARE.items() <= metadata.items():
            return ()
    return MISSING_TEXTS


def without_missing(column: pa.Array, missing: Sequence[str] = MISSING_TEXTS) -> pa.Array:
    """Return a column of texts with null for each text that stands for no value.

    Columns of other types are returned as they are.

    >>> without_missing(pa.array(["A-1", " NULL ", "", "-5"])).to_pylist()
    ['A-1', None, None, '-5']
    """
    if pa.types.is_dictionary(column.type):
        plain = column.dictionary_decode()
        return without_missing(plain, missing) if missing and _is_text(plain) else column
    if not (missing and _is_text(column)):
        return column
    texts = pa.array(sorted(set(missing)), column.type)
    is_missing = pc.is_in(pc.ascii_trim_whitespace(column), value_set=texts)
    if not pc.any(is_missing).as_py():
        return column
    return pc.if_else(is_missing, pa.scalar(None, column.type), column)


def _is_text(column: pa.Array) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))

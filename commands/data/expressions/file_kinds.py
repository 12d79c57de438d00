"""Find the kinds of a file's columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet

from commands.data.csv_format import Dialect
from commands.data.csv_text import is_csv
from commands.data.excel_file import excel_table, is_excel
from commands.data.expressions.kinds import Kind, kind_of_type
from commands.data.table_files import columns_of

__all__ = ["kinds_of_columns"]


def kinds_of_columns(path: Path, dialect: Dialect | None) -> dict[str, Kind | None]:
    """Return column -> kind of its values, without columns that expressions cannot read.

    Args:
        path: of the file.
        dialect: of a CSV file. All its columns are texts, whose kind expressions decide (None); so
            do columns of texts of an Excel file, where they can hold anything.
    """
    names = columns_of(path, dialect)
    if is_csv(path):
        return dict.fromkeys(names)
    schema = excel_table(path).schema if is_excel(path) else pyarrow.parquet.read_schema(path)
    kinds = dict(zip(names, map(kind_of_type, schema.types), strict=True))
    readable = {name: kind for name, kind in kinds.items() if kind is not None}
    if not is_excel(path):
        return dict(readable)
    return {name: None if kind is Kind.TEXT else kind for name, kind in readable.items()}

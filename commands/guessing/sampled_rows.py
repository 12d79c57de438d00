"""Read the first rows of a table as the reader of mapped tables reads them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from aggregators.tables.columns import unencoded
from commands.console.output import UserError
from commands.data.csv_format import CsvFormat, Dialect, dialect_of
from commands.data.csv_text import is_csv, wrong_bytes
from commands.data.excel_file import excel_table, is_excel
from commands.data.missing_texts import missing_texts_of, without_missing
from commands.data.table_files import (
    ENCODING_OPTION,
    check_heading,
    columns_of,
    open_csv,
    unreadable,
)
from commands.data.table_values import number_reader

__all__ = ["ROWS_LOOKED_AT", "first_rows"]

ROWS_LOOKED_AT = 20_000
INTEGER_DIGITS = 18
"""Any integer of so many digits fits into 64 bits."""


def first_rows(path: Path, encoding: str | None) -> tuple[pd.DataFrame, str]:
    """Return the first rows of a table and the encoding of a CSV file.

    Texts that stand for no value are missing. A column of a CSV file whose other texts are all
    numbers is one of numbers.

    Raises:
        UserError: the file cannot be read, has no rows, or a column stands twice.
    """
    dialect = Dialect()
    if is_csv(path) and path.is_file():
        dialect = dialect_of(path, CsvFormat(), encoding, ENCODING_OPTION)
    check_heading(path, columns_of(path, dialect))
    try:
        table = _read(path, dialect)
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        wrong = wrong_bytes(path, dialect.encoding) if is_csv(path) else None
        raise wrong or unreadable(path, dialect.encoding, error, dialect=dialect) from error
    if not len(table):
        raise UserError(f"{path.name} has no rows")
    return table, dialect.encoding


def _read(path: Path, dialect: Dialect) -> pd.DataFrame:
    if is_csv(path):
        return _read_csv(path, dialect)
    given = excel_table(path) if is_excel(path) else _head(path)
    table = unencoded(_with_whole_decimals(given.slice(0, ROWS_LOOKED_AT)))
    missing = missing_texts_of(path)
    columns = [_plain(column, missing) for column in table.columns]
    rows: pd.DataFrame = pa.table(columns, names=table.column_names).to_pandas()
    return rows


def _head(path: Path) -> pa.Table:
    with pyarrow.parquet.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=ROWS_LOOKED_AT), None)
        return file.schema_arrow.empty_table() if batch is None else pa.Table.from_batches([batch])


def _plain(column: pa.ChunkedArray, missing: tuple[str, ...]) -> pa.Array:
    return without_missing(column.combine_chunks(), missing)


def _with_whole_decimals(table: pa.Table) -> pa.Table:
    """Return decimals without a fraction as integers: databases export ids so."""
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale == 0:
            with suppress(pa.ArrowInvalid):  # some do not fit into 64 bits
                whole = table[field.name].cast(pa.int64())
                table = table.set_column(place, field.name, whole)
    return table


def _read_csv(path: Path, dialect: Dialect) -> pd.DataFrame:
    names, batches, n_rows = columns_of(path, dialect), [], 0
    with path.open("rb") as raw, open_csv(path, raw, dialect, names) as reader:
        for batch in reader:
            batches.append(batch)
            n_rows += batch.num_rows
            if n_rows >= ROWS_LOOKED_AT:
                break
    table = pa.Table.from_batches(batches, reader.schema).slice(0, ROWS_LOOKED_AT)
    read = number_reader(dialect.decimal, dialect.thousands)
    columns = {}
    for name, column in zip(names, table.columns, strict=True):
        texts = without_missing(column.combine_chunks()).to_pandas()
        numbers = texts.map(read, na_action="ignore").astype("float64")
        are_numbers = texts.notna().any() and bool(np.isfinite(numbers[texts.notna()]).all())
        columns[name] = _whole(numbers, texts) if are_numbers else texts.astype("object")
    return pd.DataFrame(columns)


def _whole(numbers: pd.Series[Any], texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers as integers where all are, and none has a fraction or gaps.

    Integers of more digits than 64 bits hold stay texts: as floats, two ids would be one.
    """
    plain = texts.str.fullmatch(r"\s*[+-]?\d+\s*")
    if not len(numbers) or not bool(plain.fillna(False).astype(bool).all()):
        return numbers
    if int(texts.str.len().max()) > INTEGER_DIGITS:
        return texts.astype("object")
    return texts.astype("int64")

"""Read the headings of CSV and Parquet files, and explain why a file cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from commands.console.output import UserError
from commands.data.csv_text import DEFAULT_ENCODING, has_utf16_mark, is_csv, wrong_bytes

__all__ = [
    "ENCODING_OPTION",
    "READING",
    "check_heading",
    "columns_of",
    "read_options",
    "unreadable",
]

CSV_BLOCK_BYTES = 4 << 20
ENCODING_OPTION = "--encoding"
SEPARATORS = (";", "\t", "|")
"""What stands between the fields of files that are called CSV, beside the comma."""

READING = (pa.ArrowException, OSError, UnicodeError, EOFError, ValueError)
"""What damaged files raise."""


def columns_of(path: Path, encoding: str = DEFAULT_ENCODING) -> list[str]:
    """Return the names of a table's columns.

    Args:
        path: the file.
        encoding: of a CSV file.

    Raises:
        UserError: there is no such file, or it is no CSV and no Parquet file.
    """
    if not path.is_file():
        raise UserError(f"there is no file {str(path)!r}")
    if not (is_csv(path) or path.suffix == ".parquet"):
        raise UserError(f"{path.name}: expected a .csv, .csv.gz or .parquet file")
    try:
        if is_csv(path):
            with pyarrow.csv.open_csv(path, read_options=read_options(encoding)) as reader:
                names = reader.schema.names
        else:
            names = pyarrow.parquet.read_schema(path).names
    except READING as error:
        raise unreadable(path, encoding, error) from error
    names = [str(name) for name in names]
    if is_csv(path) and len(names) == 1:
        for separator in SEPARATORS:
            if separator in names[0]:
                raise UserError(
                    f"{path.name}: the fields are separated by {separator!r}; expected commas"
                )
    return names


def check_heading(path: Path, names: Sequence[str]) -> None:
    """Raise :class:`UserError` if a table has two columns of one name."""
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"{path.name} has the column {name!r} {names.count(name)} times; expected each name"
                " once: rename one of them in the file"
            )


def read_options(encoding: str) -> pyarrow.csv.ReadOptions:
    """Return how a CSV file of this encoding is read."""
    return pyarrow.csv.ReadOptions(block_size=CSV_BLOCK_BYTES, encoding=encoding)


def unreadable(path: Path, encoding: str, error: Exception, option: str = "") -> UserError:
    """Return the error about a file that cannot be read, with the place of a wrong byte."""
    if is_csv(path) and has_utf16_mark(path) and encoding == DEFAULT_ENCODING:
        return UserError(f"{path.name} is UTF-16: say so with {option or ENCODING_OPTION} utf-16")
    is_text = isinstance(error, UnicodeError) or "utf" in str(error).lower()
    if is_csv(path) and is_text:
        found = wrong_bytes(path, encoding, option or ENCODING_OPTION)
        if found is not None:
            return found
    return UserError(f"{path.name} cannot be read: {str(error).splitlines()[0]}")

"""Read headings and rows of CSV, Parquet and Excel files; explain why a file cannot be read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from commands.console.output import UserError
from commands.data.csv_format import DELIMITERS, CsvFormat, Dialect, dialect_of
from commands.data.csv_text import (
    COMPRESSIONS,
    DEFAULT_ENCODING,
    has_utf16_mark,
    is_csv,
    wrong_bytes,
)
from commands.data.excel_file import excel_table, is_excel
from commands.data.record_lines import odd_record

__all__ = [
    "ENCODING_OPTION",
    "READING",
    "check_heading",
    "columns_of",
    "open_csv",
    "record_batches",
    "unreadable",
]

CSV_BLOCK_BYTES = 4 << 20
ENCODING_OPTION = "--encoding"
RECORDS_AT_A_TIME = 1_000

WRONG_WIDTH = re.compile(r"Expected \d+ columns, got \d+")
"""What Arrow says of a record with more or fewer fields than the heading."""
READING = (pa.ArrowException, OSError, UnicodeError, EOFError, ValueError, csv.Error)
"""What damaged files raise."""


def columns_of(path: Path, dialect: Dialect | None = None) -> list[str]:
    """Return the names of a table's columns.

    Args:
        path: the file.
        dialect: how a CSV file is written; None: it is recognised.

    Raises:
        UserError: there is no such file, or it is no CSV, Parquet or Excel file.
    """
    if not path.is_file():
        raise UserError(f"there is no file {str(path)!r}")
    if not (is_csv(path) or is_excel(path) or path.suffix == ".parquet"):
        raise UserError(f"{path.name}: expected a .csv, .csv.gz, .csv.zst, .parquet or .xlsx file")
    encoding = DEFAULT_ENCODING if dialect is None else dialect.encoding
    try:
        if is_csv(path):
            dialect = dialect or dialect_of(path, CsvFormat(), None, ENCODING_OPTION)
            encoding = dialect.encoding
            with path.open("rb") as raw, open_csv(path, raw, dialect) as reader:
                names = reader.schema.names
        elif is_excel(path):
            names = excel_table(path).column_names
        else:
            names = pyarrow.parquet.read_schema(path).names
    except READING as error:
        raise unreadable(path, encoding, error, dialect=dialect) from error
    names = [str(name) for name in names]
    if dialect is not None and len(names) == 1:
        for delimiter in DELIMITERS:
            if delimiter in names[0]:
                raise UserError(
                    f"{path.name}: the fields are separated by {delimiter!r}; expected"
                    f" {dialect.delimiter!r}: declare it, csv: {{delimiter: {delimiter!r}}}"
                )
    return names


def record_batches(
    path: Path, dialect: Dialect, columns: list[str], rows: int
) -> Iterator[tuple[pa.RecordBatch, float]]:
    """Yield columns of a table in pieces, each with the part of the file that is read by then.

    Args:
        path: the file.
        dialect: how a CSV file is written; its values are texts.
        columns: those that are read, in this order.
        rows: how many a piece has, about; of a CSV file that follows from its bytes.
    """
    if is_csv(path):
        size = max(path.stat().st_size, 1)
        with path.open("rb") as raw, open_csv(path, raw, dialect, columns) as reader:
            for batch in reader:
                yield batch, raw.tell() / size
        return
    done = 0
    if is_excel(path):
        table = excel_table(path).select(columns)
        for batch in table.to_batches(max_chunksize=rows):
            done += batch.num_rows
            yield batch, done / max(table.num_rows, 1)
        return
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows, columns=columns):
            done += batch.num_rows
            yield batch.select(columns), done / max(file.metadata.num_rows, 1)


def check_heading(path: Path, names: Sequence[str]) -> None:
    """Raise :class:`UserError` if a table has two columns of one name."""
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"{path.name} has the column {name!r} {names.count(name)} times; expected each name"
                " once: rename one of them in the file"
            )


@contextmanager
def open_csv(
    path: Path, raw: Any, dialect: Dialect, columns: Sequence[str] | None = None
) -> Iterator[pyarrow.csv.CSVStreamingReader]:
    """Open a CSV file as a stream of batches, every value as text.

    Args:
        path: of the file.
        raw: its bytes, whose place shows the progress.
        dialect: how it is written.
        columns: those that are read; None: all.
    """
    stream = raw
    if path.suffix in COMPRESSIONS:
        stream = pa.CompressedInputStream(raw, COMPRESSIONS[path.suffix])
    text: io.TextIOWrapper | None = None
    if dialect.spaces:
        # Arrow takes a quote after a space for a part of the field.
        buffered = io.BufferedReader(stream) if isinstance(stream, pa.NativeFile) else stream
        text = io.TextIOWrapper(buffered, dialect.encoding, newline="")
        stream = pa.PythonFile(_Records(dialect.records(_without_mark(text))), mode="r")
        dialect = Dialect()
    # Everything as text: "007" is no number unless somebody says so.
    convert = pyarrow.csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns or (), pa.string()),
        strings_can_be_null=True,
        null_values=[""],
    )
    reader = pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(block_size=CSV_BLOCK_BYTES, encoding=dialect.encoding),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=dialect.delimiter, quote_char=dialect.quote, newlines_in_values=True
        ),
        convert_options=convert,
    )
    try:
        with reader:
            yield reader
    finally:
        if text is not None:
            text.detach()  # the caller closes what it has opened


def _without_mark(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if number == 0 else line


class _Records(io.RawIOBase):
    """The records of a file as a plain CSV file in UTF-8."""

    def __init__(self, records: Iterator[list[str]]) -> None:
        super().__init__()
        self._records = records
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows(
                islice(self._records, RECORDS_AT_A_TIME)
            )
            self._left = text.getvalue().encode()
        n = min(len(buffer), len(self._left))
        buffer[:n] = self._left[:n]
        self._left = self._left[n:]
        return n


def unreadable(
    path: Path, encoding: str, error: Exception, option: str = "", dialect: Dialect | None = None
) -> UserError:
    """Return the error about a file that cannot be read, with the place of what is wrong."""
    if is_csv(path) and has_utf16_mark(path) and encoding == DEFAULT_ENCODING:
        return UserError(f"{path.name} is UTF-16: say so with {option or ENCODING_OPTION} utf-16")
    is_text = isinstance(error, UnicodeError) or "utf" in str(error).lower()
    if is_csv(path) and is_text:
        found = wrong_bytes(path, encoding, option or ENCODING_OPTION)
        if found is not None:
            return found
    why = str(error).splitlines()[0]
    odd = odd_record(path, dialect) if dialect is not None and WRONG_WIDTH.search(why) else None
    return odd or UserError(f"{path.name} cannot be read: {why}")

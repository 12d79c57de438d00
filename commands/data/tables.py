"""Read CSV, Parquet and Excel files in chunks as samples of a source, whatever their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa

from aggregators.errors import AggregatorError, unknown_name
from aggregators.events import Source
from aggregators.tables.attribute_values import attribute_values
from aggregators.tables.columns import plain_frame
from aggregators.tables.ids import plain_ids
from commands.console.output import UserError
from commands.data.csv_format import CsvFormat, Dialect, dialect_of
from commands.data.csv_text import is_csv
from commands.data.excel_file import is_excel
from commands.data.expressions.chunk_columns import ChunkColumns
from commands.data.expressions.kept_rows import KeptRows
from commands.data.expressions.selection import EVERY_ROW, RowSelection
from commands.data.missing_texts import missing_texts_of, without_missing
from commands.data.record_lines import with_lines
from commands.data.table_files import (
    ENCODING_OPTION,
    READING,
    check_heading,
    columns_of,
    record_batches,
    unreadable,
)
from commands.data.table_values import fact_of, number_reader, to_series
from commands.data.times.clock import AmbiguousTimes
from commands.data.times.column_times import ColumnTimes
from commands.data.times.declared import EventTime

__all__ = [
    "CHUNK_ROWS",
    "TableFile",
    "missing_column",
    "parse_renames",
]

CHUNK_ROWS = 50_000
"""Rows that are read, checked and appended at a time."""
SHOWN_MAX = 80
"""So many characters of a value an error shows."""


def parse_renames(given: Sequence[str]) -> dict[str, str]:
    """Return file column -> source column of options such as ``placed_at=activated``.

    >>> parse_renames(["placed_at=activated"])
    {'placed_at': 'activated'}
    """
    renames: dict[str, str] = {}
    for text in given:
        old, separator, new = (part.strip() for part in text.partition("="))
        if not (old and separator and new):
            raise UserError(
                f"--rename is {text!r}; expected COLUMN_OF_THE_FILE=NAME, e.g. placed_at=activated"
            )
        if old in renames or new in renames.values():
            raise UserError(f"--rename {text}: {old if old in renames else new!r} stands twice")
        renames[old] = new
    return renames


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """A file with one row per sample.

    Args:
        path: a ``.csv`` (also ``.csv.gz``, ``.csv.zst``), ``.parquet`` or ``.xlsx`` file.
        source: whose samples they are.
        renames: names of the file's columns -> the source's.
        time_zone: IANA name of the clock that times without an offset were read from; None where
            there are none.
        integers: columns of the source that are integers in a CSV file; other ids and dimensions
            are text there. A Parquet file says it itself.
        only_renamed: whether columns that ``renames`` does not name are left out, whatever they
            are called.
        numbered: whether the rows' numbers in the file are the sample ids.
        clock_option: what says from which clock times were read, for the error where it is needed.
        encoding: of the text of a CSV file; None: it is recognised.
        encoding_option: what says it.
        csv: how a CSV file is written, as far as it is declared.
        missing: texts that stand for no value, in every column; None: the usual ones, and none in
            a table that a store has exported.
        selection: which rows are read, and what columns are derived from others.
        times: event -> how its times are written, as far as that is declared.
        ambiguous: which moment a time is that the clock shows twice or never.

    Raises:
        UserError: no such file, a column or time zone that is not known.
    """

    path: Path
    source: Source
    renames: Mapping[str, str]
    time_zone: str | None = None
    integers: tuple[str, ...] = ()
    only_renamed: bool = False
    numbered: bool = False
    clock_option: str = "--time-zone"
    encoding: str | None = None
    encoding_option: str = ENCODING_OPTION
    csv: CsvFormat = field(default_factory=CsvFormat)
    missing: tuple[str, ...] | None = None
    selection: RowSelection = EVERY_ROW
    times: Mapping[str, EventTime] = field(default_factory=dict)
    ambiguous: AmbiguousTimes = "earlier"
    _times: ColumnTimes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.time_zone is not None:
            try:
                ZoneInfo(self.time_zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise UserError(
                    f"{self.clock_option} is {self.time_zone!r}; expected an IANA name such as"
                    " Europe/Helsinki or UTC"
                ) from None
        for column in (*self.renames.values(), *self.integers):
            if column not in self._names:
                where = f"source {self.source.name!r}"
                raise UserError(str(unknown_name("column", column, where, self._names)))
        self._check_columns()
        object.__setattr__(self, "_times", self._column_times())

    def _column_times(self) -> ColumnTimes:
        return ColumnTimes(
            self.path,
            self._dialect,
            self.missing_texts,
            columns={name: old for old, name in self._mapped().items()},
            declared=self.times,
            zone=self.time_zone,
            clock_option=self.clock_option,
            ambiguous=self.ambiguous,
            refuse=self._refuse,
        )

    @property
    def asked(self) -> Source:
        """The source whose samples they are."""
        return self.source

    @property
    def is_csv(self) -> bool:
        """Whether it is a CSV file."""
        return is_csv(self.path)

    @property
    def missing_texts(self) -> tuple[str, ...]:
        """The texts that stand for no value."""
        return missing_texts_of(self.path) if self.missing is None else self.missing

    @property
    def _dialect(self) -> Dialect:
        if not self.is_csv or not self.path.is_file():
            return Dialect(decimal=self.csv.decimal or ".")  # of texts in an Excel file
        return dialect_of(self.path, self.csv, self.encoding, self.encoding_option)

    @property
    def _names(self) -> tuple[str, ...]:
        source = self.source
        return (source.sample_id, *source.events, *source.data_columns)

    def _check_columns(self) -> None:
        for old in self.renames:
            if old not in self._file_columns:
                where = f"file {self.path.name}"
                raise UserError(str(unknown_name("column", old, where, self._file_columns)))
        mapped = list(self._mapped().values())
        twice = sorted({name for name in mapped if mapped.count(name) > 1} & set(self._names))
        if twice:
            raise UserError(f"{self.path.name} gives {twice[0]!r} twice; see --rename")
        columns, used = self._file_columns, self._mapped()
        read = self.selection.columns
        check_heading(
            self.path, [one for one in columns if used.get(one) in self._names or one in read]
        )
        if not self.numbered and self.source.sample_id not in mapped:
            raise UserError(
                f"{self.path.name} lacks the sample id {self.source.sample_id!r}; it has"
                f" {', '.join(self._file_columns)}: --rename COLUMN={self.source.sample_id}"
            )
        if not set(self.source.events) & set(mapped):
            raise UserError(
                f"{self.path.name} has none of the events {', '.join(self.source.events)}; it has"
                f" {', '.join(self._file_columns)}: --rename COLUMN={self.source.events[0]}"
            )

    @cached_property
    def _file_columns(self) -> list[str]:
        """Return the columns of the file, and those that are derived from them."""
        return [*columns_of(self.path, self._dialect), *self.selection.derived]

    def _mapped(self) -> dict[str, str]:
        """Return column of the file -> what it is called in the source, if it is there."""
        columns = self._file_columns
        if self.only_renamed:
            return {name: self.renames[name] for name in columns if name in self.renames}
        return {name: self.renames.get(name, name) for name in columns}

    @property
    def present(self) -> tuple[str, ...]:
        """Columns of the source that the file has, in the source's order."""
        mapped = set(self._mapped().values())
        return tuple(name for name in self._names if name in mapped)

    @property
    def absent(self) -> tuple[str, ...]:
        """Columns of the source that the file lacks; they are missing in every row."""
        return tuple(name for name in self._names if name not in self.present)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns of the file that the source does not have."""
        mapped = self._mapped()
        return tuple(n for n in self._file_columns if mapped.get(n) not in self._names)

    def chunks(
        self, chunk_rows: int = CHUNK_ROWS, progress: Callable[[float], None] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Yield the samples in tables of about so many rows, labelled by their row in the file.

        Row 1 is the first one (of a CSV file, the one below the heading). Columns that the file
        lacks are missing in every row. How many rows the selection keeps is printed at the end.

        Args:
            chunk_rows: the most rows of a chunk.
            progress: called with the part of the file that is read.

        Raises:
            UserError: a value that cannot be taken; the message names file, column and row.
        """
        first, counts = 1, KeptRows(path=self.path)
        for batch, done in self._batches(chunk_rows):
            for start in range(0, batch.num_rows, chunk_rows):
                columns = self._columns(batch.slice(start, chunk_rows), first)
                first += len(columns.rows)
                self.selection.apply(columns, counts)
                if len(columns.rows):
                    yield self._chunk(columns)
            if progress is not None:
                progress(done)
        if self.selection.condition is not None:
            counts.print()
        self._times.say()

    def _batches(self, chunk_rows: int) -> Iterator[tuple[pa.RecordBatch, float]]:
        mapped = {old for old, name in self._mapped().items() if name in self._names}
        mapped |= self._times.further_columns
        wanted = (mapped | self.selection.columns) - set(self.selection.derived)
        columns = sorted(wanted)
        try:
            yield from record_batches(self.path, self._dialect, columns, chunk_rows)
        except READING as error:
            dialect = self._dialect
            raise unreadable(
                self.path, dialect.encoding, error, self.encoding_option, dialect
            ) from error

    def _columns(self, batch: pa.RecordBatch, first: int) -> ChunkColumns:
        """Return the columns of a part of the file, whose first row has this number."""
        missing = self.missing_texts
        return ChunkColumns(
            self.path,
            {
                name: without_missing(column, missing)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            },
            pd.RangeIndex(first, first + batch.num_rows),
            numbers=self._numbers,
            moments=self._times.moments,
        )

    def _chunk(self, columns: ChunkColumns) -> pd.DataFrame:
        index, result = columns.rows, dict[str, Any]()
        old_of = {name: old for old, name in self._mapped().items()}
        for name in self.present:
            if self._times.is_of_another_day(name):
                continue  # the day is that of another event
            column = self._times.with_day(columns.output(old_of[name]), name, columns.output)
            is_text = pa.types.is_string(column.type)
            if not (is_text and (self.is_csv or is_excel(self.path))):
                result[name] = self._typed(column, index, name)
                continue
            series = to_series(column)
            series.index = index
            is_event = name in self.source.events
            result[name] = (self._times.moments if is_event else self._from_text)(series, name)
        self._times.in_order(result, self.present, lambda name: columns.output(old_of[name]), index)
        for name in self.absent:
            result[name] = missing_column(self.source, name, index)
        if self.numbered:
            result[self.source.sample_id] = pd.Series(index, index=index)
        return pd.DataFrame({name: result[name] for name in self._names}, index=index)

    def _typed(self, column: pa.Array, index: pd.Index[Any], name: str) -> pd.Series[Any]:
        """Return a column of a Parquet file, checked: ids, dimensions and numbers as they count."""
        boxed = pd.Series(pd.arrays.ArrowExtensionArray(column), index)
        what = f"column {name!r}"
        try:
            plain = plain_frame(pd.DataFrame({name: boxed}))[name]
            if name in self.source.attributes:
                return pd.Series(attribute_values(plain, what), index)
            if name in (self.source.sample_id, *self.source.dimensions):
                optional = name != self.source.sample_id
                found = to_series(plain_ids(plain, what, optional=optional))
                found.index = index
                return found
        except AggregatorError as error:
            raise UserError(f"{self.path.name}, {self.located(str(error))}") from error
        found = to_series(pa.array(plain))
        found.index = index
        return self._times.moments(found, name) if name in self.source.events else found

    def _from_text(self, column: pd.Series[Any], name: str) -> pd.Series[Any]:
        if name in self.source.attributes:
            return self._numbers(column, name)
        if name in self.integers:
            return self._integers(column, name)
        if name in self.source.facts:
            return column.map(fact_of, na_action="ignore").astype(object)
        return column

    def _integers(self, column: pd.Series[Any], name: str) -> pd.Series[Any]:
        good = column.str.fullmatch(r"\s*[+-]?\d{1,18}\s*").fillna(True).astype(bool)
        self._refuse(column, ~good, name, "is no integer of up to 18 digits")
        return column.map(int, na_action="ignore").astype("Int64")

    def _numbers(self, column: pd.Series[Any], name: str) -> pd.Series[Any]:
        # Python's own reading is exact to the last bit, that of pandas is not.
        read = number_reader(self._dialect.decimal, self._dialect.thousands)
        numbers = column.map(read, na_action="ignore").astype("float64")
        bad = column.notna() & ~np.isfinite(numbers)
        hint = _marks_hint(column[bad].iloc[0], self.is_csv) if bad.any() else ""
        self._refuse(column, bad, name, f"is no finite number{hint}")
        return numbers

    def _refuse(self, column: pd.Series[Any], bad: Any, name: str, why: str) -> None:
        """Raise for the first bad row, if there is one."""
        bad = np.asarray(bad, bool)
        if not bad.any():
            return
        row = column.index[int(np.argmax(bad))]
        value = column.loc[row]
        shown = repr(value) if isinstance(value, str) else str(value)
        shown = shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}..."
        where = self.located(f"row {row}")
        raise UserError(f"{self.path.name}, column {name!r}, {where}: {shown} {why}")

    def located(self, message: str) -> str:
        """Return an error about rows with their lines in the file."""
        return with_lines(self.path, self._dialect, message) if self.is_csv else message


def _marks_hint(text: str, is_csv: bool) -> str:
    """Return what to declare so that a text may be a number; empty: nothing helps."""
    declare = "; declare the {} in the mapping, csv: {}"
    grouped = re.search(r"\d([ \u00a0\u202f'])\d{3}", text) if is_csv else None
    if grouped is not None:
        mark = "'" if grouped[1] == "'" else " "
        decimal = "decimal: ',', " if "," in text else ""
        return declare.format("marks", f'{{{decimal}thousands: "{mark}"}}')
    if "," not in text:
        return ""
    return declare.format("commas", "{decimal: ','}" + (" or {thousands: ','}" if is_csv else ""))


def missing_column(source: Source, name: str, index: pd.Index[Any]) -> pd.Series[Any]:
    """Return a column of a source that a file lacks: missing in every row."""
    kind: Any = "datetime64[us, UTC]" if name in source.events else "object"
    kind = "float64" if name in source.attributes else kind
    missing: pd.Series[Any] = pd.Series(None, index=index, dtype=kind)
    return missing

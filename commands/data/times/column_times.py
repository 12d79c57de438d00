"""Read the columns of times of a table as moments; say what was doubtful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from commands.console.output import UserError, error_console
from commands.data.csv_format import Dialect
from commands.data.missing_texts import without_missing
from commands.data.table_files import columns_of, record_batches
from commands.data.times.clock import AmbiguousTimes, localised
from commands.data.times.day_and_time import days_of, joined
from commands.data.times.declared import EventTime, declared_format, declared_order
from commands.data.times.patterns import DateOrder
from commands.data.times.reading import ReadTimes, read_numbers, read_texts
from commands.data.times.recognition import TimeFormat, recognise, recognise_numbers

__all__ = ["ColumnTimes", "recognised_column"]

SCANNED_ROWS = 200_000
ANY_DAY = "2000-01-01"
"""Stands for the day where a time of day is recognised alone."""

Refuse = Callable[["pd.Series[Any]", Any, str, str], None]


class ColumnTimes:
    """Reads times of the columns of a table.

    Args:
        path: of the table.
        dialect: how a CSV file is written.
        missing: texts that stand for no value.
        columns: event -> column of the file.
        declared: event -> how its times are written, as far as that is declared.
        zone: of the clock that times without an offset were read from; None: it is not known.
        clock_option: what says it.
        ambiguous: which moment a time is that this clock shows twice or never.
        refuse: raises for the first bad row of a column.
    """

    def __init__(
        self,
        path: Path,
        dialect: Dialect,
        missing: tuple[str, ...],
        *,
        columns: Mapping[str, str],
        declared: Mapping[str, EventTime],
        zone: str | None,
        clock_option: str,
        ambiguous: AmbiguousTimes,
        refuse: Refuse,
    ) -> None:
        self._path = path
        self._dialect = dialect
        self._missing = missing
        self._columns = columns
        self._declared = declared
        self._by_column = {
            one.column: one
            for one in declared.values()
            if one.column and not (one.date or one.after)
        }
        self._zone = zone
        self._clock_option = clock_option
        self._ambiguous = ambiguous
        self._refuse = refuse
        self._n_ambiguous = Counter[str]()
        self._n_offsets = Counter[str]()
        self._n_local = Counter[str]()
        self._formats: dict[str, TimeFormat] = {}
        self._said = set[str]()

    @property
    def further_columns(self) -> set[str]:
        """Columns of days, which are read beside those of the events."""
        return {one.date for one in self._declared.values() if one.date is not None}

    def moments(self, column: pd.Series[Any], name: str) -> pd.Series[Any]:
        """Return the times of a column in UTC, missing where they are.

        Args:
            column: labelled by the rows of the file.
            name: of the event, or of a column of the file.

        Raises:
            UserError: a value is no time, or the column can be read in two ways.
        """
        dtype: Any = column.dtype
        if isinstance(dtype, pd.DatetimeTZDtype):
            return column
        if pd.api.types.is_datetime64_dtype(dtype):
            return self._in_utc(column, column, name)
        read = self._read(column, name)
        n_offsets = int(read.moments.notna().sum())
        self._n_offsets[name] += n_offsets
        if not read.local.notna().any():
            return read.moments
        local = self._in_utc(read.local, column, name)
        return local if not n_offsets else read.moments.where(read.local.isna(), local)

    def with_day(self, column: pa.Array, name: str, day: Callable[[str], pa.Array]) -> pa.Array:
        """Return a column of times with their day before them, where an event has it elsewhere.

        Args:
            column: of the times.
            name: of the event.
            day: gives a column of the file.
        """
        one = self._of(name)
        return column if one is None or one.date is None else joined(day(one.date), column)

    def in_order(
        self,
        found: dict[str, Any],
        names: tuple[str, ...],
        column_of: Callable[[str], pa.Array],
        rows: pd.Index[Any],
    ) -> None:
        """Put times of day after the events that they follow.

        Args:
            found: event -> its moments; changed.
            names: of the events, in their order.
            column_of: gives the column of an event.
            rows: of the file.
        """
        for name in names:
            one = self._of(name)
            if one is None or one.after is None or one.is_duration:
                continue
            before = found[one.after]
            if one.date is None:
                times = joined(days_of(before, self._zone or "UTC"), column_of(name))
                texts = pd.Series(pd.array(times.to_pylist(), "string"), rows)
                found[name] = self.moments(texts, name)
            found[name] = self._next_day(found[name], before)

    def is_of_another_day(self, name: str) -> bool:
        """Whether the times of an event are times of the day of the event before it."""
        one = self._of(name)
        return one is not None and not one.is_duration and one.after is not None and not one.date

    def _of(self, name: str) -> EventTime | None:
        """Return what is declared of an event, or of a column that expressions use."""
        return self._declared.get(name) or self._by_column.get(name)

    def say(self) -> None:
        """Print what was doubtful since the last time, each thing once."""
        for name, n in self._n_ambiguous.items():
            taken = f"the {self._ambiguous} moment is taken"
            if self._ambiguous == "drop":
                taken = "they count as missing"
            self._print(
                f"the clock of {self._zone} shows {n:,} of {self._n_local[name]:,} times of {name}"
                f" twice or never: {taken} (ambiguous: earlier, later or drop)"
            )
        for name, n in self._n_offsets.items():
            n_local = self._n_local[name]
            if n and n_local:
                self._print(
                    f"{n:,} of {n + n_local:,} times of {name} have an offset, the others are read"
                    f" from the clock of {self._zone}"
                )
        for counts in (self._n_ambiguous, self._n_offsets, self._n_local):
            counts.clear()

    def _print(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            error_console.print(f"{self._path.name}: {message}", soft_wrap=True, markup=False)

    def _read(self, column: pd.Series[Any], name: str) -> ReadTimes:
        one = self._of(name)
        declared = declared_format(None if one is None else one.format)
        if pd.api.types.is_numeric_dtype(column.dtype) and not column.isna().all():
            how = declared or self._recognised(column, name)
            if not how.unit or pd.api.types.is_bool_dtype(column.dtype):
                self._refuse(
                    column, column.notna(), name,
                    "is no timestamp; a column of numbers counts s, ms or us since 1970 (format:"
                    " epoch_s says which)",
                )  # fmt: skip
            read = read_numbers(column, how.unit)
            self._refuse(column, read.bad, name, "is no time")
            return read
        if not (pd.api.types.is_string_dtype(column.dtype) or column.isna().all()):
            self._refuse(column, column.notna(), name, "is no timestamp")
        shown = [""]

        def format_of() -> TimeFormat:
            how = declared or self._recognised(column, name)
            self._formats[name] = how
            shown[0] = how.words
            return how

        before = declared or self._formats.get(name)
        iso = before is None or before.has_iso
        read = read_texts(column.astype("string"), format_of, iso=iso)
        expected = f"read as {shown[0]}" if shown[0] else "in ISO 8601"
        self._refuse(column, read.bad, name, f"is no time {expected}")
        return read

    def _recognised(self, column: pd.Series[Any], name: str) -> TimeFormat:
        """Return how the column as a whole writes its times."""
        one, given = self._of(name), self._columns.get(name, name)
        order = declared_order(None if one is None else one.format)
        if given not in columns_of(self._path, self._dialect):  # derived from other columns
            return recognise([pa.array(column.astype("string"), from_pandas=True)], order)
        date = None if one is None else one.date
        if self.is_of_another_day(name):
            date = ANY_DAY
        how = recognised_column(self._path, self._dialect, self._missing, given, date, order)
        self._check(how, name, given)
        return how

    def _check(self, how: TimeFormat, name: str, column: str) -> None:
        """Raise where the dates of a column can be read in two ways."""
        declare = f"{{column: {column}, format: day_first}} or month_first"
        if how.order == "ambiguous":
            raise UserError(
                f"{self._path.name}, column {name!r}: no date says whether the day or the month"
                f" stands first, such as {how.example!r}; declare it in a mapping, events:"
                f" {name}: {declare}, or a pattern such as '%y-%m-%d'"
            )
        if how.order == "mixed":
            raise UserError(
                f"{self._path.name}, column {name!r}: some dates can only be read with the day"
                " first, others only with the month first; expected one order, see"
                f" events: {name}: {declare}"
            )

    def _in_utc(self, local: pd.Series[Any], given: pd.Series[Any], name: str) -> pd.Series[Any]:
        """Return times without an offset as moments in UTC."""
        if self._zone is None:
            self._refuse(
                given, local.notna(), name,
                f"has no UTC offset; say which clock it was read from, e.g. {self._clock_option}"
                f" Europe/Helsinki or {self._clock_option} UTC",
            )  # fmt: skip
        found = localised(local, self._zone or "UTC", self._ambiguous)
        self._n_local[name] += int(local.notna().sum())
        if found.n_ambiguous:
            self._n_ambiguous[name] += found.n_ambiguous
        return found.moments

    def _next_day(self, moments: pd.Series[Any], before: pd.Series[Any]) -> pd.Series[Any]:
        """Return moments that are before others a day later, as the clock counts days."""
        early = moments < before
        if not early.any():
            return moments
        zone = self._zone or "UTC"
        local = moments[early].dt.tz_convert(zone).dt.tz_localize(None) + pd.Timedelta(days=1)
        later: pd.Series[Any] = moments.dt.as_unit("us")
        later.loc[early] = localised(local, zone, self._ambiguous).moments.dt.as_unit("us")
        return later


def recognised_column(
    path: Path,
    dialect: Dialect,
    missing: tuple[str, ...],
    column: str,
    date: str | None = None,
    order: DateOrder | None = None,
) -> TimeFormat:
    """Return how a column of a file writes its times; it is read as a whole, once.

    Args:
        path: of the file.
        dialect: how a CSV file is written.
        missing: texts that stand for no value.
        column: of the times.
        date: column of the days, or :data:`ANY_DAY`; None: the times have their days.
        order: of day and month, if it is declared.
    """
    state = path.stat()
    return _scanned(path, dialect, missing, column, date, order, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _scanned(
    path: Path,
    dialect: Dialect,
    missing: tuple[str, ...],
    column: str,
    date: str | None,
    order: DateOrder | None,
    _changed_ns: int,
    _size: int,
) -> TimeFormat:
    """Return how a column of a file writes its times; it is read as a whole."""
    names = [column] if date is None or date == ANY_DAY else [column, date]
    pieces = _pieces(path, dialect, missing, names, date)
    first = next(pieces, pa.array([], pa.string()))
    rest = (piece for part in ([first], pieces) for piece in part)
    is_number = pa.types.is_integer(first.type) or pa.types.is_floating(first.type)
    how = recognise_numbers(rest) if is_number else recognise(rest, order)
    if how.words and how.order not in ("ambiguous", "mixed"):
        where = column if len(names) == 1 else f"{date} with {column}"
        error_console.print(
            f"{path.name}: {where} is read as {how.words}", soft_wrap=True, markup=False
        )
    return how


def _pieces(
    path: Path, dialect: Dialect, missing: tuple[str, ...], names: list[str], date: str | None
) -> Iterator[pa.Array]:
    for batch, _ in record_batches(path, dialect, names, SCANNED_ROWS):
        found = [without_missing(column, missing) for column in batch.columns]
        column = found[0]
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_time(column.type):
            column = column.cast(pa.string())
        if len(found) > 1:
            yield joined(found[1], column)
        elif date is not None:
            yield joined(date, column)
        else:
            yield column

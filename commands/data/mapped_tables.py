"""Read the tables of a mapping in chunks, as samples of their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from aggregators import AggregatorError, Source
from aggregators.catalog import CATALOG
from commands.console.output import UserError
from commands.data.catalog_sources import source_of_catalog
from commands.data.csv_format import Dialect, dialect_of
from commands.data.csv_text import is_csv
from commands.data.expressions.file_kinds import kinds_of_columns
from commands.data.expressions.selection import EVERY_ROW, RowSelection, compile_selection
from commands.data.mapping_file import MappedTable, MappingFile, read_mapping
from commands.data.sample_check import check_for_training
from commands.data.table_files import columns_of
from commands.data.tables import CHUNK_ROWS, TableFile, missing_column
from commands.data.units.conversions import Conversion, UnitMismatchError, conversion_to
from estimators.features.facts import LOCAL_HOUR, LOCAL_WEEKDAY

__all__ = ["COMPUTED", "MappedFile", "Progress", "mapped_files", "table_path_of"]

COMPUTED = frozenset((LOCAL_HOUR, LOCAL_WEEKDAY, *CATALOG.names))
"""Names that mean something else to models: no event, dimension or attribute may have them."""

DURATION_MAX_S = 100.0 * 366.0 * 86_400.0

Progress: TypeAlias = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class MappedFile:
    """A table with the names that a mapping gives its columns.

    Args:
        source: whose samples they are, with the events and columns of the mapping.
        table: the file, as it is read.
        given: what the mapping says of it.
        between: event that is told by the time since another one -> its column, as it is read.
        conversions: attribute -> how the numbers of its column become its own.
        wanted: the source of a catalog whose samples are asked for; None: that of the mapping.
    """

    source: Source
    table: TableFile
    given: MappedTable
    between: Mapping[str, str]
    conversions: Mapping[str, Conversion]
    wanted: Source | None = None

    @classmethod
    def of(
        cls, file: MappingFile, given: MappedTable, field: str, name: str, path: Path
    ) -> MappedFile:
        """Return the table of a mapping; its columns are checked, its rows are not read yet.

        Args:
            file: the mapping.
            given: what it says of this table.
            field: where it says so, with a dot at its end; empty for the table of samples.
            name: of the source.
            path: of the table.

        Raises:
            UserError: the mapping and the table do not fit; the message names line and field.
        """
        source = _source(file, given, field, name)
        between = {name: f"{name}_after" for name in given.later}
        table = TableFile(
            path=path,
            source=_as_read(file, given, field, source, between),
            renames=_renames(file, given, field, source, between, path),
            time_zone=given.clock,
            integers=tuple(given.integers),
            only_renamed=True,
            numbered=given.id is None,
            clock_option=f"{field}clock:",
            encoding=given.encoding,
            encoding_option=f"{field}encoding:",
            csv=given.csv,
            missing=None if given.missing is None else ("", *given.missing),
            selection=_selection(file, given, field, path),
            times={name: one for name, one in given.times.items() if name not in between},
            ambiguous=given.ambiguous,
        )
        return cls(
            source=replace(source, missing=table.missing_texts),
            table=table,
            given=given,
            between=between,
            conversions=_conversions(file, given, field),
        )

    @property
    def path(self) -> Path:
        """Of the table."""
        return self.table.path

    def located(self, message: str) -> str:
        """Return an error about rows with their lines in the file."""
        return self.table.located(message)

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the source that is asked for, which the mapping gives."""
        return tuple(name for name in self._names if name in self._mapped)

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the source that is asked for, which the mapping does not give."""
        return tuple(name for name in self._names if name not in self._mapped)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the mapping that the source that is asked for does not have."""
        return tuple(name for name in self._mapped if name not in self._names)

    @property
    def asked(self) -> Source:
        """The source whose samples are asked for."""
        return self.source if self.wanted is None else self.wanted

    @property
    def _names(self) -> tuple[str, ...]:
        asked = self.asked
        return (asked.sample_id, *asked.events, *asked.data_columns)

    @property
    def _mapped(self) -> tuple[str, ...]:
        return (self.asked.sample_id, *self.source.events, *self.source.data_columns)

    def chunks(
        self, chunk_rows: int = CHUNK_ROWS, progress: Progress | None = None
    ) -> Iterator[pd.DataFrame]:
        """Yield the samples in tables of about so many rows, as :meth:`TableFile.chunks` does."""
        seen: set[object] = set()
        for found in self.table.chunks(chunk_rows, progress):
            rows = self._first_of_ids(found, seen) if self.given.repeated_ids == "first" else found
            for name, value in self.given.constants.items():
                rows[name] = value
            for name, conversion in self.conversions.items():
                rows[name] = conversion.of(rows[name])
            for event, one in self.given.later.items():
                seconds = (rows[self.between[event]] * one.unit_s).round(6)
                self._check_durations(seconds, one.read_column)
                rows[event] = rows[one.after] + pd.to_timedelta(seconds, unit="s")
            rows = rows.drop(columns=list(self.between.values()))
            yield rows if self.wanted is None else self._conformed(rows)

    def _check_durations(self, seconds: pd.Series[float], column: str) -> None:
        """Refuse what no duration is: it would overflow the times."""
        bad = seconds.abs() > DURATION_MAX_S
        if bad.any():
            row = seconds.index[int(np.argmax(bad))]
            said = f"column {column!r}, row {row}: {seconds.loc[row]:g} s is no duration"
            raise UserError(f"{self.path.name}, {self.located(said)}; expected at most 100 years")

    def _first_of_ids(self, rows: pd.DataFrame, seen: set[object]) -> pd.DataFrame:
        """Return the rows whose ids were not seen, and add these."""
        ids = rows[self.source.sample_id]
        first = rows[~(ids.isin(seen) | ids.duplicated()) | ids.isna()]
        seen.update(first[self.source.sample_id].dropna())
        return first

    def _conformed(self, rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.rename(columns={self.source.sample_id: self.asked.sample_id})
        for name in self.absent:
            rows[name] = missing_column(self.asked, name, rows.index)
        return rows[list(self._names)]

    def read(self, progress: Progress | None = None, *, latest: int | None = None) -> pd.DataFrame:
        """Return all samples, labelled from 0 on.

        Args:
            progress: called with the part of the table that is read.
            latest: keep only so many, those whose first event is the latest; None: all. The others
                are not kept in memory.

        Raises:
            UserError: a value that cannot be taken, or there is no row.
        """
        chunks: list[pd.DataFrame] = []
        for rows in self.chunks(progress=progress):
            chunks.append(rows)
            if latest is not None and sum(map(len, chunks)) > latest + CHUNK_ROWS:
                chunks = [_latest_rows(pd.concat(chunks), self.source, latest)]
        if not chunks:
            raise UserError(f"{self.path.name} has no rows")
        rows = pd.concat(chunks)
        if latest is not None:
            rows = _latest_rows(rows, self.source, latest)
        check_for_training(self, self.asked, rows)
        return rows.reset_index(drop=True)


def _latest_rows(rows: pd.DataFrame, source: Source, n: int) -> pd.DataFrame:
    """Return the n rows that began last, in their order; of equal times the later rows."""
    began = rows[[*source.events]].min(axis=1)
    kept = began.sort_values(kind="stable", na_position="first").index[-n:]
    return rows.loc[kept.sort_values()]


def mapped_files(path: Path, data: Path | None, sources: tuple[Source, ...]) -> list[MappedFile]:
    """Return the tables of a mapping as samples of a catalog's sources, that of samples first.

    Args:
        path: of the mapping.
        data: the table, or its folder; None: beside the mapping.
        sources: of the catalog.

    Raises:
        UserError: a table does not fit, or the catalog has no such source.
    """
    file = read_mapping(path)
    given = file.mapping
    tables = [("", given.source, given), *((f"tables.{k}.", k, v) for k, v in given.tables.items())]
    return [
        replace(
            MappedFile.of(file, one, field, name, table_path_of(file, one, field, data)),
            wanted=source_of_catalog(sources, name),
        )
        for field, name, one in tables
    ]


def table_path_of(file: MappingFile, given: MappedTable, field: str, data: Path | None) -> Path:
    """Return where a table lies; only the one of the samples may be named on the command line."""
    if data is not None and not data.is_dir():
        if not field:
            return data
        data = None
    if given.file is None:
        if field:
            raise file.error(field.rstrip("."), "lacks 'file', the table, CSV or Parquet")
        raise UserError(
            f"{file.path.name} names no table: pass --data TABLE (CSV or Parquet), or add a field"
            " such as file: orders.parquet"
        )
    folders = [file.path.parent] if data is None else [data, file.path.parent]
    for folder in folders:
        if (folder / given.file).is_file():
            return folder / given.file
    raise file.error(
        f"{field}file", f"there is no {given.file!r} in {' or '.join(map(str, folders))}"
    )


def _source(file: MappingFile, given: MappedTable, field: str, name: str) -> Source:
    dimensions = (*given.pairs("dimensions"), *given.constants)
    columns = [*dimensions, *given.pairs("attributes")]
    for column, event in given.known_from.items():
        place = f"{field}known_from.{column}"
        file.check_name(place, column, columns, "dimension or attribute of this mapping")
        file.check_name(place, event, given.pairs("events"), "event of this mapping")
    try:
        return Source(
            name,
            sample_id=_sample_id(name),
            events=tuple(given.pairs("events")),
            dimensions=dimensions,
            attributes=tuple(given.pairs("attributes")),
            known_from=given.known_from,
        )
    except AggregatorError as error:
        raise file.error(field.rstrip("."), str(error)) from error


def _conversions(file: MappingFile, given: MappedTable, field: str) -> dict[str, Conversion]:
    found = {}
    for name, unit in given.units.items():
        try:
            found[name] = conversion_to(name, unit)
        except UnitMismatchError as error:
            raise file.error(f"{field}attributes.{name}.unit", str(error)) from None
    return found


def _dialect(given: MappedTable, field: str, path: Path) -> Dialect | None:
    if not (is_csv(path) and path.is_file()):
        return None
    return dialect_of(path, given.csv, given.encoding, f"{field}encoding:")


def _selection(file: MappingFile, given: MappedTable, field: str, path: Path) -> RowSelection:
    if given.filter is None and not given.columns:
        return EVERY_ROW
    return compile_selection(
        given.filter,
        given.columns,
        kinds_of_columns(path, _dialect(given, field, path)),
        clock=given.clock,
        error=lambda name, why: file.error(f"{field}{name}", why),
    )


def _sample_id(source: str) -> str:
    """Return the catalog's name for the id of such a source, so that features match."""
    return next((one.sample_id for one in CATALOG.sources if one.name == source), "id")


def _renames(
    file: MappingFile,
    given: MappedTable,
    field: str,
    source: Source,
    between: Mapping[str, str],
    path: Path,
) -> dict[str, str]:
    """Return column of the file -> what it is called as it is read."""
    there = [*columns_of(path, _dialect(given, field, path)), *given.columns]
    renames: dict[str, str] = {}
    if given.id is not None:
        renames[given.id] = source.sample_id
        file.check_name(f"{field}id", given.id, there, f"column of {path.name}")
    for part in ("events", "dimensions", "attributes"):
        for name, column in given.pairs(part).items():
            place = f"{field}{part}.{name}" if isinstance(getattr(given, part), dict) else part
            place += ".column" if part == "attributes" and name in given.units else ""
            file.check_name(place, column, there, f"column of {path.name}")
            if column in renames:
                raise file.error(
                    place,
                    f"column {column!r} is {renames[column]!r} already; a column has one name",
                )
            if name in COMPUTED:
                raise file.error(
                    place,
                    f"{name!r} is what models call an input that they compute; give the column"
                    f" another name, such as own_{name}: {column}",
                )
            renames[column] = between.get(name, name) if part == "events" else name
    for name, one in given.times.items():
        if one.date is not None:
            file.check_name(f"{field}events.{name}.date", one.date, there, f"column of {path.name}")
    for k, name in enumerate(given.integers):
        known = (source.sample_id, *source.dimensions)
        file.check_name(f"{field}integers.{k}", name, known, "id or dimension")
    return renames


def _as_read(
    file: MappingFile, given: MappedTable, field: str, source: Source, between: Mapping[str, str]
) -> Source:
    """Return the source as the file has it: the time in between is a number, no event."""
    for name, one in given.times.items():
        place = f"{field}events.{name}"
        if one.problem():
            raise file.error(place, one.problem())
        own_events = [event for event in source.events if event not in between]
        if one.after is not None and one.is_duration:
            file.check_name(
                f"{place}.after", one.after, own_events, "event with a column of its own times"
            )
        elif one.after is not None:
            earlier = own_events[: own_events.index(name)]
            file.check_name(
                f"{place}.after", one.after, earlier, "event above it with a column of its own"
            )
    return replace(
        source,
        events=tuple(event for event in source.events if event not in between),
        dimensions=tuple(given.pairs("dimensions")),
        attributes=(*source.attributes, *between.values()),
        known_from={},
    )

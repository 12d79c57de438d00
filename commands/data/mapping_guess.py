"""Guess a first mapping from the names and values of a table's columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from aggregators.standard_sources import COURIER_EVENTS
from aggregators.tables.columns import unencoded
from commands.console.output import UserError
from commands.data.csv_format import CsvFormat, Dialect, dialect_of
from commands.data.csv_text import is_csv, opened, wrong_bytes
from commands.data.excel_file import excel_rows, is_excel
from commands.data.mapped_tables import COMPUTED
from commands.data.missing_texts import MISSING_TEXTS
from commands.data.table_files import ENCODING_OPTION, check_heading, columns_of
from commands.data.units.conversions import fits_unit
from commands.data.units.names import proposed_unit
from commands.data.yaml_text import in_unit, path_from, quoted

__all__ = ["GuessedMapping", "guess_mapping"]

ROWS_LOOKED_AT = 20_000
TIMES_SHARE = 0.95
"""So many of a column's values must be times before it is an event."""
VALUES_OF_DIMENSION = 0.5
"""A column groups rows if it has fewer distinct values than this part of them."""

_EVENTS: tuple[tuple[str, str], ...] = (
    ("cancelled", r"cancel"),
    ("courier_at_store", r"(arriv|at|reach)\w*(store|restaurant|pickup|pick_up|merchant|venue)"),
    ("courier_at_customer", r"(arriv|at|reach)\w*(customer|drop|destination|door|client)"),
    ("courier_assigned", r"assign|courier_accept|driver_accept|delivery_started"),
    ("picked_up", r"pick|collect|left_(store|restaurant)|left_pickup"),
    ("ready", r"ready|prepared|cooked|finish_prep"),
    ("accepted", r"accept|acknowledg|confirm"),
    ("dispatched", r"dispatch|sent_to|submitted"),
    ("delivered", r"deliver|dropped|complet|actual"),
    ("activated", r"activat|plac|creat|order(ed)?_(at|time|date|ts)|^time|timestamp|received"),
)
"""Names of events, and what columns of them are called; the first that fits, in this order."""
_DIMENSIONS: tuple[tuple[str, str], ...] = (
    ("store_category", r"categor|cuisine|food_type|type_of_food|store_type"),
    ("courier_id", r"courier|driver|rider|dasher|jumpman"),
    ("store_id", r"store|restaurant|merchant|venue|vendor|kitchen|shop"),
    ("city", r"city|market|town|metro"),
    ("zone", r"zone|area|district|hex|cell|region|neighbou?rhood"),
)
_ATTRIBUTES: tuple[tuple[str, str], ...] = (
    ("distance_to_store_m", r"distance_to_(store|restaurant|pickup)"),
    ("distance_m", r"distance|dist_m$|meters|metres"),
    ("products", r"products?$|items?$|quantity|n_items|num_items|item_count|total_items"),
    ("amount", r"amount|price|total|value|subtotal|basket"),
)
_OUTCOME = r"actual|durat|prep_?time|took|elapsed|delay|lateness|wait|rating|tip\b|refund|feedback"
"""Numbers that are known only when all is over, by their names."""
OUTCOME_CORRELATION = 0.99
"""A number that follows the time between two events so closely is that time."""

CITY = "city"
COURIER_COLUMNS = ("courier_id", "distance_to_store_m")

_OFFSET = re.compile(r":\d{2}(?:\.\d+)?\s*(?:Z|[+-]\d{2}(?::?\d{2})?)$")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(kw_only=True)
class GuessedMapping:
    """The guessed meaning of a table's columns.

    Args:
        file: the table.
        id: the column that identifies a row; empty: none does.
        events: event -> column, in the order in which they happen.
        dimensions: name -> column.
        attributes: name -> column.
        units: attribute -> unit of its column, by the column's name.
        known_from: name of a dimension or attribute -> event from which it seems to be known.
        naive: events whose times have no offset from UTC.
        left_out: column -> why.
        encoding: of a CSV file.
    """

    file: Path
    encoding: str = "utf-8"
    id: str = ""
    events: dict[str, str] = field(default_factory=dict)
    dimensions: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    known_from: dict[str, str] = field(default_factory=dict)
    naive: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def to_yaml(self, folder: Path | None = None) -> str:
        """Return the mapping with comments that say what to look at.

        Args:
            folder: in which the YAML will lie, from which it names the table; None: the table's.
        """
        return "\n".join(_lines(self, path_from(folder, self.file))) + "\n"


def guess_mapping(path: Path, encoding: str | None = None) -> GuessedMapping:
    """Look at the first rows of a table and guess what its columns are.

    Times become events, in the order of their median; what repeats and groups rows becomes a
    dimension, other numbers attributes. Known names are recognised in English.

    Args:
        path: the table.
        encoding: of a CSV file; None: it is recognised.

    Raises:
        UserError: the file cannot be read, a column stands twice, or no column holds times.
    """
    dialect = Dialect()
    if is_csv(path) and path.is_file():
        dialect = dialect_of(path, CsvFormat(), encoding, ENCODING_OPTION)
    table = _first_rows(path, dialect)
    guessed = GuessedMapping(file=path, encoding=dialect.encoding)
    times: dict[str, pd.Series[Any]] = {}
    for column in table.columns:
        moments, naive = _times(table[column])
        if moments is None:
            continue
        times[column] = moments
        if naive:
            guessed.naive.append(column)
    if not times:
        raise UserError(
            f"{path.name}: no column holds times (2026-03-02T12:00:00+01:00); it has"
            f" {', '.join(table.columns)}"
        )
    _name_events(guessed, times)
    rest = [column for column in table.columns if column not in times]
    nested = [column for column in rest if table[column].map(_is_nested).any()]
    guessed.left_out.update(dict.fromkeys(nested, "holds lists or records, not one value per row"))
    rest = [column for column in rest if column not in nested]
    seconds = _seconds(times)
    guessed.id = _id_of(table, rest)
    for column in rest:
        if column != guessed.id:
            _place(guessed, column, table[column], seconds)
    guessed.known_from = dict(_later(guessed, table))
    return guessed


def _is_nested(value: object) -> bool:
    return isinstance(value, list | dict | np.ndarray)


def _first_rows(path: Path, dialect: Dialect) -> pd.DataFrame:
    encoding = dialect.encoding
    check_heading(path, columns_of(path, dialect))
    try:
        table = _read_rows(path, dialect)
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        wrong = None if path.suffix == ".parquet" else wrong_bytes(path, encoding)
        why = str(error).splitlines()[0]
        raise wrong or UserError(f"{path.name} cannot be read: {why}") from error
    if not len(table):
        raise UserError(f"{path.name} has no rows")
    return table


def _read_rows(path: Path, dialect: Dialect) -> pd.DataFrame:
    if is_excel(path):
        return excel_rows(path, ROWS_LOOKED_AT)
    if path.suffix != ".parquet":
        with opened(path) as text:
            return pd.read_csv(
                text, nrows=ROWS_LOOKED_AT, encoding=dialect.encoding, sep=dialect.delimiter,
                quotechar=dialect.quote, decimal=dialect.decimal,
                thousands=dialect.thousands or None,
                skipinitialspace=dialect.spaces,
                na_values=list(MISSING_TEXTS),
            )  # fmt: skip
    with pyarrow.parquet.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=ROWS_LOOKED_AT), None)
    if batch is None:
        return pd.DataFrame()
    rows: pd.DataFrame = unencoded(pa.Table.from_batches([batch])).to_pandas()
    return rows


def _times(column: pd.Series[Any]) -> tuple[pd.Series[Any] | None, bool]:
    """Return a column as moments, and whether they have no offset; None: they are no times."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC"), False
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return column.dt.tz_localize("UTC"), True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return None, False
    text = column.dropna().astype("string")
    if not len(text) or text.str.match(_DATE).mean() < TIMES_SHARE:
        return None, False
    moments = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    if moments.notna().mean() < TIMES_SHARE:
        return None, False
    return moments, not bool(text.str.contains(_OFFSET, regex=True).all())


def _name_events(guessed: GuessedMapping, times: Mapping[str, pd.Series[Any]]) -> None:
    """Name the columns of times, in the order in which they follow each other."""
    seconds = _seconds(times)
    order = seconds.sub(seconds.min(axis=1), axis=0).median().sort_values(kind="stable")
    for column in order.index:
        name = _known(column, _EVENTS)
        if not name or name in guessed.events:
            name = _identifier(column)
        guessed.events[name] = column
    guessed.naive = [name for name, column in guessed.events.items() if column in guessed.naive]


def _seconds(times: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    start = pd.Timestamp("1970-01-01", tz="UTC")
    return pd.DataFrame({name: (one - start).dt.total_seconds() for name, one in times.items()})


def _id_of(table: pd.DataFrame, columns: list[str]) -> str:
    """Return the column that has each value once; one that is called an id first."""
    unique = [
        column
        for column in columns
        if table[column].notna().all()
        and table[column].is_unique
        and not pd.api.types.is_float_dtype(table[column].dtype)
    ]

    def unlike_an_id(column: str) -> tuple[bool, bool]:
        lowered = column.lower()
        of_order = re.search(r"order|delivery|sample", lowered)
        return not of_order, not re.search(r"id$|number$|no$|key$", lowered)

    return min(unique, key=unlike_an_id, default="")


def _place(
    guessed: GuessedMapping, column: str, values: pd.Series[Any], seconds: pd.DataFrame
) -> None:
    """Put a column among the dimensions or attributes, or say why it is left out."""
    known = values.dropna()
    distinct = known.nunique()
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    number = _known(column, _ATTRIBUTES) if is_number else ""
    name = "" if number else _known(column, _DIMENSIONS)
    whole = pd.api.types.is_integer_dtype(values.dtype) or _are_integers(known)
    is_id = not number and bool(name or column.lower().endswith("id"))
    if distinct == 1 and name and not is_number:
        _add(guessed.dimensions, guessed, name, column)
    elif distinct < 2:
        guessed.left_out[column] = "has no two values"
    elif pd.api.types.is_bool_dtype(values.dtype):
        guessed.left_out[column] = "is true or false: make it 0 and 1, or a text"
    elif not is_number or (whole and is_id):
        if distinct > max(VALUES_OF_DIMENSION * len(known), 2):
            why = f"has {distinct:,} values in {len(known):,} rows: it groups none"
            guessed.left_out[column] = why
        else:
            _add(guessed.dimensions, guessed, name, column)
    elif not number and _is_outcome(column, values, seconds):
        guessed.left_out[column] = (
            "seems to be known only when all is over: as an attribute it would tell the answer,"
            " unless known_from says from which event on"
        )
    else:
        _add_number(guessed, number, column)


def _add_number(guessed: GuessedMapping, number: str, column: str) -> None:
    proposed = proposed_unit(column, number)
    name = _add(guessed.attributes, guessed, proposed.attribute if proposed else number, column)
    if proposed and fits_unit(name, proposed.unit):
        guessed.units[name] = proposed.unit


def _is_outcome(column: str, values: pd.Series[Any], seconds: pd.DataFrame) -> bool:
    """Whether a number is named like an outcome, or follows the time between two events."""
    if re.search(_OUTCOME, column.lower()):
        return True
    numbers = values.astype("float64")
    for first, second in combinations(seconds.columns, 2):
        between = seconds[second] - seconds[first]
        both = numbers.notna() & between.notna()
        if both.sum() < 3 or numbers[both].nunique() < 2 or between[both].nunique() < 2:
            continue
        if abs(np.corrcoef(numbers[both], between[both])[0, 1]) > OUTCOME_CORRELATION:
            return True
    return False


def _are_integers(known: pd.Series[Any]) -> bool:
    if not pd.api.types.is_float_dtype(known.dtype):
        return False
    return bool(np.all(np.isfinite(known)) and (known % 1 == 0).all())


def _add(part: dict[str, str], guessed: GuessedMapping, name: str, column: str) -> str:
    taken = {*guessed.events, *guessed.dimensions, *guessed.attributes, *COMPUTED}
    name = name if name and name not in taken else _identifier(column)
    while name in taken:
        name += "_"
    part[name] = column
    return name


def _known(column: str, names: tuple[tuple[str, str], ...]) -> str:
    """Return the project's name for a column, empty where none fits.

    >>> _known("order_acknowledged_at", _EVENTS), _known("jumpman_id", _DIMENSIONS)
    ('accepted', 'courier_id')
    """
    for name, _ in names:
        if column == name:
            return name
    lowered = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()
    return next((name for name, pattern in names if re.search(pattern, lowered)), "")


def _identifier(column: str) -> str:
    """Return a column's name with letters, digits and _ only.

    >>> _identifier("Order total (EUR)"), _identifier("2nd")
    ('order_total_eur', 'column_2nd')
    """
    name = _NAME.sub("_", column).strip("_").lower() or "column"
    return name if not name[0].isdigit() else f"column_{name}"


def _lines(guessed: GuessedMapping, path: str) -> Iterator[str]:
    yield f"# A first guess at the columns of {guessed.file.name}: look at every line."
    yield "# docs/own_data.md says what each field means."
    yield f"file: {quoted(path)}  # from the folder of this file; --data takes its place"
    if guessed.encoding != "utf-8":
        yield f"encoding: {guessed.encoding}"
    if guessed.id:
        yield f"id: {quoted(guessed.id)}  # each value once"
    else:
        yield "# id: no column has each value once, so the rows are numbered; one row per sample?"
    yield "events:  # in the order in which they happen; a name the estimators know on the left"
    yield from (f"  {name}: {quoted(column)}" for name, column in guessed.events.items())
    if guessed.naive:
        yield "# The times carry no offset from UTC. A guess: put the clock they were read from."
        yield "clock: UTC"
    for part in ("dimensions", "attributes"):
        found: dict[str, str] = getattr(guessed, part)
        what = "what groups the rows" if part == "dimensions" else "numbers"
        yield f"{part}:{'' if found else ' {}'}  # {what}"
        for name, column in found.items():
            yield f"  {name}: {in_unit(column, guessed.units.get(name))}"
    if CITY not in guessed.dimensions:
        yield "# A value that is the same in all rows; without a city there are no features of it."
        yield "# constants: {city: my-city}"
    if guessed.known_from:
        yield "known_from:  # what is known only later; the rest is known from the first event on"
        yield from (f"  {name}: {event}" for name, event in guessed.known_from.items())
    if guessed.dimensions:
        by = CITY if CITY in guessed.dimensions else next(iter(guessed.dimensions))
        yield f"# The timezone people live in, one for all or one per {by}; without it no model"
        yield "# knows the local hour and weekday."
        yield "# timezone: Europe/Madrid"
        if by != CITY:
            yield f"# timezone_by: {by}"
    yield "# label_bounds_s: [60, 7200]  # shorter and longer durations are damaged records"
    yield 'test_from: "20%"  # the last part of the rows, or a moment such as 2026-03-02'
    for column, why in guessed.left_out.items():
        yield f"# left out: {column!r} {why}"


def _later(guessed: GuessedMapping, table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield from when columns are known: with the event in whose rows alone they are there.

    A courier is known from the assignment on, whatever the table says.
    """
    first, *later = guessed.events
    assigned = next((name for name in COURIER_EVENTS if name in later), None)
    there = {event: table[guessed.events[event]].notna() for event in later}
    for name, column in {**guessed.dimensions, **guessed.attributes}.items():
        if name in COURIER_COLUMNS:
            if assigned is not None:
                yield name, assigned
            continue
        known = table[column].notna()
        if known.all() or known.equals(table[guessed.events[first]].notna()):
            continue
        event = next((event for event in later if known.equals(there[event])), None)
        if event is not None:
            yield name, event

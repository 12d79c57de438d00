"""Recognise how a CSV file is written: delimiter, quote, spaces, decimal and thousands marks."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec
import pyarrow as pa

from commands.console.output import UserError, error_console
from commands.data.csv_text import check_encoding, first_text, recognised_encoding
from commands.data.missing_texts import MISSING_TEXTS

__all__ = ["CsvFormat", "Dialect", "dialect_of"]

DELIMITERS = (",", ";", "\t", "|")
"""What may stand between fields, the likeliest first."""
RECORDS_LOOKED_AT = 2_000

_INTEGER = re.compile(r"[+-]?\d+")
_POINT = re.compile(r"[+-]?\d+\.\d+")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_GROUPED = {
    mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+(?:{re.escape(dot)}\d+)?")
    for mark, dot in ((",", "."), (".", ","))
}


class CsvFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Declares how a CSV file is written; what is left out is recognised.

    Args:
        delimiter: the character between fields.
        quote: the character around fields that contain the delimiter.
        decimal: the mark before the fraction of a number.
        thousands: the mark between groups of three digits; empty: there is none.
        spaces: whether spaces after a delimiter belong to no field.
    """

    delimiter: str | None = None
    quote: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ",", ".", " ", "'"] | None = None
    spaces: bool | None = None


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a CSV file is written, every part decided."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    thousands: str = ""
    spaces: bool = False

    def unusual(self) -> str:
        """Return in words what differs from a plain CSV file; empty: nothing does.

        >>> Dialect(delimiter=";", decimal=",").unusual()
        "delimiter ';', decimal ','"
        """
        plain = Dialect()
        words = [
            f"{name} {getattr(self, name)!r}"
            for name in ("delimiter", "quote", "decimal", "thousands")
            if getattr(self, name) != getattr(plain, name)
        ]
        if self.encoding not in ("utf-8", "ascii"):
            words.insert(0, f"encoding {self.encoding}")
        return ", ".join([*words, *(["spaces after delimiters"] if self.spaces else [])])

    def records(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Yield the records of a text, without those that are empty."""
        reader = csv.reader(
            lines, delimiter=self.delimiter, quotechar=self.quote, skipinitialspace=self.spaces
        )
        return (record for record in reader if record)


def dialect_of(path: Path, given: CsvFormat, encoding: str | None, option: str) -> Dialect:
    """Return how a CSV file is written.

    Args:
        path: the file.
        given: what is declared.
        encoding: of the file; None: it is recognised.
        option: what says the encoding, for errors.

    Raises:
        UserError: a declared part is none.
    """
    for name in ("delimiter", "quote"):
        value = getattr(given, name)
        if value is not None and (len(value) != 1 or not value.isascii() or value in "\r\n"):
            raise UserError(f"csv.{name} is {value!r}; expected one ASCII character")
    if encoding is not None:
        check_encoding(encoding, option)
    state = path.stat()
    try:
        return _recognised(path, given, encoding, state.st_mtime_ns, state.st_size)
    except (pa.ArrowException, OSError, EOFError) as error:
        why = str(error).splitlines()[0]
        raise UserError(f"{path.name} cannot be read: {why}") from error


@lru_cache(maxsize=64)
def _recognised(
    path: Path, given: CsvFormat, encoding: str | None, _changed_ns: int, _size: int
) -> Dialect:
    encoding = encoding or recognised_encoding(path)
    text = first_text(path, encoding)
    quote = given.quote or _quote_of(text)
    delimiter = given.delimiter or _delimiter_of(text, quote)
    spaces = _spaces_of(text, delimiter, quote) if given.spaces is None else given.spaces
    dialect = Dialect(encoding=encoding, delimiter=delimiter, quote=quote, spaces=spaces)
    records = list(_sample(text, dialect))
    decimal, thousands = _marks_of(records)
    if given.decimal is not None and given.decimal != decimal:
        decimal, thousands = given.decimal, ""
    thousands = thousands if given.thousands is None else given.thousands
    if given.decimal is None and thousands == decimal:
        decimal = "." if thousands == "," else ","
    if thousands == decimal:
        raise UserError(f"csv.thousands and csv.decimal are both {decimal!r}; expected two marks")
    dialect = msgspec.structs.replace(dialect, decimal=decimal, thousands=thousands)
    if dialect.unusual():
        error_console.print(
            f"{path.name} is read with {dialect.unusual()}", soft_wrap=True, markup=False
        )
    if given.decimal is None and (delimiter, decimal) == (";", "."):
        _say_doubtful_points(path, records)
    return dialect


def _say_doubtful_points(path: Path, records: Sequence[Sequence[str]]) -> None:
    """Say which columns have nothing but points before three digits, as thousands may have.

    Where semicolons stand between fields, commas are often decimal marks.
    """
    for name, values in _columns_of(records):
        pointed = [value for value in values if "." in value]
        if pointed and all(_GROUPED["."].fullmatch(value) for value in pointed):
            error_console.print(
                f"{path.name}, column {name!r}: {pointed[0]} is read as a fraction; if its point"
                " marks thousands, say so with csv: {thousands: '.'} in the mapping",
                soft_wrap=True,
                markup=False,
            )


def _sample(text: str, dialect: Dialect) -> Iterator[list[str]]:
    try:
        yield from islice(dialect.records(iter(text.splitlines(keepends=True))), RECORDS_LOOKED_AT)
    except csv.Error:
        return  # what is damaged is said by the reader, with its place


def _quote_of(text: str) -> str:
    single = re.search(r"(?:^|[,;\t|]) *'[^'\r\n]*'(?=[,;\t|\r\n]|$)", text, re.MULTILINE)
    return "'" if single and '"' not in text else '"'


def _delimiter_of(text: str, quote: str) -> str:
    """Return the character that cuts most records into as many fields as the heading has."""

    def score(delimiter: str) -> tuple[float, int]:
        records = list(_sample(text, Dialect(delimiter=delimiter, quote=quote)))
        if not records or len(records[0]) < 2:
            return 0.0, 0
        alike = sum(len(record) == len(records[0]) for record in records)
        return alike / len(records), len(records[0])

    return max(DELIMITERS, key=score)


def _spaces_of(text: str, delimiter: str, quote: str) -> bool:
    """Return whether a space follows the delimiter throughout, in the heading and below it."""
    mark = re.escape(delimiter)
    bare = re.sub(f"{quote}[^{quote}]*{quote}", quote, text)
    return delimiter in bare and not re.search(f"{mark}(?![ \r\n]|{mark}|$)", bare)


def _marks_of(records: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Return the decimal and the thousands mark that the columns of numbers agree on.

    ``1,234`` alone can be both. Then nothing is decided, and reading the value refuses it.
    """
    found: Counter[tuple[str, str]] = Counter()
    for _, values in _columns_of(records):
        marks = _marks_of_column(values)
        if marks is not None:
            found[marks] += 1
    commas = {marks for marks in found if "," in marks}
    if not commas:
        return ".", ""
    decimals = {decimal for decimal, _ in found}
    if len(decimals) > 1:
        return ".", ""
    return decimals.pop(), max((thousands for _, thousands in found), default="")


def _columns_of(records: Sequence[Sequence[str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the heading and the texts of each column, without missing ones and ragged records."""
    width = len(records[0]) if records else 0
    for place in range(width):
        values = (one[place].strip() for one in records[1:] if len(one) == width)
        yield records[0][place], [value for value in values if value not in MISSING_TEXTS]


def _marks_of_column(values: Sequence[str]) -> tuple[str, str] | None:
    """Return the marks of a column of numbers; None: it has none, or they can be read twice."""
    rest = [value for value in values if not _INTEGER.fullmatch(value)]
    if not rest:
        return None
    readings = []
    for mark, decimal, plain in ((",", ".", _POINT), (".", ",", _COMMA)):
        grouped = [value for value in rest if _GROUPED[mark].fullmatch(value)]
        if all(plain.fullmatch(value) for value in rest if not _GROUPED[mark].fullmatch(value)):
            readings.append((decimal, mark if grouped else ""))
    return readings[0] if len(readings) == 1 else None

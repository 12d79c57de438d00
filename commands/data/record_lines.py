"""Find the lines of a CSV file on which rows begin, for errors."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from commands.console.output import UserError
from commands.data.csv_format import Dialect
from commands.data.csv_text import opened

__all__ = ["lines_of", "odd_record", "with_lines"]

_ROWS = re.compile(r"\b(row|rows) (\d+)(?: and (\d+))?(?!\d)")


def lines_of(path: Path, dialect: Dialect, rows: Collection[int]) -> dict[int, int]:
    """Return row -> number of the line on which it begins, as an editor counts.

    Row 1 is the first record below the heading, line 1 the first line of the file. A record has
    several lines if a quoted field has, and an empty line is no record.
    """
    found: dict[int, int] = {}
    last = max(rows, default=0)
    for row, begins, _ in _records(path, dialect):
        if row in rows:
            found[row] = begins
        if row >= last:
            break
    return found


def odd_record(path: Path, dialect: Dialect) -> UserError | None:
    """Return the error about the first record with more or fewer fields than the heading has."""
    width = 0
    for row, begins, record in _records(path, dialect):
        width = width or len(record)
        if len(record) != width:
            return UserError(
                f"{path.name}, row {row} (line {begins}) has {len(record)} fields; expected"
                f" {width}, as the heading has"
            )
    return None


def _records(path: Path, dialect: Dialect) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the number of each record, the line on which it begins, and its fields."""
    with (
        opened(path) as file,
        io.TextIOWrapper(file, dialect.encoding, errors="replace", newline="") as text,
    ):
        reader = csv.reader(
            text, delimiter=dialect.delimiter, quotechar=dialect.quote,
            skipinitialspace=dialect.spaces,
        )  # fmt: skip
        row, begins = -1, 1
        try:
            for record in reader:
                row += bool(record)
                if record:
                    yield row, begins, record
                begins = reader.line_num + 1
        except csv.Error:
            pass  # a damaged record has no row


def with_lines(path: Path, dialect: Dialect, message: str) -> str:
    """Return an error about rows of a CSV file with the lines on which they begin.

    ``row 7`` becomes ``row 7 (line 9)``.
    """
    rows = {int(row) for _, *pair in _ROWS.findall(message) for row in pair if row}
    if not rows:
        return message
    lines = lines_of(path, dialect, rows)

    def placed(match: re.Match[str]) -> str:
        numbers = [int(one) for one in match.groups()[1:] if one]
        if not all(one in lines for one in numbers):
            return match[0]
        places = " and ".join(str(lines[one]) for one in numbers)
        return f"{match[0]} ({'lines' if len(numbers) > 1 else 'line'} {places})"

    return _ROWS.sub(placed, message, count=1)

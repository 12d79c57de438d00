"""The text of CSV files: which encoding it has, and where it has another one."""

from __future__ import annotations

import codecs
import csv
import gzip
from pathlib import Path
from typing import IO

from commands.output import UserError

__all__ = ["DEFAULT_ENCODING", "check_encoding", "has_utf16_mark", "is_csv", "wrong_bytes"]

DEFAULT_ENCODING = "utf-8"
USUAL_ENCODING = "latin-1"
"""What a file is most often that is no UTF-8."""


def is_csv(path: Path) -> bool:
    """Return whether a file is a CSV file by its name, compressed or not."""
    return path.suffixes[-2:] == [".csv", ".gz"] or path.suffix == ".csv"


def check_encoding(name: str, option: str = "--encoding") -> str:
    """Return an encoding of texts, or raise :class:`UserError` where Python has none so called."""
    try:
        found = codecs.lookup(name)
        text_encoding = getattr(found, "_is_text_encoding", True)
    except (LookupError, ValueError):
        text_encoding = False
    if not text_encoding:
        raise UserError(f"{option} is {name!r}; expected an encoding such as latin-1 or utf-8")
    return name


def wrong_bytes(path: Path, encoding: str, option: str = "--encoding") -> UserError | None:
    """Return the error that names the first text that is not in an encoding; None: all is.

    Args:
        path: the CSV file.
        encoding: that it was read with.
        option: what says it.
    """
    names: list[str] = []
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as error:
                before = line[: error.start].decode(encoding, errors="replace")
                field = len(next(csv.reader([before]), [""]) or [""]) - 1
                column = f"column {names[field]!r}, " if field < len(names) else ""
                return UserError(
                    f"{path.name}, {column}line {number}: the byte 0x{line[error.start]:02x} is no"
                    f" {encoding.upper()}; say how the file is encoded, such as {option}"
                    f" {USUAL_ENCODING}"
                )
            if number == 1:
                names = next(csv.reader([text]), [])
    return None


def has_utf16_mark(path: Path) -> bool:
    """Return whether a file begins as UTF-16 does."""
    with path.open("rb") as file:
        return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]

"""Check the encoding of CSV files, and find the first text in another encoding."""

from __future__ import annotations

import codecs
import csv
import gzip
from pathlib import Path
from typing import IO

from commands.console.output import UserError

__all__ = ["DEFAULT_ENCODING", "check_encoding", "has_utf16_mark", "is_csv", "wrong_bytes"]

DEFAULT_ENCODING = "utf-8"
USUAL_ENCODING = "latin-1"
"""What a file is most often that is no UTF-8."""
_TEXT = "order_id,activated\nA-1,2026-03-02T12:00:00Z\n"


def is_csv(path: Path) -> bool:
    """Return whether a file is a CSV file by its name, compressed or not."""
    return path.suffixes[-2:] == [".csv", ".gz"] or path.suffix == ".csv"


def check_encoding(name: str, option: str = "--encoding") -> str:
    """Return an encoding that reads files of text, or raise :class:`UserError` where it is none.

    >>> check_encoding("latin-1")
    'latin-1'
    >>> check_encoding("idna")  # of the names of hosts
    Traceback (most recent call last):
    ...
    commands.console.output.UserError: --encoding is 'idna'; expected an encoding such as ...
    """
    if not _reads_text(name):
        raise UserError(f"{option} is {name!r}; expected an encoding such as latin-1 or utf-8")
    return name


def _reads_text(encoding: str) -> bool:
    """Return whether an encoding reads text piece by piece, as files are read.

    Python's codecs are not all for text (``rot13``, ``uu``), and some of those that are cannot say
    where a text is damaged (``idna``), need the whole of it (``punycode``) or refuse it
    (``undefined``).
    """
    try:
        encoded = _TEXT.encode(encoding)
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        pieces = [decoder.decode(bytes([byte])) for byte in encoded]
        return "".join([*pieces, decoder.decode(b"", final=True)]) == _TEXT
    except (LookupError, ValueError):
        return False


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

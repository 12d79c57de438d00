"""Recognise and check the encoding of CSV files, and find the first text in another one."""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path

import pyarrow as pa

from commands.console.output import UserError

__all__ = [
    "DEFAULT_ENCODING",
    "check_encoding",
    "first_text",
    "has_utf16_mark",
    "is_csv",
    "opened",
    "recognised_encoding",
    "wrong_bytes",
]

DEFAULT_ENCODING = "utf-8"
USUAL_ENCODING = "latin-1"
"""What a file is most often that is no UTF-8."""
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
"""Ending of a compressed CSV file -> how it is compressed."""
BYTES_LOOKED_AT = 1 << 20
"""So much of a file decides how it is written, beside its encoding."""
BYTES_CHECKED = 64 << 20
"""So much of a file is checked to be UTF-8; beyond it, reading names the wrong byte."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LATIN = ["cp1252", "cp1250", "cp1254"]
_OTHER = [
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1255",
    "cp1256",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
]
"""Encodings of files that are no Unicode, by script; rarer ones are declared."""
_WORDS = re.compile(rb"[A-Za-z]*[\x80-\xff]+[A-Za-z\x80-\xff]*")
_TEXT = "order_id,activated\nA-1,2026-03-02T12:00:00Z\n"


def is_csv(path: Path) -> bool:
    """Return whether a file is a CSV file by its name, compressed or not."""
    plain = path.with_suffix("") if path.suffix in COMPRESSIONS else path
    return plain.suffix == ".csv"


def opened(path: Path) -> io.BufferedReader:
    """Return a file for reading, decompressed if its name says that it is compressed."""
    # Arrow's streams decompress what the standard library does not.
    compression = COMPRESSIONS.get(path.suffix)
    return io.BufferedReader(pa.input_stream(str(path), compression=compression))


def recognised_encoding(path: Path) -> str:
    """Return the encoding of a CSV file: UTF-8 where that fits, else the likeliest one."""
    found: list[bytes] = []
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened(path) as file:
        head = file.read(BYTES_LOOKED_AT)
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                return encoding
        for encoding, high in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
            # Text in Latin letters: every second byte is 0.
            if len(head) % 2 == 0 and high.count(0) > 0.4 * len(high):
                return encoding
        block, left = head, BYTES_CHECKED
        while block and left > 0:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                found = [line for line in block.splitlines() if not line.isascii()]
                break
            left -= len(block)
            block = file.read(BYTES_LOOKED_AT)
    return _likeliest(b"\n".join(found)[:BYTES_LOOKED_AT]) if found else DEFAULT_ENCODING


def _likeliest(text: bytes) -> str:
    from charset_normalizer import from_bytes

    # In Latin scripts most letters are ASCII. Without this a lone umlaut becomes a Chinese letter.
    words = b"".join(_WORDS.findall(text))
    is_latin = sum(byte > 0x7F for byte in words) <= 0.5 * len(words)
    if is_latin and words.decode("cp1252", errors="replace").isalpha():
        return "cp1252"  # by far the most frequent; a short text is no evidence for another
    best = from_bytes(text, cp_isolation=_LATIN if is_latin else _OTHER).best()
    return USUAL_ENCODING if best is None else best.encoding


def first_text(path: Path, encoding: str) -> str:
    """Return the beginning of a file, up to the end of a line; wrong bytes are replaced."""
    with opened(path) as file:
        text = file.read(BYTES_LOOKED_AT).decode(encoding, errors="replace").removeprefix("\ufeff")
        if file.read(1):
            text = text[: text.rfind("\n") + 1] or text
    return text


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
    with opened(path) as file:
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

"""Write the texts of a mapping as YAML reads them back."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["in_unit", "path_from", "quoted"]


def path_from(folder: Path | None, file: Path) -> str:
    """Return how a file is named from a folder; None: from its own."""
    if folder is None:
        return file.name
    return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()


def quoted(text: str) -> str:
    r"""Return a text as YAML reads it back.

    >>> quoted("store"), quoted("no"), quoted("Distance (KM)")
    ('store', '"no"', '"Distance (KM)"')
    >>> print(quoted("Ordered\nat"))
    "Ordered\U0000000aat"
    """
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", text) and not re.fullmatch(
        r"true|false|null|yes|no|on|off|y|n", text, re.IGNORECASE
    )
    if is_plain:
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    # A break inside quotes would be read back as a space.
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text) + '"'


def in_unit(column: str, unit: str | None) -> str:
    """Return how a mapping names a column, with the unit of its numbers where one is stated.

    >>> in_unit("dist_mi", "miles")
    '{column: dist_mi, unit: miles}'
    """
    return quoted(column) if unit is None else f"{{column: {quoted(column)}, unit: {unit}}}"

"""Write the first mapping of a table into a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commands.console.output import UserError

if TYPE_CHECKING:
    from commands.guessing.guessed import GuessedMapping

__all__ = ["check_new_file", "write_first_mapping"]


def write_first_mapping(table: Path, to: Path, encoding: str | None = None) -> GuessedMapping:
    """Guess the mapping of a table, write it as YAML and return it.

    Args:
        table: CSV or Parquet.
        to: the YAML.
        encoding: of a CSV file; None: it is recognised.

    Raises:
        UserError: the table cannot be read, or no column holds times.
    """
    from commands.guessing.guess import guess_mapping
    from commands.guessing.mapping_text import mapping_text

    guessed = guess_mapping(table, encoding)
    to.write_text(mapping_text(guessed, to.parent), encoding="utf-8")
    return guessed


def check_new_file(path: Path) -> None:
    """Raise :class:`UserError` unless a new file can be written there."""
    if path.exists():
        raise UserError(f"there is a file {str(path)!r} already")
    if not path.absolute().parent.is_dir():
        raise UserError(f"--to is {str(path)!r}, but there is no folder {str(path.parent)!r}")

"""Count the rows that a filter keeps, and print the counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from commands.console.output import UserError, error_console

__all__ = ["KeptRows"]


@dataclass(kw_only=True)
class KeptRows:
    """Counts the rows of a file that a filter keeps.

    Args:
        path: of the file.
        kept: rows for which its condition holds.
        left: rows for which it does not.
        undecided: those of the left ones for which it is missing.
    """

    path: Path
    kept: int = 0
    left: int = 0
    undecided: int = 0

    def print(self) -> None:
        """Print the counts to stderr, once where a file is read several times.

        Raises:
            UserError: no row is kept.
        """
        total = self.kept + self.left
        if total and not self.kept:
            raise UserError(
                f"{self.path.name}: filter keeps none of the {total:,} rows"
                f"{self._missing()}; expected an expression that holds for some"
            )
        _print_once(
            self.path,
            f"{self.path.name}: filter keeps {self.kept:,} of {total:,} rows{self._missing()}",
        )

    def _missing(self) -> str:
        return f"; in {self.undecided:,} rows its condition is missing" if self.undecided else ""


@lru_cache(maxsize=64)
def _print_once(_path: Path, sentence: str) -> None:
    error_console.print(sentence, soft_wrap=True, markup=False)

"""Write a command's output files; their paths are checked before the work begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commands.console.output import UserError, error_console

__all__ = ["check_output", "write_json", "write_text"]


def check_output(path: Path | None, option: str, ending: str) -> None:
    """Raise :class:`UserError` unless a file can be written there; None: none is wanted."""
    if path is None:
        return
    if path.suffix != ending:
        raise UserError(f"{option} is {str(path)!r}; expected a file that ends in {ending}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{option} is {str(path)!r}, but there is no folder {str(path.parent)!r}")


def write_text(path: Path, text: str) -> None:
    """Write a file and say so."""
    path.write_text(text, encoding="utf-8")
    error_console.print(f"wrote {path}", highlight=False)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a document as JSON and say so."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

"""Print a command's result as one JSON document, and nothing else (``--json``)."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

__all__ = ["JsonOption", "print_json"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def print_json(content: Any) -> None:
    """Print a document without folding or colours. NaN is refused."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=str))

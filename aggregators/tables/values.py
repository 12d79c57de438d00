"""Show a value of a caller's table in an error."""

from __future__ import annotations

from typing import Any

__all__ = ["shown"]

SHOWN_MAX = 80
"""So many characters of a value an error shows at most."""


def shown(value: Any) -> str:
    """Return a value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."

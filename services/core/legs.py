"""Name the legs of a courier's way."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Leg"]

Leg: TypeAlias = Literal["to_store", "to_customer", "parking"]
"""One leg, of which a courier travel service has a model."""

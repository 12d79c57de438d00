"""Declare the unit of a column in a mapping."""

from __future__ import annotations

from typing import Annotated

import msgspec

from commands.data.units.conversions import UNITS

__all__ = ["ColumnInUnit"]


class ColumnInUnit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column whose numbers have another unit than the attribute that they become.

    Args:
        column: of the file.
        unit: of its numbers, one of :data:`commands.data.units.conversions.UNITS`.
    """

    column: str
    unit: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(UNITS)})]

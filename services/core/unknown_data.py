"""What becomes of a field of an event's data that its source does not declare: a setting."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.core.errors import SettingError

__all__ = ["UNKNOWN_DATA_VARIABLE", "UnknownData", "checked_unknown_data", "unknown_data_setting"]

UnknownData: TypeAlias = Literal["ignore", "refuse"]
"""The field is left out and counted, or the event is refused."""

UNKNOWN_DATA_VARIABLE = "DOORSTEP_UNKNOWN_DATA"


def unknown_data_setting(environment: Mapping[str, str] | None = None) -> UnknownData:
    """Return what ``DOORSTEP_UNKNOWN_DATA`` says, ``ignore`` where it is not set or empty.

    Raises:
        SettingError: it is neither ``ignore`` nor ``refuse``.

    >>> unknown_data_setting({}), unknown_data_setting({"DOORSTEP_UNKNOWN_DATA": "refuse"})
    ('ignore', 'refuse')
    """
    given = os.environ if environment is None else environment
    return checked_unknown_data(given.get(UNKNOWN_DATA_VARIABLE) or "ignore", UNKNOWN_DATA_VARIABLE)


def checked_unknown_data(text: str, what: str) -> UnknownData:
    """Return a choice of what becomes of unknown data, or raise :class:`SettingError`."""
    if text == "ignore":
        return "ignore"
    if text == "refuse":
        return "refuse"
    raise SettingError(f"{what} is {text!r}; expected 'ignore' or 'refuse'")

"""Propose units from the names of columns."""

from __future__ import annotations

import re
from typing import NamedTuple

from commands.data.units.conversions import fits_unit

__all__ = ["ProposedUnit", "proposed_unit"]

_WORDS = {
    "km": ("km", "kms", "kilometer", "kilometers", "kilometre", "kilometres"),
    "miles": ("mi", "mile", "miles"),
    "feet": ("ft", "feet"),
    "yards": ("yd", "yds", "yards"),
    "ms": ("ms", "msec", "msecs", "millis", "milliseconds"),
    "minutes": ("min", "mins", "minutes"),
    "hours": ("h", "hr", "hrs", "hours"),
    "km_h": ("kmh", "kph"),
    "mph": ("mph",),
    "cents": ("cents",),
    "fahrenheit": ("fahrenheit", "degf"),
    "inches": ("inches",),
}
_UNIT_OF = {word: unit for unit, words in _WORDS.items() for word in words}
"""Word of a name -> unit. Words of the clock (``order_hour``) and of rates are none."""
_ENDING = {
    "km": "m", "miles": "m", "feet": "m", "yards": "m",
    "ms": "s", "minutes": "s", "hours": "s",
    "km_h": "m_s", "mph": "m_s", "fahrenheit": "c", "inches": "mm",
}  # fmt: skip
_LONG_WORDS = 4
"""A shorter word is a unit only where it ends the name."""
_PER_WORDS = frozenset(("per", "by"))
_LEAST_OR_OPENING = frozenset(
    ("price", "amount", "order", "basket", "value", "total", "fee", "opening", "open", "closing")
)
"""With one of them ``min`` is the least of something, and ``hours`` are those of a shop."""


class ProposedUnit(NamedTuple):
    """What the name of a column says of its unit.

    Args:
        unit: of the column.
        attribute: a name for the attribute, which ends with the unit that it has.
    """

    unit: str
    attribute: str


def proposed_unit(column: str, known: str = "") -> ProposedUnit | None:
    """Return the unit that the name of a column contains; None: it contains none to convert.

    Args:
        column: its name.
        known: the name that its attribute gets, if the unit can be converted to that of this name.

    >>> proposed_unit("Distance (KM)")
    ProposedUnit(unit='km', attribute='distance_m')
    >>> proposed_unit("trip_minutes").attribute, proposed_unit("fee_cents").attribute
    ('trip_s', 'fee')
    >>> proposed_unit("order_hour"), proposed_unit("min_price"), proposed_unit("distance_m")
    (None, None, None)
    """
    words = _words(column)
    if _PER_WORDS & set(words):
        return None
    place = next((k for k in reversed(range(len(words))) if _is_unit(words, k)), None)
    if place is None:
        return None
    unit = _UNIT_OF[words[place]]
    if unit in ("minutes", "hours") and _LEAST_OR_OPENING & set(words):
        return None
    rest = words[:place] + words[place + 1 :]
    if unit in ("km", "miles") and rest in ([], ["dist"], ["trip", "dist"]):
        rest = [*rest[:-1], "distance"]
    stem = "_".join(rest) or ("amount" if unit == "cents" else "duration")
    if known and fits_unit(known, unit):
        return ProposedUnit(unit, known)
    stem = stem if stem[0].isalpha() else f"column_{stem}"
    ending = _ENDING.get(unit)
    return ProposedUnit(unit, stem if ending is None else f"{stem}_{ending}")


def _words(column: str) -> list[str]:
    """Return the words of a name in lower case.

    >>> _words("tripMiles"), _words("Speed (km/h)")
    (['trip', 'miles'], ['speed', 'kmh'])
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", re.sub(r"(?i)km/h", "kmh", column)).lower()
    return re.findall(r"[0-9]*[a-z]+|[0-9]+", spaced)


def _is_unit(words: list[str], place: int) -> bool:
    word = words[place]
    if word not in _UNIT_OF:
        return False
    return place == len(words) - 1 or len(word) >= _LONG_WORDS or _UNIT_OF[word] == "km"

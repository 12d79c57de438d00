"""Convert numbers to the unit that the name of an attribute ends with."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

__all__ = [
    "UNITS",
    "Conversion",
    "UnitMismatchError",
    "conversion_to",
    "fits_unit",
    "unit_of_attribute",
    "units_like",
]


class UnitMismatchError(ValueError):
    """Reports that a unit does not fit the name of an attribute."""


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """A unit of a quantity: ``base = (number - zero) * numerator / denominator``."""

    quantity: str
    numerator: float = 1.0
    denominator: float = 1.0
    zero: float = 0.0


_UNITS: dict[str, _Unit] = {
    "m": _Unit(quantity="distance"),
    "km": _Unit(quantity="distance", numerator=1_000.0),
    "miles": _Unit(quantity="distance", numerator=1_609.344),
    "feet": _Unit(quantity="distance", numerator=0.3048),
    "yards": _Unit(quantity="distance", numerator=0.9144),
    "s": _Unit(quantity="duration"),
    "ms": _Unit(quantity="duration", denominator=1_000.0),
    "minutes": _Unit(quantity="duration", numerator=60.0),
    "hours": _Unit(quantity="duration", numerator=3_600.0),
    "days": _Unit(quantity="duration", numerator=86_400.0),
    "m_s": _Unit(quantity="speed"),
    "km_h": _Unit(quantity="speed", denominator=3.6),
    "mph": _Unit(quantity="speed", numerator=0.44704),
    "money": _Unit(quantity="money"),
    "cents": _Unit(quantity="money", denominator=100.0),
    "celsius": _Unit(quantity="temperature"),
    "fahrenheit": _Unit(quantity="temperature", numerator=5.0, denominator=9.0, zero=32.0),
    "mm": _Unit(quantity="precipitation"),
    "inches": _Unit(quantity="precipitation", numerator=25.4),
}

UNITS = tuple(name for name in _UNITS if name != "money")
"""What a mapping may say after ``unit:``."""

# A longer ending stands before its own end: `_m_s` is no duration.
_ENDINGS = (
    ("_m_s", "m_s"),
    ("_km_h", "km_h"),
    ("_mph", "mph"),
    ("_km", "km"),
    ("_miles", "miles"),
    ("_feet", "feet"),
    ("_yards", "yards"),
    ("_m", "m"),
    ("_ms", "ms"),
    ("_minutes", "minutes"),
    ("_min", "minutes"),
    ("_hours", "hours"),
    ("_h", "hours"),
    ("_days", "days"),
    ("_s", "s"),
    ("_cents", "cents"),
    ("_c", "celsius"),
    ("_mm", "mm"),
)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How the numbers of a column become those of an attribute.

    One multiplication and one division by exact constants: 1.99 of 199 cents is the float 1.99.

    Args:
        numerator: by which a number is multiplied.
        denominator: by which the product is divided.
        before: what is added before.
        after: what is added at the end.
    """

    numerator: float = 1.0
    denominator: float = 1.0
    before: float = 0.0
    after: float = 0.0

    def of(self, numbers: pd.Series[Any]) -> pd.Series[Any]:
        """Return the numbers in the unit of the attribute; missing ones stay missing."""
        converted: pd.Series[Any] = (
            numbers + self.before
        ) * self.numerator / self.denominator + self.after
        return converted


def unit_of_attribute(name: str) -> str | None:
    """Return the unit that the end of an attribute's name states; None: it states none.

    >>> (
    ...     unit_of_attribute("distance_m"),
    ...     unit_of_attribute("wind_m_s"),
    ...     unit_of_attribute("amount"),
    ... )
    ('m', 'm_s', None)
    """
    return next((unit for ending, unit in _ENDINGS if name.endswith(ending)), None)


def conversion_to(name: str, unit: str) -> Conversion:
    """Return how numbers in a unit become those of an attribute.

    An attribute whose name states no unit can be money: cents become its hundredth part.

    Args:
        name: of the attribute; its end states the unit that it has.
        unit: of the column, one of :data:`UNITS`.

    Raises:
        UnitMismatchError: there is no such unit, or it measures something else.

    >>> conversion_to("distance_m", "km").of(pd.Series([1.5, 0.2])).tolist()
    [1500.0, 200.0]
    >>> conversion_to("amount", "cents").of(pd.Series([199.0])).tolist()
    [1.99]
    """
    target = unit_of_attribute(name)
    if unit not in UNITS:
        raise UnitMismatchError(f"{unit!r} is no unit; {_suggest(target, unit)}")
    given = _UNITS[unit]
    if target is None and given.quantity != "money":
        raise UnitMismatchError(
            f"the name {name!r} states no unit that {unit} could be converted to; end it with one,"
            f" such as {name}_{_base_ending(given.quantity)}"
        )
    wanted = _UNITS[target or "money"]
    if wanted.quantity != given.quantity:
        raise UnitMismatchError(
            f"{unit} is a unit of {given.quantity}, but the ending of {name!r} states a unit of"
            f" {wanted.quantity}; expected {', '.join(units_like(target or 'money'))}"
        )
    return Conversion(
        numerator=given.numerator * wanted.denominator,
        denominator=given.denominator * wanted.numerator,
        before=0.0 - given.zero,
        after=wanted.zero,
    )


def fits_unit(name: str, unit: str) -> bool:
    """Return whether numbers in a unit can become those of an attribute.

    >>> fits_unit("distance_m", "miles"), fits_unit("distance", "miles")
    (True, False)
    """
    try:
        conversion_to(name, unit)
    except UnitMismatchError:
        return False
    return True


def units_like(unit: str) -> tuple[str, ...]:
    """Return the units that measure what a unit measures, itself included.

    >>> units_like("km")
    ('m', 'km', 'miles', 'feet', 'yards')
    """
    quantity = _UNITS[unit].quantity
    return tuple(name for name in UNITS if _UNITS[name].quantity == quantity)


def _suggest(target: str | None, unit: str) -> str:
    fitting = UNITS if target is None else units_like(target)
    close = get_close_matches(unit, fitting, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}there are: {', '.join(fitting)}"


def _base_ending(quantity: str) -> str:
    unit = next(name for name, one in _UNITS.items() if one.quantity == quantity)
    return next(ending for ending, one in _ENDINGS if one == unit).lstrip("_")

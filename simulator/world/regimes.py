"""Declare regimes: switches that change a city, or its records, from a day on.

Kitchens, shifts and the expected number of orders are planned without them, so a regime comes as a
surprise. Until its day a city is the same, bit by bit, as without it; a new zone, which changes the
days before, is the exception.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from simulator.world.arrays import BoolArray, FloatArray
from simulator.world.limits import check_between
from simulator.world.streets import ZONES

__all__ = ["KINDS", "SOURCES_OUT", "CarelessStores", "Creep", "HeavyRain", "NewZone", "Outage",
           "Overload", "Regime", "Strike", "regime_of"]  # fmt: skip

SOURCES_OUT = ("weather", "local_events", "couriers")
"""What an outage can silence; `couriers` is what their phones send."""
LIMITS = {
    "from_day": (0.0, 400.0),
    "days": (0.0, 400.0),
    "percent": (-20.0, 20.0),
    "share": (0.0, 1.0),
    "missing": (0.0, 1.0),
    "times": (1.0, 50.0),
    "from_hour": (0.0, 24.0),
    "hours": (0.0, 24.0),
    "mm_h": (1.5, 100.0),
}
ALLOWED = {"zone": ZONES, "source": SOURCES_OUT}


@dataclass(frozen=True, kw_only=True)
class Regime:
    """A switch that acts from a day on.

    Args:
        from_day: when it begins, in days since the scenario's start; may have a fraction.

    Raises:
        ValueError: a number outside its limits, or an unknown name.
    """

    kind: ClassVar[str]

    from_day: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in ALLOWED and value not in ALLOWED[name]:
                known = ", ".join(ALLOWED[name])
                raise ValueError(f"{name} of {self.kind} is {value!r}; expected one of {known}")
            if name in LIMITS and value is not None:
                lowest, highest = LIMITS[name]
                check_between(f"{name} of {self.kind}", value, lowest, highest)

    def __str__(self) -> str:
        """Return the text that ``regime_of`` reads."""
        said = {_key(name): value for name, value in vars(self).items() if value is not None}
        shown = (f"{key}={str(value).removesuffix('.0')}" for key, value in said.items())
        return f"{self.kind}:{','.join(shown)}"


@dataclass(frozen=True, kw_only=True)
class Spell(Regime):
    """A regime that ends.

    Args:
        days: how long it lasts. None: to the end.
    """

    days: float | None = None

    @property
    def until_day(self) -> float:
        """When it ends, in days since the scenario's start."""
        return np.inf if self.days is None else self.from_day + self.days

    def active(self, day: FloatArray) -> BoolArray:
        """Return whether it acts at moments, given in days since the scenario's start."""
        return (day >= self.from_day) & (day < self.until_day)

    def chosen(self, seed: int, city: int, n: int) -> BoolArray:
        """Return which of the stores or couriers of a city it meets: ``share`` of them.

        Regimes of one kind meet the same ones; a larger share meets them and others.
        """
        share: float = vars(self)["share"]
        rng = np.random.default_rng([seed, city, 1_000 + list(KINDS).index(self.kind)])
        return np.asarray(rng.permutation(n) < round(share * n))


@dataclass(frozen=True, kw_only=True)
class Creep(Spell):
    """Kitchens and traffic become slower, by a little more every day; then they stay so.

    Args:
        percent: by how much a day, compounding; negative: they become faster.

    >>> float(Creep(from_day=7, percent=1.0).factor(np.array([17.0]))[0])  # 1.01 ** 10
    1.1046221254112045
    """

    kind = "creep"

    percent: float = 1.0

    def factor(self, day: FloatArray) -> FloatArray:
        """Return what multiplies times at moments, given in days since the start."""
        grown = np.clip(day, self.from_day, self.until_day) - self.from_day
        return np.asarray((1.0 + self.percent / 100.0) ** grown)


@dataclass(frozen=True, kw_only=True)
class Overload(Spell):
    """Some stores get more orders than their kitchens can cook, for hours of each day.

    Args:
        share: of the stores.
        times: what multiplies their orders (those that are wanted at once).
        from_hour: local hour at which it begins on each day.
        hours: how long it lasts on each day.
    """

    kind = "overload"

    share: float = 0.25
    times: float = 4.0
    from_hour: float = 18.0
    hours: float = 3.0

    def within(self, hour: FloatArray) -> BoolArray:
        """Return whether local hours are among the overloaded ones."""
        return np.asarray((hour - self.from_hour) % 24.0 < self.hours)


@dataclass(frozen=True, kw_only=True)
class Strike(Spell):
    """Some couriers begin no shift; who is on duty when it begins goes on to the shift's end.

    Args:
        share: of the couriers.
    """

    kind = "strike"

    share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class HeavyRain(Spell):
    """It rains all the time, and hard.

    Args:
        mm_h: millimetres per hour at least; half of the time it is more.
    """

    kind = "heavy_rain"

    mm_h: float = 5.0


@dataclass(frozen=True, kw_only=True)
class NewZone(Regime):
    """A zone has neither stores nor customers before the day.

    Args:
        zone: one of ``ZONES``.
    """

    kind = "new_zone"

    zone: str = "north"


@dataclass(frozen=True, kw_only=True)
class CarelessStores(Spell):
    """Some stores press `ready` only when the courier takes the order, or not at all.

    Only the records change. Such a store presses for no order that is cancelled.

    Args:
        share: of the stores.
        missing: share of their orders for which nobody presses.
    """

    kind = "careless_stores"

    share: float = 0.3
    missing: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Outage(Spell):
    """Nothing of a source arrives, and nobody sends it again. Only the records change.

    Args:
        source: ``weather``, ``local_events``, or ``couriers``: the events of orders that couriers'
            phones send, from `courier_at_store` to `delivered`.
    """

    kind = "outage"

    source: str = "weather"


KINDS: dict[str, type[Regime]] = {
    one.kind: one
    for one in (Creep, Overload, Strike, HeavyRain, NewZone, CarelessStores, Outage)
}  # fmt: skip
"""Every kind of regime by its name."""


def regime_of(text: str) -> Regime:
    """Return the regime that a text means, such as ``creep:from=7,percent=1``.

    Raises:
        ValueError: the text is no regime; says what is allowed.

    >>> str(regime_of("creep:from=7,percent=1"))
    'creep:from=7,percent=1'
    >>> regime_of("creep:percent=1")
    Traceback (most recent call last):
    ...
    ValueError: creep needs from=DAY, the day (0 is the first) on which it begins
    """
    name, _, rest = text.partition(":")
    if name not in KINDS:
        raise ValueError(f"there is no regime {name!r}; expected one of {', '.join(KINDS)}")
    kind = KINDS[name]
    known = {_key(field.name): field for field in fields(kind)}
    values: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if key not in known or not equals:
            raise ValueError(f"{name} has no {part!r}; expected NAME=VALUE of {', '.join(known)}")
        field = known[key]
        values[field.name] = value if field.name in ALLOWED else _number(name, key, value)
    for key, field in known.items():
        if field.default is MISSING and field.name not in values:
            raise ValueError(f"{name} needs {key}=DAY, the day (0 is the first) on which it begins")
    return kind(**values)


def _key(field: str) -> str:
    """Return the name of a field in texts."""
    return "from" if field == "from_day" else field


def _number(name: str, key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{key} of {name} is {text!r}; expected a number") from None

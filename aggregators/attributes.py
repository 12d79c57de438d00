"""Define attributes: a number of a sample, as a column or as an expression over its events.

An attribute is known when all events that it is made of have happened. Before, it is missing.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, TypeAlias

from aggregators.errors import DefinitionError
from aggregators.events import Source
from aggregators.times import duration_to_us, format_duration
from aggregators.typing import Duration as Span

__all__ = [
    "Attribute",
    "Duration",
    "Elapsed",
    "Ratio",
    "attribute_definition",
    "attribute_name",
    "check_attribute_expression",
    "columns_of",
    "depth_of",
    "events_of",
    "has_elapsed",
]

MAX_DEPTH = 8
"""How deep ratios of ratios may nest."""


@dataclass(frozen=True)
class Duration:
    """Gives the seconds from one event to another; negative if they came the other way round.

    Missing until both have happened. Bounds keep orders that were scheduled for the next day, and
    damaged records, out of means and spreads.

    Args:
        start: the event from which on it lasts.
        end: the event until which it lasts.
        at_least: what is shorter is beyond the bounds, as ``"0s"``; None: nothing is.
        at_most: what is longer is beyond the bounds, as ``"2h"``; None: nothing is.
        beyond: what a duration beyond its bounds counts as: the ``bound``, or as ``missing``.

    Raises:
        DefinitionError: a bound is no duration, or the bounds are the wrong way round.

    >>> Duration("picked_up", "delivered", at_most="2h").bounds_us
    (None, 7200000000)
    """

    start: str
    end: str
    _: KW_ONLY
    at_least: Span | None = None
    at_most: Span | None = None
    beyond: Literal["bound", "missing"] = "bound"

    def __post_init__(self) -> None:
        if self.beyond not in ("bound", "missing"):
            raise DefinitionError(f"beyond is {self.beyond!r}; expected 'bound' or 'missing'")
        low, high = self.bounds_us
        if low is not None and high is not None and low > high:
            raise DefinitionError(
                f"at_least is {self.at_least!r}, more than at_most, {self.at_most!r}"
            )

    @property
    def bounds_us(self) -> tuple[int | None, int | None]:
        """The bounds in microseconds; None: there is none."""
        given = (("at_least", self.at_least), ("at_most", self.at_most))
        low, high = (
            None if span is None else duration_to_us(span, name, or_zero=True)
            for name, span in given
        )
        return low, high

    def __repr__(self) -> str:
        parts = [repr(self.start), repr(self.end)]
        parts += [
            f"{name}={value!r}"
            for name, value in (("at_least", self.at_least), ("at_most", self.at_most))
            if value is not None
        ]
        if self.beyond != "bound":
            parts.append(f"beyond={self.beyond!r}")
        return f"Duration({', '.join(parts)})"


@dataclass(frozen=True)
class Elapsed:
    """Gives the seconds from an event to ``as_of``: how long has this order been waiting.

    Missing until the event has happened.

    >>> Elapsed("accepted")
    Elapsed(since='accepted')
    """

    since: str


@dataclass(frozen=True)
class Ratio:
    """Divides one attribute by another; missing where the divisor is 0 or either is missing.

    >>> Ratio("distance_m", Duration("picked_up", "delivered")).numerator
    'distance_m'
    """

    numerator: Attribute
    denominator: Attribute


Attribute: TypeAlias = "str | Duration | Elapsed | Ratio"
"""A column of numbers by its name, or an expression."""


def check_attribute_expression(attribute: Any, source: Source) -> None:
    """Raise :class:`DefinitionError` unless the source can give this attribute."""
    if isinstance(attribute, str):
        source.check_attribute_column(attribute)
    elif isinstance(attribute, Ratio):
        if depth_of(attribute) > MAX_DEPTH:
            raise DefinitionError(f"{attribute!r} nests deeper than {MAX_DEPTH} ratios")
        check_attribute_expression(attribute.numerator, source)
        check_attribute_expression(attribute.denominator, source)
    elif isinstance(attribute, Duration | Elapsed):
        for event in events_of(attribute):
            source.check_event(event)
    else:
        raise DefinitionError(
            f"attribute is {attribute!r}; expected a column name, Duration, Elapsed or Ratio"
        )


def attribute_name(attribute: Attribute) -> str:
    """Return the part of a feature's name that stands for this attribute.

    >>> attribute_name(Ratio("distance_m", Duration("picked_up", "delivered")))
    'distance_m_per_picked_up_to_delivered_s'
    >>> attribute_name(Duration("picked_up", "delivered", at_most="2h", beyond="missing"))
    'picked_up_to_delivered_s_at_most_2h_or_missing'
    """
    if isinstance(attribute, str):
        return attribute
    if isinstance(attribute, Duration):
        bounds = "".join(f"_{name}_{span}" for name, span in _bounds(attribute).items())
        missing = "_or_missing" if bounds and attribute.beyond == "missing" else ""
        return f"{attribute.start}_to_{attribute.end}_s{bounds}{missing}"
    if isinstance(attribute, Elapsed):
        return f"since_{attribute.since}_s"
    parts = (attribute.numerator, attribute.denominator)
    named = [f"({attribute_name(p)})" if isinstance(p, Ratio) else attribute_name(p) for p in parts]
    return "_per_".join(named)


def attribute_definition(attribute: Attribute, source: Source) -> dict[str, Any]:
    """Return everything that the attribute's values depend on, ready for JSON."""
    if isinstance(attribute, str):
        return {"column": attribute, "known_from": source.known_from_event(attribute)}
    if isinstance(attribute, Duration):
        bounds = _bounds(attribute)
        beyond = {"beyond": attribute.beyond} if bounds else {}
        return {"duration": [attribute.start, attribute.end], **bounds, **beyond}
    if isinstance(attribute, Elapsed):
        return {"elapsed": attribute.since}
    parts = (attribute.numerator, attribute.denominator)
    return {"ratio": [attribute_definition(part, source) for part in parts]}


def _bounds(duration: Duration) -> dict[str, str]:
    """Return the bounds that there are, in the largest unit that divides each."""
    named = zip(("at_least", "at_most"), duration.bounds_us, strict=True)
    return {name: format_duration(bound) for name, bound in named if bound is not None}


def events_of(attribute: Attribute) -> tuple[str, ...]:
    """Return the events whose times the attribute is made of."""
    if isinstance(attribute, Duration):
        return (attribute.start, attribute.end)
    if isinstance(attribute, Elapsed):
        return (attribute.since,)
    if isinstance(attribute, Ratio):
        return events_of(attribute.numerator) + events_of(attribute.denominator)
    return ()


def columns_of(attribute: Attribute) -> tuple[str, ...]:
    """Return the columns that the attribute is made of."""
    if isinstance(attribute, str):
        return (attribute,)
    if isinstance(attribute, Ratio):
        return columns_of(attribute.numerator) + columns_of(attribute.denominator)
    return ()


def depth_of(attribute: Attribute) -> int:
    """Return how deep ratios nest: 0 for anything but a ratio."""
    if isinstance(attribute, Ratio):
        return 1 + max(depth_of(attribute.numerator), depth_of(attribute.denominator))
    return 0


def has_elapsed(attribute: Attribute) -> bool:
    """Return whether the attribute's value depends on ``as_of``."""
    if isinstance(attribute, Ratio):
        return has_elapsed(attribute.numerator) or has_elapsed(attribute.denominator)
    return isinstance(attribute, Elapsed)

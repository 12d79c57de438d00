"""Specifications of features in plain words, which the oracles read and the package is built from.

They know nothing of the package, so that an oracle which reads them cannot inherit its mistakes.
Times and lengths are integer microseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

Kind = Literal["last_n", "between", "after"]
KINDS: tuple[Kind, ...] = ("last_n", "between", "after")
PLAIN_FUNCTIONS = (
    "count",
    "sum",
    "mean",
    "std",
    "var",
    "min",
    "max",
    "median",
    "first",
    "last",
    "n_unique",
    "trend",
)

Row = dict[str, Any]


def is_missing(value: Any) -> bool:
    """Whether a cell of a row is missing: None, or a float that is not a number."""
    return value is None or (isinstance(value, float) and math.isnan(value))


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """A source: its column names and from which event on a column is known."""

    name: str = "orders"
    sample_id: str = "order_id"
    events: tuple[str, ...]
    dimensions: tuple[str, ...]
    attributes: tuple[str, ...]
    known_from: dict[str, str] = field(default_factory=dict)

    def event_of(self, column: str) -> str:
        """The event from which `column` is known."""
        return self.known_from.get(column, self.events[0])


@dataclass(frozen=True)
class DurationSpec:
    """Seconds between two events; beyond the bounds, the bound or missing."""

    start: str
    end: str
    low_us: int | None = None
    high_us: int | None = None
    beyond: Literal["bound", "missing"] = "bound"


@dataclass(frozen=True)
class ElapsedSpec:
    """Seconds from the event `since` to the moment of the query."""

    since: str


@dataclass(frozen=True)
class RatioSpec:
    """`over` divided by `under`, each a column name or an expression."""

    over: AttributeSpec
    under: AttributeSpec


AttributeSpec = str | DurationSpec | ElapsedSpec | RatioSpec


@dataclass(frozen=True)
class FunctionSpec:
    """A function by name; `parameters` belong to `quantile` (q) and to `tsfresh` calculators."""

    name: str
    parameters: tuple[tuple[str, Any], ...] = ()
    family: Literal["plain", "quantile", "tsfresh", "callable"] = "plain"

    def __str__(self) -> str:
        words = ",".join(f"{key}={value}" for key, value in self.parameters)
        return f"{self.family}:{self.name}({words})" if self.family != "plain" else self.name


def quantile_of(q: float) -> FunctionSpec:
    """The quantile `q`, linearly interpolated."""
    return FunctionSpec("quantile", (("q", q),), "quantile")


def tsfresh_of(calculator: str, **parameters: Any) -> FunctionSpec:
    """One value of one tsfresh feature calculator."""
    return FunctionSpec(calculator, tuple(parameters.items()), "tsfresh")


def callable_of(name: str) -> FunctionSpec:
    """One of the callables in `CALLABLES` of the module `functions_under_test`."""
    return FunctionSpec(name, (), "callable")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One feature. Only the fields of its `kind` are read."""

    kind: Kind
    dimension: str
    function: FunctionSpec
    attribute: AttributeSpec | None
    exclude_self: bool = True
    event: str = "activated"
    n: int = 1
    first_event: str = "dispatched"
    second_events: tuple[str, ...] = ("accepted",)
    max_age_us: int | None = None
    window_us: int = 15 * MINUTE

    @property
    def selecting_event(self) -> str:
        """The event by whose time samples are selected and ordered."""
        return self.first_event if self.kind == "between" else self.event


_READ_BY_KIND = {
    "last_n": {"event", "n"},
    "after": {"event", "window_us"},
    "between": {"first_event", "second_events", "max_age_us"},
}


def with_unread_fields_reset(spec: Spec) -> Spec:
    """The same feature with the defaults of all fields that its kind does not read.

    Two specifications of one feature are then equal.
    """
    every = set().union(*_READ_BY_KIND.values())
    unread = every - _READ_BY_KIND[spec.kind]
    defaults: dict[str, Any] = {
        each.name: each.default for each in fields(Spec) if each.name in unread
    }
    return replace(spec, **defaults)


@dataclass(frozen=True)
class Query:
    """What is asked: the value for `key` at `as_of`, asked for `sample_id` (None: no sample)."""

    key: int | str | None
    as_of: int
    sample_id: int | str | None = None

"""Read dataclasses from environment variables, as their annotations declare them.

msgspec converts and checks the values. A setting that cannot be read raises an error that names the
variable, what it holds and what was expected.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

import msgspec

from services.core.errors import SettingError

__all__ = ["ALL_SERVICES", "FINITE", "Declared", "Settings", "Variable", "declared"]

ALL_SERVICES = ("events", "etp", "courier_travel", "wall_eta", "eta")

FINITE = sys.float_info.max
"""Upper bound of numbers that have no other: it keeps ``inf`` out."""

_UNITS = {"": "a number", "s": "seconds", "ms": "milliseconds", "MB": "megabytes"}


@dataclass(frozen=True, slots=True)
class Variable:
    """Declares the environment variable of a field.

    Args:
        name: name of the variable.
        meaning: what the setting does, as the documentation says it (Markdown).
        unit: ``s``, ``ms`` or ``MB``; empty: the value has no unit.
        option: option of ``doorstep serve`` that sets it; empty: there is none.
        check: gets the name and the text, and raises :class:`SettingError` where the text cannot
            be; for what a type cannot say.
    """

    name: str
    meaning: str
    unit: str = ""
    option: str = ""
    check: Callable[[str, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """Holds what is declared about one field.

    Args:
        field: name of the field.
        variable: its environment variable.
        kind: annotation of the field.
        default: value of the field where the variable is not set or empty.
    """

    field: str
    variable: Variable
    kind: Any
    default: Any

    def read(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises:
            SettingError: the text is not of the type, or is out of bounds.
        """
        if self.variable.check is not None:
            self.variable.check(self.variable.name, text)
        try:
            return msgspec.convert(text, self.kind, strict=False)
        except msgspec.ValidationError:
            raise SettingError(
                f"{self.variable.name} is {text!r}; expected {self.expected()}"
            ) from None

    def expected(self) -> str:
        """Return what the variable may hold, in words.

        >>> [one.expected() for one in declared(_Example)]
        ['seconds, 0 to 60', 'a whole number, 1 or more', 'red or green', 'text']
        """
        base, *metadata = get_args(self.kind)
        if get_origin(base) is Literal:
            return " or ".join(get_args(base))
        if base is str:
            return "text"
        what = "a whole number" if base is int else _UNITS[self.variable.unit]
        bounds = next((one for one in metadata if isinstance(one, msgspec.Meta)), msgspec.Meta())
        if bounds.gt is not None:
            return f"{what} above {bounds.gt:g}"
        if bounds.le is None or bounds.le == FINITE:
            return f"{what}, {bounds.ge or 0:g} or more"
        return f"{what}, {bounds.ge or 0:g} to {bounds.le:.15g}"


class Settings:
    """Reads the fields of a dataclass from environment variables.

    A subclass is a frozen dataclass whose fields are annotated with :class:`Variable`, and with
    ``msgspec.Meta`` for bounds. Its defaults are those of the fields.

    >>> _Example.from_environment({"EXAMPLE_WAIT_S": "2.5"}).wait_s
    2.5
    >>> _Example.from_environment({"EXAMPLE_COLOUR": "blue"})
    Traceback (most recent call last):
    ...
    services.core.errors.SettingError: EXAMPLE_COLOUR is 'blue'; expected red or green
    """

    services: ClassVar[tuple[str, ...]] = ALL_SERVICES
    """Names of the services that read these settings."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings. A variable that is not set, or is empty, keeps its default.

        Args:
            environment: environment variables; those of the process by default.

        Raises:
            SettingError: a value that cannot be.
        """
        given = os.environ if environment is None else environment
        texts = ((one, given.get(one.variable.name)) for one in declared(cls))
        return cls(**{one.field: one.read(text) for one, text in texts if text})

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that hold these settings."""
        return {one.variable.name: str(getattr(self, one.field)) for one in declared(type(self))}


def declared(kind: type[Settings]) -> tuple[Declared, ...]:
    """Return what settings declare, field by field.

    Raises:
        TypeError: a field without a :class:`Variable`.
    """
    annotations = get_type_hints(kind, include_extras=True)
    found = []
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # subclasses are dataclasses
        annotation = annotations[field.name]
        variables = [one for one in get_args(annotation) if isinstance(one, Variable)]
        if len(variables) != 1:
            raise TypeError(f"{kind.__name__}.{field.name} has {len(variables)} variables, not one")
        found.append(Declared(field.name, variables[0], annotation, field.default))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Example(Settings):
    """Shows how settings are declared; the examples of this file use it."""

    wait_s: Annotated[
        float, msgspec.Meta(ge=0.0, le=60.0), Variable("EXAMPLE_WAIT_S", "a wait", unit="s")
    ] = 1.0
    workers: Annotated[int, msgspec.Meta(ge=1), Variable("EXAMPLE_WORKERS", "processes")] = 1
    colour: Annotated[Literal["red", "green"], Variable("EXAMPLE_COLOUR", "of a light")] = "red"
    name: Annotated[str, Variable("EXAMPLE_NAME", "of the light")] = ""

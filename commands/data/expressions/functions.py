"""The functions that expressions may call: a closed list, without effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow.compute as pc

from commands.data.expressions.kernels import joined, time_between
from commands.data.expressions.kinds import Kind

__all__ = ["FUNCTIONS", "SPECIAL_FUNCTIONS", "Function"]


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of an expression.

    Args:
        usage: how it is called.
        parameters: kinds of its arguments; the last one is repeated if ``many``.
        result: the kind of its values.
        kernel: computes them of Arrow arrays or scalars.
        constants: places of arguments that are constants, given to the kernel as they are.
        many: whether there can be more arguments.
    """

    usage: str
    parameters: tuple[Kind, ...]
    result: Kind
    kernel: Callable[..., Any]
    constants: frozenset[int] = frozenset()
    many: bool = False


def _matches(kernel: Callable[..., Any]) -> Callable[[Any, str], Any]:
    # By keyword: the text that is looked for is no pattern of any kind.
    return lambda values, part: kernel(values, pattern=part, ignore_case=False)


_TEXT, _TIME = (Kind.TEXT,), (Kind.TIME, Kind.TIME)
FUNCTIONS: dict[str, Function] = {
    "lower": Function(
        usage="lower(text)", parameters=_TEXT, result=Kind.TEXT, kernel=pc.utf8_lower
    ),
    "upper": Function(
        usage="upper(text)", parameters=_TEXT, result=Kind.TEXT, kernel=pc.utf8_upper
    ),
    "strip": Function(
        usage="strip(text)", parameters=_TEXT, result=Kind.TEXT, kernel=pc.utf8_trim_whitespace
    ),
    "length": Function(
        usage="length(text)",
        parameters=_TEXT,
        result=Kind.NUMBER,
        kernel=lambda text: pc.cast(pc.utf8_length(text), "float64"),
    ),
    "join": Function(
        usage="join(text, text, ...)",
        parameters=(Kind.TEXT, Kind.TEXT),
        result=Kind.TEXT,
        kernel=joined,
        many=True,
    ),
    **{
        name: Function(
            usage=f'{name}(text, "part")',
            parameters=(Kind.TEXT, Kind.TEXT),
            result=Kind.CONDITION,
            kernel=_matches(kernel),
            constants=frozenset((1,)),
        )
        for name, kernel in (
            ("contains", pc.match_substring),
            ("starts_with", pc.starts_with),
            ("ends_with", pc.ends_with),
        )
    },
    "abs": Function(
        usage="abs(number)", parameters=(Kind.NUMBER,), result=Kind.NUMBER, kernel=pc.abs
    ),
    **{
        name: Function(
            usage=f"{name}(start, end)",
            parameters=_TIME,
            result=Kind.NUMBER,
            kernel=partial(time_between, unit_s=unit_s),
        )
        for name, unit_s in (("seconds", 1.0), ("minutes", 60.0), ("hours", 3_600.0))
    },
}
"""Name -> function."""

SPECIAL_FUNCTIONS: dict[str, str] = {
    "round": "round(number), round(number, 2)",
    "min": "min(a, b, ...)",
    "max": "max(a, b, ...)",
    "number": "number(column)",
    "text": "text(value)",
    "time": 'time(column), time("2026-03-02T12:00")',
    "column": 'column("Its Name")',
}
"""Name -> usage of the functions whose arguments decide their kind, or are columns."""

"""Give options that several commands share to a command as one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

__all__ = ["OptionGroup", "with_options"]


@dataclass(frozen=True, kw_only=True)
class OptionGroup:
    """Options of the command line that make one argument of a command.

    Args:
        options: name -> (annotation that typer reads, default).
        build: makes the argument of the options' values, given by name.
    """

    options: Mapping[str, tuple[Any, Any]]
    build: Callable[..., Any]


def with_options(command: Callable[..., Any], **groups: OptionGroup) -> Callable[..., Any]:
    """Return a command whose arguments of these names are replaced by the options of a group.

    >>> shout = OptionGroup(options={"times": (int, 2)}, build=lambda times: "!" * times)
    >>> def greet(name: str, mark: str) -> str:
    ...     return name + mark
    >>> greets = with_options(greet, mark=shout)
    >>> str(inspect.signature(greets))
    '(*, name: str, times: int = 2) -> str'
    >>> greets(name="hello", times=3)
    'hello!!!'
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name not in groups:
            kept = parameter.replace(
                kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints.get(name, Any)
            )
            parameters.append(kept)
            continue
        parameters += [
            inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
            for option, (annotation, default) in groups[name].options.items()
        ]

    @functools.wraps(command)
    def expanded(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group.build(**{option: given.pop(option) for option in group.options})
        return command(**given)

    annotations = {one.name: one.annotation for one in parameters}
    expanded.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        parameters, return_annotation=hints.get("return", None)
    )
    expanded.__annotations__ = annotations
    return expanded

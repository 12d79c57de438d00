"""Identify a callable in JSON: by its name and by every value that is bound to it.

A function that its module holds under its name is identified by that name: give it another name
when you change its meaning. Other callables (a partial, a method, an object, a function made by
another function) are identified by the values that they hold as well: two of one name with other
values are different functions.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from types import BuiltinMethodType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from aggregators.errors import DefinitionError

__all__ = ["callable_definition"]

MAX_NESTING = 16
"""How deep values may hold values."""

_CACHED = type(functools.lru_cache(maxsize=1)(len))
_new_object: Any = copyreg.__dict__["__newobj__"]  # what the stubs of copyreg do not name


def callable_definition(function: Callable[..., Any]) -> dict[str, Any]:
    """Return everything that identifies a callable, ready for JSON.

    Args:
        function: a function, method, ``functools.partial`` or object that can be called.

    Returns:
        ``{"callable": module and qualified name}``; where values are bound to it, also ``"bound"``:
        the arguments of a partial, the object of a method, the state of an object, the defaults
        and enclosed variables of a function that was made by another one.

    Raises:
        DefinitionError: it holds a value that has no form which is the same in every process.

    >>> callable_definition(math.fsum)
    {'callable': 'math.fsum'}
    >>> callable_definition(functools.partial(np.quantile, q=0.5))["bound"]["keywords"]
    {'q': 0.5}
    """
    return _callable(function, _Path(function))


class _Path:
    """Holds the values on the way to the one that is examined, for cycles and for messages."""

    def __init__(self, root: Any, names: tuple[str, ...] = (), held: tuple[Any, ...] = ()) -> None:
        self.root = root
        self.names = names
        self.held = held

    def to(self, name: str, value: Any) -> _Path:
        """Return the path to what a value holds under a name."""
        if len(self.held) >= MAX_NESTING:
            raise self.error(f"its values nest deeper than {MAX_NESTING}")
        return _Path(self.root, (*self.names, name), (*self.held, value))

    def error(self, why: str) -> DefinitionError:
        """Return the error for a callable that cannot be identified."""
        where = f" ({'.'.join(self.names)})" if self.names else ""
        return DefinitionError(
            f"function {self.root!r} cannot be told from others of its kind: {why}{where};"
            " expected a function of a module, or one that holds numbers, texts, arrays and objects"
            " of them"
        )


def _callable(function: Any, path: _Path) -> dict[str, Any]:
    bound = {} if _is_global(function) else _bound(function, path)
    definition: dict[str, Any] = {"callable": _name(function)}
    if bound:
        definition["bound"] = bound
    return definition


def _name(function: Any) -> str:
    module = getattr(function, "__module__", type(function).__module__)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{module}.{name}"


def _is_global(function: Any) -> bool:
    """Return whether a module has this very function under its name."""
    found: Any = sys.modules.get(getattr(function, "__module__", None) or "")
    if found is None:
        return False
    for part in str(getattr(function, "__qualname__", "")).split("."):
        found = getattr(found, part, None)
    if isinstance(found, MethodType) and isinstance(function, MethodType):
        return found.__func__ is function.__func__ and found.__self__ is function.__self__
    return found is function


def _bound(function: Any, path: _Path) -> dict[str, Any]:
    """Return the values that a callable holds, empty where there are none."""
    if isinstance(function, functools.partial):
        return {
            "function": _value(function.func, path.to("func", function)),
            "arguments": _values(function.args, path.to("args", function)),
            "keywords": {k: _value(v, path.to(k, function)) for k, v in function.keywords.items()},
        }
    if isinstance(function, MethodType | BuiltinMethodType):
        owner = function.__self__
        if owner is None or isinstance(owner, ModuleType):
            return {}
        held = _value(owner, path.to("__self__", function))
        is_named = _name(function) == f"{_name(owner)}.{function.__name__}"
        return {} if is_named and "bound" not in held else {"self": held}
    if isinstance(function, FunctionType):
        return _bound_of_function(function, path)
    if isinstance(function, _CACHED) or hasattr(function, "py_func"):
        inner = function.__wrapped__ if isinstance(function, _CACHED) else function.py_func
        return _bound(inner, path.to("wrapped", function))
    return _state(function, path)


def _bound_of_function(function: FunctionType, path: _Path) -> dict[str, Any]:
    bound: dict[str, Any] = {}
    if function.__defaults__:
        bound["defaults"] = _values(function.__defaults__, path.to("defaults", function))
    if function.__kwdefaults__:
        bound["keyword_defaults"] = {
            name: _value(value, path.to(name, function))
            for name, value in sorted(function.__kwdefaults__.items())
        }
    if function.__closure__:
        names = function.__code__.co_freevars
        bound["enclosed"] = {
            name: _cell(cell, path.to(name, function))
            for name, cell in zip(names, function.__closure__, strict=True)
        }
    return bound


def _cell(cell: CellType, path: _Path) -> Any:
    try:
        return _value(cell.cell_contents, path)
    except ValueError as error:
        if isinstance(error, DefinitionError):
            raise
        return {"unset": True}


def _state(value: Any, path: _Path) -> dict[str, Any]:
    """Return the state of an object, as the object gives it for a copy."""
    try:
        made: Any = value.__reduce_ex__(2)
    except Exception as error:  # whatever the object's own code raises
        raise path.error(f"{type(value).__name__} has no state that can be read") from error
    if isinstance(made, str):
        return {}
    padded: list[Any] = [*made, None, None, None][:5]
    make, arguments, state, items, pairs = padded
    held: dict[str, Any] = {}
    if make is not _new_object:
        held["made_by"] = _value(make, path.to("made by", value))
    else:
        arguments = arguments[1:]  # the class itself, which the name says
    if arguments:
        held["arguments"] = _values(arguments, path.to("arguments", value))
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, Mapping):  # the order in which attributes were set means nothing
            named = {str(k): _value(v, path.to(str(k), value)) for k, v in part.items()}
            held.setdefault("state", {}).update(named)
        elif part is not None:
            held.setdefault("parts", []).append(_value(part, path.to("state", value)))
    if items is not None:
        held["items"] = _values(items, path.to("items", value))
    if pairs is not None:
        held["pairs"] = _values(pairs, path.to("pairs", value))
    return {name: one for name, one in held.items() if one or name == "made_by"}


def _values(values: Any, path: _Path) -> list[Any]:
    return [_value(value, path) for value in values]


def _value(value: Any, path: _Path) -> Any:
    """Return a value ready for JSON: equal for equal values, and for no others."""
    if value is None or isinstance(value, bool) or type(value) in (int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    for number, holder in enumerate(path.held[:-1]):
        if holder is value and not isinstance(value, type):
            return {"holder": number}  # a function that calls itself, an object that knows its own
    if isinstance(value, ModuleType):
        return {"module": value.__name__}
    if isinstance(value, type):
        return {"type": f"{value.__module__}.{value.__qualname__}"}
    plain = _plain(value, path)
    if plain is not None:
        return plain
    if callable(value):
        return _callable(value, path)
    held = _state(value, path)
    return {"object": _name(value), "bound": held} if held else {"object": _name(value)}


def _plain(value: Any, path: _Path) -> dict[str, Any] | None:
    """Return a value of the standard library or of numpy, None for any other."""
    if isinstance(value, enum.Enum):
        return {"enum": f"{_name(type(value))}.{value.name}"}
    if type(value) in (bytes, bytearray):
        return {"bytes": bytes(value).hex()}
    if type(value) in (complex, range, slice):
        return {type(value).__name__: repr(value)}
    if type(value) in (list, tuple):
        return {type(value).__name__: _values(value, path.to("item", value))}
    if type(value) in (set, frozenset):
        items = _values(value, path.to("item", value))
        return {"set": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}
    if type(value) is dict:
        return {"dict": _values(value.items(), path.to("item", value))}
    if isinstance(value, np.generic | np.ndarray) and not value.dtype.hasobject:
        return _array(np.asarray(value))
    return None


def _array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return {"array": [array.dtype.str, list(array.shape), content]}

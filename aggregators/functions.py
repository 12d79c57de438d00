"""Declare functions of the selected values: named ones, quantiles, tsfresh calculators, callables.

This module checks them without loading numba or tsfresh. ``function_kernels`` computes the named
ones.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import math
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias
from weakref import ref

import numpy as np

from aggregators.callables import callable_definition
from aggregators.errors import DefinitionError, FunctionError, unknown_name
from aggregators.typing import Float64Array, Function

__all__ = [
    "CODES",
    "FUNCTION_VERSIONS",
    "NAMED_FUNCTIONS",
    "AnyFunction",
    "Quantile",
    "Tsfresh",
    "check_function",
    "evaluate",
    "function_code",
    "function_definition",
    "function_name",
    "function_version",
    "quantile",
    "tsfresh",
]

NAMED_FUNCTIONS = (
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
"""The functions that have a name, of the known values x[0] to x[n - 1], as exact numbers.

``sum`` is the float64 nearest to the exact sum, ``mean`` is ``sum / n``, ``var`` the one nearest to
(n S2 - S1^2) / n^2, ``std`` its square root, ``trend`` the one nearest to the least-squares slope
(12 T - 6 (n - 1) S1) / (n (n^2 - 1)): S1 is the sum of x, S2 of x^2, T of position times x.
Sources: Chan, Golub and LeVeque (1983), equation 1.2; exact sums: Kulisch and Miranker, SIAM Review
28 (1986); Demmel and Nguyen, IEEE Transactions on Computers 64 (2015).
"""
FUNCTION_VERSIONS = dict.fromkeys(("sum", "mean", "std", "var", "trend"), 2)
"""Functions whose values changed, with the version of their definition; all others have 1.

Version 1 added pairwise, as numpy does; version 2 rounds the exact result once.
"""
CODES = {name: code for code, name in enumerate((*NAMED_FUNCTIONS, "quantile", "mean_abs_change"))}
EXPENSIVE = -1
"""The code of functions that run in Python, once per distinct window."""

MAX_REMEMBERED_WINDOWS = 65_536
"""How many results of one expensive function are kept, per process."""


@dataclass(frozen=True)
class Quantile:
    """Gives a quantile of the values, linearly interpolated; made by :func:`quantile`."""

    q: float


@dataclass(frozen=True)
class Tsfresh:
    """Calls a tsfresh feature calculator with its parameters; made by :func:`tsfresh`."""

    calculator: str
    parameters: tuple[tuple[str, Any], ...] = ()

    def __call__(self, values: Float64Array) -> float:
        """Return the calculator's own value; NaN where it gives none for so few values."""
        return _call_calculator(self, values)


AnyFunction: TypeAlias = str | Quantile | Tsfresh | Function

_MEAN_ABS_CHANGE = Tsfresh("mean_abs_change")


def quantile(q: Any) -> Quantile:
    """Return the function that gives the q-quantile with linear interpolation, as numpy does.

    Args:
        q: between 0 and 1.

    Raises:
        DefinitionError: q is no number between 0 and 1.

    Source: definition 7 of Hyndman and Fan, The American Statistician 50 (1996).

    >>> quantile(0.9)
    Quantile(q=0.9)
    """
    is_number = isinstance(q, int | float | np.number) and not isinstance(q, bool)
    if not is_number or not 0.0 <= q <= 1.0:
        raise DefinitionError(f"quantile: q is {q!r}; expected a number between 0 and 1")
    return Quantile(float(q))


def tsfresh(calculator: str, **parameters: Any) -> Tsfresh:
    """Return a feature calculator of tsfresh, called directly on the selected values.

    Args:
        calculator: its name in ``tsfresh.feature_extraction.feature_calculators``.
        parameters: the calculator's own parameters.

    Raises:
        DefinitionError: no such calculator, or parameters that it does not have or lacks.

    Source: Christ et al., Time Series FeatuRe Extraction on basis of Scalable Hypothesis tests
    (tsfresh), Neurocomputing 307 (2018).

    >>> tsfresh("fft_coefficient", coeff=1, attr="abs")
    Tsfresh(calculator='fft_coefficient', parameters=(('attr', 'abs'), ('coeff', 1)))
    """
    calculators = _tsfresh_calculators()
    if calculator not in calculators:
        raise unknown_name("calculator", calculator, "tsfresh", calculators)
    known = calculators[calculator]
    if known is None:
        raise DefinitionError(
            f"tsfresh calculator {calculator!r} needs a time index; it gets values only"
        )
    for name in parameters:
        if name not in known:
            raise unknown_name("parameter", name, f"tsfresh calculator {calculator!r}", known)
    lacking = sorted(name for name, required in known.items() if required - parameters.keys())
    if lacking:
        raise DefinitionError(
            f"tsfresh calculator {calculator!r} needs the parameter(s) {', '.join(lacking)}"
        )
    frozen = {name: _frozen(value) for name, value in parameters.items()}
    return Tsfresh(calculator, tuple(sorted(frozen.items())))


def check_function(function: Any, *, has_attribute: bool) -> None:
    """Raise :class:`DefinitionError` unless this is a function that can be computed."""
    if isinstance(function, str):
        if function not in NAMED_FUNCTIONS:
            raise unknown_name("function", function, "aggregators", NAMED_FUNCTIONS)
    elif not isinstance(function, Quantile) and not callable(function):
        raise DefinitionError(
            f"function is {function!r}; expected one of {', '.join(NAMED_FUNCTIONS)},"
            " quantile(q), tsfresh(...) or a callable ndarray -> float"
        )
    try:
        hash(function)
    except TypeError as error:
        raise DefinitionError(
            f"function {function!r} has no hash, by which its values are remembered; expected an"
            " immutable callable, e.g. a function or a frozen dataclass"
        ) from error
    function_definition(function)
    _memory.pop(id(function), None)  # what it holds may have been changed since it was last asked
    if not has_attribute and function != "count":
        raise DefinitionError(
            f"function {function_name(function)!r} needs an attribute to work on; expected"
            " attribute=... (only 'count' counts the samples themselves)"
        )


def function_code(function: AnyFunction) -> tuple[int, float]:
    """Return the kernel's code and argument; the code is ``EXPENSIVE`` for Python functions."""
    if isinstance(function, Quantile):
        return CODES["quantile"], function.q
    if function == _MEAN_ABS_CHANGE:  # what many couriers are asked for at once
        return CODES["mean_abs_change"], 0.0
    if isinstance(function, str):
        return CODES[function], 0.0
    return EXPENSIVE, 0.0


def function_name(function: AnyFunction) -> str:
    """Return the part of a feature's name that stands for this function.

    >>> function_name(quantile(0.9)), function_name(tsfresh("autocorrelation", lag=1))
    ('quantile_0.9', 'tsfresh_autocorrelation_lag_1')
    """
    if isinstance(function, str):
        return function
    if isinstance(function, Quantile):
        short = f"{function.q:g}"
        return f"quantile_{short if float(short) == function.q else repr(function.q)}"
    if isinstance(function, Tsfresh):
        parts = [f"{name}_{_text(value)}" for name, value in function.parameters]
        return "_".join(["tsfresh", function.calculator, *parts])
    name = getattr(function, "__name__", type(function).__name__)
    return "lambda" if name == "<lambda>" else str(name)


def function_definition(function: AnyFunction) -> Any:
    """Return everything that identifies the function, ready for JSON.

    A callable is identified by its module and qualified name (change the name with the meaning) and
    by the values that are bound to it.
    """
    if isinstance(function, str):
        return function
    if isinstance(function, Quantile):
        return {"quantile": function.q}
    if isinstance(function, Tsfresh):
        parameters = {name: _thawed(value) for name, value in function.parameters}
        return {"tsfresh": function.calculator, "parameters": parameters}
    return callable_definition(function)


def function_version(function: AnyFunction) -> int:
    """Return the version of a function's definition: another version gives other values.

    >>> function_version("mean"), function_version("median"), function_version(quantile(0.9))
    (2, 1, 1)
    """
    return FUNCTION_VERSIONS.get(function, 1) if isinstance(function, str) else 1


# By identity: equal callables may differ in value, as one that holds 1 and one that holds 1.0.
_memory: dict[int, tuple[Any, dict[bytes, float]]] = {}
_memory_lock = threading.Lock()


def evaluate(function: AnyFunction, values: Float64Array, what: str) -> float:
    """Return the value of a Python function for a window, computed once for each content.

    Args:
        function: a tsfresh calculator or a callable.
        values: the selected values, shape (n_values,), without NaN; empty gives NaN.
        what: the feature's name, for the message.

    Raises:
        FunctionError: the function raised, or gave something other than a number.
    """
    if len(values) == 0:
        return math.nan
    content = values.tobytes()
    key = content if len(content) <= 64 else blake2b(content, digest_size=16).digest()
    with _memory_lock:
        known = _remembered(function)
        found = known.get(key)
    if found is not None:
        return found
    assert callable(function)
    result = _as_number(function, values.copy(), what)
    with _memory_lock:
        if len(known) >= MAX_REMEMBERED_WINDOWS:
            known.clear()
        known[key] = result
    return result


def _remembered(function: AnyFunction) -> dict[bytes, float]:
    """Return the values that a function has given so far; they live as long as the function."""
    number = id(function)
    held, known = _memory.get(number, (None, {}))
    if held is not None and held() is function:
        return known
    try:
        held = ref(function, lambda _: _memory.pop(number, None))
    except TypeError:  # its type allows no weak references: nothing is remembered
        return {}
    _memory[number] = held, known = held, {}
    return known


def _as_number(function: Function, values: Float64Array, what: str) -> float:
    try:
        result: Any = function(values)
    except Exception as error:
        raise FunctionError(
            f"feature {what!r}: {function_name(function)} raised {type(error).__name__} for"
            f" {len(values)} values: {error}; expected a number for any non-empty array"
        ) from error
    is_number = isinstance(result, int | float | np.number | np.bool_)
    if not is_number or isinstance(result, complex | np.complexfloating):
        raise FunctionError(
            f"feature {what!r}: {function_name(function)} gave {result!r}"
            f" ({type(result).__name__}); expected a real number"
        )
    return float(result)


def _call_calculator(function: Tsfresh, values: Float64Array) -> float:
    """Call tsfresh; what it cannot compute for so few values is NaN, not an error."""
    calculate = _load_calculator(function.calculator)
    series: Any = values
    if getattr(calculate, "input", None) == "pd.Series":
        series = importlib.import_module("pandas").Series(values)
    parameters = {name: _thawed(value) for name, value in function.parameters}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if getattr(calculate, "fctype", "simple") == "combiner":
                result = next(iter(calculate(series, [parameters] if parameters else [{}])))[1]
            else:
                result = calculate(series, **parameters)
        except (ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError):
            return math.nan
    return math.nan if result is None else float(result)


@cache
def _load_calculator(name: str) -> Callable[..., Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tsfresh's imports warn about their own dependencies
        module = importlib.import_module("tsfresh.feature_extraction.feature_calculators")
    calculator: Callable[..., Any] = getattr(module, name)
    return calculator


@cache
def _tsfresh_calculators() -> dict[str, dict[str, frozenset[str]] | None]:
    """Return each calculator's parameters; for each, {its name} if it must be given.

    They are read from tsfresh's source text: importing it takes seconds, and declaring a feature
    must not.
    """
    found = importlib.util.find_spec("tsfresh")
    if found is None or not found.submodule_search_locations:
        raise DefinitionError("tsfresh is not installed; expected it: pip install tsfresh")
    folder = Path(found.submodule_search_locations[0]) / "feature_extraction"
    tree = ast.parse((folder / "feature_calculators.py").read_text(encoding="utf-8"))
    calculators: dict[str, dict[str, frozenset[str]] | None] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        decorators = "".join(ast.unparse(decorator) for decorator in node.decorator_list)
        if "'fctype'" in decorators:
            needs_index = "'index_type'" in decorators
            calculators[node.name] = None if needs_index else _parameters_of(node, decorators)
    return calculators


def _parameters_of(node: ast.FunctionDef, decorators: str) -> dict[str, frozenset[str]]:
    if "'combiner'" not in decorators:
        names = [argument.arg for argument in node.args.args[1:]]
        optional = names[len(names) - len(node.args.defaults) :] if node.args.defaults else []
        return {name: frozenset({name} - set(optional)) for name in names}
    # A combiner takes a list of dicts; its parameters are the keys that its body reads.
    parameters: dict[str, frozenset[str]] = {}
    for part in ast.walk(node):
        key: Any = None
        required = True
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
            key = part.slice.value
        elif isinstance(part, ast.Call) and ast.unparse(part.func).endswith((".get", ".pop")):
            argument = part.args[0] if part.args else None
            key = argument.value if isinstance(argument, ast.Constant) else None
            required = False
        if isinstance(key, str):
            parameters[key] = frozenset({key}) if required else frozenset()
    return parameters


def _frozen(value: Any) -> Any:
    """Return a parameter in a form that hashes."""
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, int | float | str):
        return value
    raise DefinitionError(
        f"tsfresh: parameter value {value!r}; expected a number, string, bool, None or a list"
    )


def _thawed(value: Any) -> Any:
    return list(map(_thawed, value)) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    return "_".join(map(_text, value)) if isinstance(value, tuple) else str(value)

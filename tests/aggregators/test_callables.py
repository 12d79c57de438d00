"""What identifies a callable: its name, and everything that is bound to it."""

from __future__ import annotations

import functools
import gc
import math
import operator
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from aggregators import Source, StatsLastNSamples, quantile, tsfresh
from aggregators.callables import callable_definition
from aggregators.errors import DefinitionError
from aggregators.functions import evaluate
from tests.aggregators.functions_under_test import spread

ORDERS = Source(
    "orders",
    sample_id="order_id",
    events=("accepted", "ready"),
    dimensions=("store_id",),
    attributes=("amount",),
)


def fingerprint(function: Any) -> str:
    return StatsLastNSamples(
        ORDERS, dimension="store_id", function=function, event="ready", n=5, attribute="amount",
        name="x",
    ).fingerprint  # fmt: skip


@dataclass(frozen=True)
class Above:
    """A callable object with a parameter."""

    limit: float

    def __call__(self, values: Any) -> float:
        return float((values > self.limit).sum())

    def share(self, values: Any) -> float:
        return self(values) / len(values)


@dataclass(frozen=True, slots=True)
class Slotted:
    limit: float

    def __call__(self, values: Any) -> float:
        return float((values > self.limit).sum())


class Plain:
    """A callable object that holds nothing."""

    def __call__(self, values: Any) -> float:
        return float(len(values))

    def twice(self, values: Any) -> float:
        return 2.0 * len(values)


class Table:
    """A callable object that holds an array and another callable."""

    def __init__(self, bounds: Any, inner: Any) -> None:
        self.bounds = np.asarray(bounds)
        self.inner = inner

    def __call__(self, values: Any) -> float:
        return float(np.digitize(self.inner(values), self.bounds))


def with_closure(power: int) -> Callable[[Any], float]:
    return lambda values: float((values**power).sum())


def with_default(power: int) -> Callable[[Any], float]:
    def total(values: Any, power: int = power) -> float:
        return float((values**power).sum())

    return total


def with_keyword_default(power: int) -> Callable[[Any], float]:
    def total(values: Any, *, power: int = power) -> float:
        return float((values**power).sum())

    return total


MADE: dict[str, Callable[[Any], Any]] = {
    "partial, by keyword": lambda p: functools.partial(np.quantile, q=p / 10),
    "partial, by position": lambda p: functools.partial(operator.add, p),
    "partial of an object": lambda p: functools.partial(Above(p)),
    "dataclass": Above,
    "with slots": Slotted,
    "bound method": lambda p: Above(p).share,
    "call of an object": lambda p: Above(p).__call__,
    "closure": with_closure,
    "default": with_default,
    "keyword default": with_keyword_default,
    "array": lambda p: Table([1.0, p], max),
    "nested": lambda p: Table([1.0], functools.partial(max, p)),
    "written in C": operator.itemgetter,
    "remembered": lambda p: functools.lru_cache(with_closure(p)),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_is_bound_is_part_of_the_fingerprint(make: Callable[[Any], Any]) -> None:
    assert fingerprint(make(2)) == fingerprint(make(2))
    assert fingerprint(make(2)) != fingerprint(make(3))


def test_values_of_other_types_are_other_values() -> None:
    numbers: list[Any] = [1, 1.0, True, "1", None, b"1", 1j, np.float32(1), math.nan, math.inf]
    arrays: list[Any] = [np.ones(1), np.ones(1, np.int64), np.ones((1, 1)), np.zeros(1)]
    others: list[Any] = [(1,), [1], {1}, {1: 1}, range(1), Above, Above(1.0), Plain(), max, math]
    held = numbers + arrays + others
    found = {fingerprint(functools.partial(max, one)) for one in held}
    assert len(found) == len(held)


GOLDEN = {
    "median": ("median", "214caf0151fba9065d64c443230b7d74a9a2db87ccc644e139836f2e4ead7adc"),
    "mean": ("mean", "e47b35118945f1701a29c325174597eb16e0132f87c0be950da3b081ff81af5d"),
    "quantile": (quantile(0.9), "6d5281902cace922475662a49dd563e9158649a79469d70c1356c2d68c3dd6ad"),
    "tsfresh": (
        tsfresh("fft_coefficient", coeff=1, attr="abs"),
        "819045f769bd1d9c4ddf2325753f1f593c9372cb31f53ca3791c7fda2104c526",
    ),
    "numpy": (np.median, "9253a97e46c90d8699dd439ea64ef746d52e1678905a1cdf7425d057b4e03b49"),
    "C": (math.fsum, "141e2b6372456a500c590f30e2c9eaf96c82bc112e872a9e50d69b9ea0cf0975"),
    "builtin": (max, "ddb9edf447f4d0f2dd96eb2731de84b2e2f87ec57aac3e6c39871409dee333b6"),
}


@pytest.mark.parametrize(("function", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_the_fingerprints_of_all_others_stay_as_they_were(function: Any, expected: str) -> None:
    assert fingerprint(function) == expected


def test_what_holds_nothing_is_its_name() -> None:
    here = __name__
    for function, name in (
        (spread, "tests.aggregators.functions_under_test.spread"),
        (Plain(), f"{here}.Plain"),
        (Plain().twice, f"{here}.Plain.twice"),
        (lambda values: 1.0, f"{here}.test_what_holds_nothing_is_its_name.<locals>.<lambda>"),
    ):
        assert callable_definition(function) == {"callable": name}


def test_a_function_that_calls_itself_has_a_definition() -> None:
    def count(values: Any) -> float:
        return 0.0 if len(values) == 0 else 1.0 + count(values[1:])

    bound = callable_definition(count)["bound"]
    assert bound["enclosed"]["count"]["bound"]["enclosed"] == {"count": {"holder": 0}}


def test_a_definition_is_the_same_in_every_process() -> None:
    code = (
        "import functools, numpy as np\n"
        "from aggregators.callables import callable_definition\n"
        "held = functools.partial(np.isin, test_elements={'a', 'b', 'c', 'd'}, kind=np.arange(3))\n"
        "print(callable_definition(held))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "{'set': ['a', 'b', 'c', 'd']}" in outputs.pop()


def test_a_value_that_cannot_be_read_is_refused_with_its_place() -> None:
    with pytest.raises(DefinitionError, match=r"lock has no state .*\(inner\.l\)"):
        fingerprint(Table([1.0], functools.partial(max, l=threading.Lock())))
    deep: Any = 1
    for _ in range(20):
        deep = (deep,)
    with pytest.raises(DefinitionError, match="nest deeper than 16"):
        fingerprint(functools.partial(max, deep))


@dataclass(frozen=True)
class Named:
    name: str
    q: Any = field(compare=False)

    def __call__(self, values: Any) -> float:
        return float(np.quantile(values, float(self.q)))


def test_equal_callables_that_hold_other_values_are_computed_apart() -> None:
    low, high = Named("a", 0.1), Named("a", 0.9)
    assert low == high
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert evaluate(low, values, "x") == pytest.approx(0.4)
    assert evaluate(high, values, "x") == pytest.approx(3.6)
    assert evaluate(low, values, "x") == pytest.approx(0.4)


class Changing:
    q = 0.1

    def __call__(self, values: Any) -> float:
        return float(np.quantile(values, self.q))


def test_a_feature_of_a_callable_that_was_changed_is_computed_anew() -> None:
    function, values = Changing(), np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    before = fingerprint(function)
    assert evaluate(function, values, "x") == pytest.approx(0.4)
    function.q = 0.9
    assert fingerprint(function) != before
    assert evaluate(function, values, "x") == pytest.approx(3.6)


def test_a_function_that_nobody_has_any_more_is_let_go() -> None:
    function = Above(1.0)
    assert evaluate(function, np.array([0.0, 2.0]), "x") == 1.0
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


def test_what_allows_no_weak_reference_is_computed_each_time() -> None:
    assert [evaluate(Slotted(1.0), np.array([0.0, 2.0]), "x") for _ in range(2)] == [1.0, 1.0]

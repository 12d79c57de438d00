"""The blocking clients are what is generated from the asynchronous ones, and offer the same."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable

import pytest

from services import client as clients
from tests.services.client.generation import CLIENT, GENERATED, SUBSTITUTIONS, blocking_source

NAMES = tuple(name for name in clients.__all__ if name.endswith("Client"))
BLOCKING = tuple(name for name in NAMES if not name.startswith("Async"))
OPENING = ("__init__", "__enter__", "__exit__", "__aenter__", "__aexit__")


def test_generated_files_are_up_to_date() -> None:
    used: set[str] = set()
    for source, target in GENERATED.items():
        code = blocking_source((CLIENT / source).read_text(encoding="utf-8"), used)
        assert code == (CLIENT / target).read_text(encoding="utf-8"), "run `make generate`"
    assert {pattern.pattern for pattern, _ in SUBSTITUTIONS} == used, "unused substitutions"


@pytest.mark.parametrize("target", GENERATED.values())
def test_nothing_in_a_blocking_file_waits_for_a_loop(target: str) -> None:
    code = (CLIENT / target).read_text(encoding="utf-8")
    assert not re.search(r"(?i)async|await", code)


def methods_of(name: str) -> dict[str, Callable[..., object]]:
    """The methods of a client that others call, inherited ones too, by their blocking names."""
    found = inspect.getmembers(getattr(clients, name), inspect.isfunction)
    return {
        method.replace("__a", "__"): one
        for method, one in found
        if not method.startswith("_") or method in OPENING
    }


@pytest.mark.parametrize("name", BLOCKING)
def test_both_kinds_of_a_client_have_the_same_methods(name: str) -> None:
    assert f"Async{name}" in NAMES
    blocking, asynchronous = methods_of(name), methods_of(f"Async{name}")
    assert set(blocking) == set(asynchronous)
    assert {"close", "is_ready", "ask", "__enter__", "__init__"} <= set(blocking)
    for method, one in blocking.items():
        other = asynchronous[method]
        assert inspect.getdoc(one) == inspect.getdoc(other), method
        assert inspect.iscoroutinefunction(other) == (method != "__init__")
        assert not inspect.iscoroutinefunction(one)
        if method != "__init__":  # whose transport and sleep are those of its kind
            assert inspect.signature(one) == inspect.signature(other)
        assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_answers_and_arguments_are_typed(name: str) -> None:
    for method, one in methods_of(name).items():
        hints = typing.get_type_hints(one, vars(inspect.getmodule(one)))
        named = set(inspect.signature(one).parameters) - {"self"}
        assert named | {"return"} <= set(hints), method
        assert typing.Any not in hints.values() or method == "ask"


@pytest.mark.parametrize("name", BLOCKING)
def test_both_kinds_of_a_client_are_described_alike(name: str) -> None:
    blocking, asynchronous = getattr(clients, name), getattr(clients, f"Async{name}")
    first = [inspect.getdoc(one).partition("\n")[0] for one in (blocking, asynchronous)]  # type: ignore[union-attr]
    assert first[0].partition(";")[0] == first[1].partition(";")[0]


def test_a_change_of_the_source_is_a_change_of_what_is_generated() -> None:
    source = (
        "class AsyncA:\n    async def ask(self) -> int:\n        return await self.b.aclose()\n"
    )
    assert blocking_source(source) == (
        "class A:\n    def ask(self) -> int:\n        return self.b.close()\n"
    )

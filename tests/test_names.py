"""Names have one meaning in the whole project, and they are the words of the field."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("aggregators", "estimators", "services", "simulator", "commands")

TWO_MEANINGS = {
    # One is public in `estimators`, the other is the name of a schema in the services' OpenAPI.
    "Question",
}
"""Names of classes that cannot be told apart without breaking a contract."""

WORDS = {
    "amiss": "problems",
    "aside": "quarantine",
    "beside": "temporary, other",
    "blind": "incomplete",
    "blind_model": "facts_model",
    "chances": "round_probabilities",
    "doubts": "part_problems",
    "heed": "weight, exponent",
    "heeds": "weights",
    "make_way": "clear_path",
    "mine": "own_rows",
    "ours": "values",
    "pause": "breaker",
    "sees_nothing": "lacks_all_features",
    "theirs": "reference",
    "told": "distribution, reported",
    "under_way": "in_flight",
    "unsaid": "not_given",
    "usual": "baseline",
    "why_not": "unready_reason",
}
"""Identifiers that nobody can guess the meaning of, and the words of the field for them."""

OPTIONS = {
    # The parameter of a command is the name of its option.
    ("commands/store.py", "aside"),
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the path and the syntax tree of every module of the packages."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module gives: of classes, functions, parameters and variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def riddles(tree: ast.AST) -> set[str]:
    """Return the identifiers of a module that have a word of the field instead."""
    return {name for name in identifiers(tree) if name.strip("_").lower() in WORDS}


def classes(tree: ast.AST) -> Iterator[str]:
    """Yield the names of a module's classes, those within functions and classes too."""
    return (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def event_stores(tree: ast.AST) -> Iterator[str]:
    """Yield the names of parameters and fields that hold an event store."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and "EventStore" in ast.unparse(node.annotation or node):
            yield node.arg
        elif isinstance(node, ast.AnnAssign) and "EventStore" in ast.unparse(node.annotation):
            yield ast.unparse(node.target).rpartition(".")[2]


def test_the_name_of_a_class_has_one_meaning() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path, tree in modules():
        for name in classes(tree):
            found[name].append(path)
    twice = {name: paths for name, paths in found.items() if len(paths) > 1}
    assert twice.keys() == TWO_MEANINGS, twice


def test_names_are_the_words_of_the_field() -> None:
    found = {
        (path, name): WORDS[name.strip("_").lower()]
        for path, tree in modules()
        for name in riddles(tree)
        if (path, name) not in OPTIONS
    }
    assert not found, "better words:\n" + "\n".join(f"{at}: {why}" for at, why in found.items())


def test_an_event_store_of_the_services_is_no_restaurant() -> None:
    found = {
        (path, name)
        for path, tree in modules()
        if path.startswith("services/")
        for name in event_stores(tree)
        if name.strip("_") == "store"
    }
    assert not found, "expected `event_store`: `store` is a restaurant"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("class Pause: pass", "Pause"),
        ("def why_not(): pass", "why_not"),
        ("def f(heed): pass", "heed"),
        ("_told = 1", "_told"),
        ("self.usual = 1", "usual"),
        ("for mine, other in pairs: pass", "mine"),
    ],
)
def test_riddles_are_found_wherever_a_name_is_given(source: str, name: str) -> None:
    assert riddles(ast.parse(source)) == {name}
    assert not riddles(ast.parse('x = {"heed": 1.0}; print(told)'))


def test_event_stores_are_found_by_their_types() -> None:
    source = "class A:\n    a: EventStore | None\n    def b(self, c: EventStore, d: int): pass"
    assert set(event_stores(ast.parse(source))) == {"a", "c"}

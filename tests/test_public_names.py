"""The public surface: every package says what it offers and explains it (ruff keeps the order)."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("doorstep", "aggregators", "estimators", "services", "simulator", "commands")


def package_names() -> list[str]:
    """Every package whose `__init__.py` holds more than its docstring, and the two libraries."""
    names = {"aggregators", "estimators"}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            if any(part.startswith("_") for part in path.parent.relative_to(ROOT).parts):
                continue
            code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
            if len(code.co_names) > len({"__doc__"}):
                names.add(".".join(path.parent.relative_to(ROOT).parts))
    return sorted(names)


def has_docstring(value: object) -> bool:
    """Whether a class or function says what it is (constants have no docstring of their own)."""
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return True
    own = value.__doc__ or ""
    generated = inspect.isclass(value) and own.startswith(f"{value.__name__}(")
    return bool(own.strip()) and not generated


@pytest.mark.parametrize("name", package_names())
def test_all_names_what_is_there(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__doc__, f"{name} has no docstring"
    assert hasattr(package, "__all__"), f"{name} does not say what is public: no __all__"
    public = list(package.__all__)
    assert len(public) == len(set(public))
    missing = [word for word in public if not hasattr(package, word)]
    assert not missing, f"{name}.__all__ names what is not there: {missing}"


@pytest.mark.parametrize("name", package_names())
def test_every_public_name_has_a_docstring(name: str) -> None:
    package = importlib.import_module(name)
    public = getattr(package, "__all__", [])
    silent = [word for word in public if not has_docstring(getattr(package, word))]
    assert not silent, f"{name}: no docstring on {silent}"


def test_aggregators_offers_what_the_design_fixes() -> None:
    fixed = {
        "Duration", "Elapsed", "Event", "FeatureSet", "MemoryEventStore", "Ratio", "Source",
        "StatsAfterEvent", "StatsBetweenEvents", "StatsLastNSamples", "check_equivalence",
        "quantile", "tsfresh",
    }  # fmt: skip
    aggregators = importlib.import_module("aggregators")
    assert fixed <= set(aggregators.__all__)


def test_aggregators_has_its_own_semantic_version() -> None:
    aggregators = importlib.import_module("aggregators")
    numbers = aggregators.__version__.split(".")
    assert len(numbers) == 3
    assert all(number.isdigit() for number in numbers)


class Explained:
    """Has words."""


class Silent:
    pass


def test_checker_sees_missing_docstrings() -> None:
    assert has_docstring(Explained)
    assert not has_docstring(Silent)
    assert has_docstring(3.0)

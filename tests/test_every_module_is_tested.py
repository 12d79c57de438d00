"""Every module of the packages has a test of its name, or is named in one, where a reader finds it.

A test has a module's name where it lies in the same room: `tests/services/core/test_clock.py` is
that of `services/core/clock.py`. A module is named in a test that imports it, runs it by its name,
or imports what it defines from where its package hands that on (`from aggregators import Event`).
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("aggregators", "estimators", "services", "simulator", "commands")
TESTS = ROOT / "tests"


def modules() -> list[str]:
    """All modules that compute anything: names that are handed on, types and texts do nothing."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if _computes(path):
                found.append(name.removesuffix(".__init__"))
    return found


def _computes(path: Path) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) for node in ast.parse(path.read_text("utf-8")).body)


@cache
def handed_on() -> dict[str, str]:
    """By the name that a package hands on (`aggregators.Event`), where it is defined."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            name = ".".join(path.parent.relative_to(ROOT).parts)
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        found[f"{name}.{alias.name}"] = f"{node.module}.{alias.name}"
    return found


@cache
def named() -> frozenset[str]:
    """All dotted names that stand in tests: what they import, and what they say in texts."""
    found: set[str] = set()
    for path in TESTS.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\b[a-z_]+(?:\.[a-z_0-9]+)+", text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        found |= set(re.findall(r"(?<=\"-m\", \")[a-z_.]+(?=\")", text))
    for name in list(found):
        while name in handed_on() and name not in (origin := handed_on()[name]):
            found.add(name := origin)
    return frozenset(found)


def has_test(module: str) -> bool:
    """Whether there is a test of a module's name, or one that names it."""
    *room, name = module.split(".")
    if TESTS.joinpath(*room, f"test_{name}.py").is_file():
        return True
    wanted = {module, module.removesuffix(".__main__")}
    return any(one in wanted or one.startswith(f"{module}.") for one in named())


def test_every_module_has_a_test_of_its_name_or_is_named_in_one() -> None:
    without = [module for module in modules() if not has_test(module)]
    assert not without, f"no test has the name of these, or names them: {', '.join(without)}"


@pytest.mark.parametrize("module", ["aggregators.of_nobody", "services.of_nobody.clock"])
def test_a_module_without_a_test_is_found(module: str) -> None:
    assert not has_test(module.replace("of_nobody", "no" + "body"))

"""The standard sources are declared once, and everybody who needs them takes them from there."""

from __future__ import annotations

import ast
from pathlib import Path

from aggregators.catalog import CATALOG
from aggregators.standard_sources import COURIER_EVENTS, ORDERS, SOURCES
from estimators.core.stages import LIFE

ROOT = Path(__file__).parents[2]
PACKAGES = ("aggregators", "estimators", "services", "simulator", "commands")
DECLARES = "aggregators/standard_sources.py"


def lives_in(path: Path) -> list[int]:
    """The lines in which a file writes down the whole life of an order as a list of names."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple | ast.List):
            names = {one.value for one in node.elts if isinstance(one, ast.Constant)}
            if set(LIFE) <= names:
                lines.append(node.lineno)
    return lines


def test_the_life_of_an_order_is_written_once() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if (lines := lives_in(path))
    }
    assert list(found) == [DECLARES]
    assert len(found[DECLARES]) == 1


def test_the_catalog_is_declared_for_the_standard_sources() -> None:
    assert all(one is other for one, other in zip(CATALOG.sources, SOURCES, strict=True))


def test_a_life_ends_with_the_customer() -> None:
    assert tuple(event for event in ORDERS.events if event != "cancelled") == LIFE
    assert LIFE[-1] == "delivered"
    assert tuple(event for event in LIFE if event in COURIER_EVENTS) == COURIER_EVENTS

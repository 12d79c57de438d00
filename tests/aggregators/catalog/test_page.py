"""The catalog's page of documentation says what the catalog is."""

from __future__ import annotations

from pathlib import Path

from aggregators.catalog import CATALOG
from aggregators.catalog.page import catalog_page

PAGE = Path(__file__).parents[3] / "docs" / "catalog.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == catalog_page(), (
        "the catalog has changed: python -m aggregators.catalog.page > docs/catalog.md"
    )


def test_every_feature_stands_on_the_page_once() -> None:
    page = catalog_page()
    for feature in CATALOG:
        assert page.count(f"| `{feature.name}` |") == 1
        assert feature.description in page

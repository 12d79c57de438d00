"""The tables of settings in the documentation are those that the code declares."""

from __future__ import annotations

import pytest

from services.core.settings.table import GROUPS, settings_of
from tests.services.core.settings.docs_tables import DOCS, pages, with_tables

PAGES = {"callers", "estimator_services", "etp_service", "event_service", "operations", "settings"}


def test_the_pages_have_tables() -> None:
    assert {page.stem for page in pages()} == PAGES


@pytest.mark.parametrize("name", sorted(PAGES))
def test_tables_are_up_to_date(name: str) -> None:
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert page == with_tables(page), "run `make generate`"


def test_every_setting_is_on_the_page_of_settings() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    for setting in settings_of(kind for group in GROUPS.values() for kind in group):
        (line,) = [
            line
            for line in page.splitlines()
            if line.startswith(f"| `{setting.declared.variable.name}` |")
        ]
        assert setting.declared.variable.meaning in line


def test_a_table_that_is_not_up_to_date_is_found() -> None:
    page = "# Page\n\n<!-- settings: LogSettings -->\n| old |\n<!-- end -->\n"
    written = with_tables(page)
    assert "`DOORSTEP_LOG_FORMAT`" in written
    assert "| old |" not in written
    assert with_tables(written) == written

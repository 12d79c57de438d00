"""Writes the tables of settings in the documentation from what the code declares.

``make generate`` (``python -m tests.services.core.settings.docs_tables``) writes them, a test
compares. A page names the classes between two marks, which Markdown does not show.
"""

from __future__ import annotations

import re
from pathlib import Path

from services.core.settings.table import GROUPS, table_of

DOCS = Path(__file__).parent.parent.parent.parent.parent / "docs"
BLOCK = re.compile(
    r"(?P<begin><!-- settings: (?P<names>[A-Za-z ]+) -->\n)(?P<table>.*?)(?P<end><!-- end -->)",
    re.DOTALL,
)
KINDS = {kind.__name__: kind for group in GROUPS.values() for kind in group}


def with_tables(page: str) -> str:
    """Return a page with its tables as the code declares them."""

    def block(found: re.Match[str]) -> str:
        kinds = [KINDS[name] for name in found["names"].split()]
        return f"{found['begin']}\n{table_of(kinds)}\n{found['end']}"

    return BLOCK.sub(block, page)


def pages() -> list[Path]:
    """Return the pages that have such tables."""
    found = sorted(DOCS.glob("*.md"))
    return [page for page in found if BLOCK.search(page.read_text(encoding="utf-8"))]


def write() -> None:
    """Write the tables of every page."""
    for page in pages():
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()

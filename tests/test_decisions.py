"""The records of decisions are complete, listed, and name commands and files that exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
SECTIONS = ["Context", "Decision", "Consequences", "Evidence"]
WORDS_MAX = 700
"""A page at most."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def number_of(path: Path) -> int:
    return int(path.name[:4])


def test_every_record_has_a_number_of_its_own() -> None:
    numbers = [number_of(path) for path in RECORDS]
    assert numbers
    assert len(set(numbers)) == len(numbers)


def test_the_index_lists_every_record_with_its_title() -> None:
    row = r"^\| \[(\d{4})\]\(([^)]+)\) \| ([^|]+) \|"
    listed = re.findall(row, text_of(FOLDER / "README.md"), re.MULTILINE)
    titles = [
        (path.name[:4], path.name, text_of(path).splitlines()[0].partition(": ")[2])
        for path in RECORDS
    ]
    assert [(number, name, title.strip()) for number, name, title in listed] == titles


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_status_date_and_sections(path: Path) -> None:
    text = text_of(path)
    assert re.match(rf"# {path.name[:4]}: \S", text)
    assert re.search(r"^- Status: (accepted|superseded by \d{4})$", text, re.MULTILINE)
    assert re.search(r"^- Date: \d{4}-\d{2}-\d{2}\b", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert len(text.split()) <= WORDS_MAX


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_what_a_record_refers_to_exists(path: Path) -> None:
    text = text_of(path)
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (FOLDER / link).exists(), link
    for module in re.findall(r"python -m ([a-z_.]+)", text):
        assert importlib.util.find_spec(module), module
    packages = "aggregators|estimators|services|simulator|commands|tests"
    for file in re.findall(rf"`((?:{packages})/[\w./]+)`", text):
        assert (FOLDER.parent.parent / file).exists(), file

"""The page on architecture is true: its pictures are the rooms, its lists name what exists."""

from __future__ import annotations

import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

from tests.rooms_page import PAGE, ROOT, boxes_of, packages, rendered
from tests.test_import_rules import PACKAGES

TEXT = PAGE.read_text(encoding="utf-8")
STEP = re.compile(r"^\d+\. .*$(?:\n   .*$)*", re.MULTILINE)
NAME = re.compile(
    r"`((?:aggregators|estimators|services|simulator|commands)[\w.]*):([A-Za-z_][\w.]*)`"
)
WAYS = {
    "One feature value": 8,
    "One training": 8,
    "One event": 8,
    "One question": 8,
}
"""The lists of the page, and the fewest steps that each has."""


def steps_of(way: str) -> list[str]:
    """The numbered entries below a heading."""
    section = TEXT.partition(f"\n## {way}\n")[2].partition("\n## ")[0]
    return STEP.findall(section)


def test_the_pictures_are_the_rooms_that_there_are() -> None:
    assert rendered(TEXT) == TEXT, "write the page anew: python -m tests.rooms_page"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_is_drawn(package: str) -> None:
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert package in packages()
    assert folders == {box.names[0] for box in boxes_of(package) if box.is_room}


@pytest.mark.parametrize(("way", "fewest"), WAYS.items())
def test_every_step_of_a_way_names_a_function_that_exists(way: str, fewest: int) -> None:
    steps = steps_of(way)
    assert len(steps) >= fewest
    for step in steps:
        names = NAME.findall(step)
        assert names, f"no `module:function` in {step!r}"
        for module, name in names:
            reduce(getattr, name.split("."), importlib.import_module(module))


def test_a_name_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(AttributeError):
        reduce(getattr, ["FeatureSet", "guess"], importlib.import_module("aggregators"))


def test_files_that_are_named_exist() -> None:
    for file in re.findall(r"\]\((?!https?://)([^)#]+)", TEXT):
        assert (PAGE.parent / file).exists(), file
    for file in re.findall(r"`((?:aggregators|estimators|services|tests)/[\w/]+\.py)`", TEXT):
        assert (Path(ROOT) / file).exists(), file

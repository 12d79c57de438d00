"""The README keeps its word: its examples print what it shows, its commands exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from tests.readme import commands_of, examples_of

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_examples_print_what_the_readme_shows() -> None:
    examples = examples_of(page("README.md"))
    assert examples
    namespace: dict[str, object] = {"__name__": "readme"}
    for code, expected in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), namespace)
        if expected is not None:
            assert printed.getvalue().rstrip() == expected.rstrip()


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("name", PAGES)
def test_make_targets_that_are_named_exist(name: str) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", page(name)))
    named |= {shlex.split(line)[1] for line in commands_of(page(name)) if line.startswith("make ")}
    assert named
    assert named <= make_targets()


def test_doorstep_commands_that_are_named_exist() -> None:
    from commands.main import app

    known = set(getattr(get_command(app), "commands", {}))
    named = set(re.findall(r"doorstep ([a-z][a-z-]*)\b", "\n".join(commands_of(page("README.md")))))
    named |= set(re.findall(r"`doorstep ([a-z][a-z-]*)", page("README.md")))
    assert named <= known


@pytest.mark.parametrize("name", PAGES)
def test_links_to_files_resolve(name: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page(name))
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing

"""Render HTML pages from Jinja2 templates; all extend ``base.html`` and use ``style.css``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["render"]

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, *, folder: Path | None = None, **values: Any) -> str:
    """Return a page as HTML: one file that loads nothing else.

    Text is escaped, whatever it says. A value that the template names and that is not given is an
    error.

    Args:
        template: file name of the template.
        folder: of the template, where it is not among those of this room.
        values: what the template names.

    Raises:
        jinja2.UndefinedError: a value is missing.

    >>> page = render("base.html", title="a & b")
    >>> page.startswith("<!DOCTYPE html>"), "<title>a &amp; b</title>" in page
    (True, True)
    """
    return _environment(folder).get_template(template).render(**values)


@cache
def _environment(folder: Path | None) -> Environment:
    return Environment(
        loader=FileSystemLoader([TEMPLATES] if folder is None else [folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

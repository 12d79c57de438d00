"""Tests in two sizes: a small one for every run, and a long one for `make soak`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

__all__ = ["short_or_long", "soaked"]


def short_or_long(name: str, *, short: int, long: int) -> pytest.MarkDecorator:
    """Run a test with a small number, and with a large one before a release.

    Args:
        name: of the test's argument that is the number.
        short: what `make test` runs.
        long: what `make soak` runs.
    """
    return pytest.mark.parametrize(
        name,
        [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.soak)],
    )


def soaked(values: Sequence[Any], *, always: Sequence[Any]) -> list[Any]:
    """Cases of a test of which `make test` runs some, and `make soak` the others."""
    assert set(always) <= set(values), f"{sorted(set(always) - set(values))} are no cases"
    return [one if one in always else pytest.param(one, marks=pytest.mark.soak) for one in values]

"""What holds for the tests of this package: their times are counted from 1970."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.spans import since_1970


@pytest.fixture(scope="module", autouse=True)
def _span() -> Iterator[None]:
    with since_1970():
        yield

"""Limit the rows of batches that a process computes or queues at once, which bounds its memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.core.errors import Unavailable
from services.core.limits import MAX_QUEUED_ROWS

__all__ = ["RowLimit"]


class RowLimit:
    """Admits batches while there is capacity for their rows.

    Args:
        most: maximum number of rows at once.

    >>> limit = RowLimit(10)
    >>> with limit.of(10), limit.of(1):
    ...     pass
    Traceback (most recent call last):
    ...
    services.core.errors.Unavailable: 10 rows are under way and 1 more would be over 10; ...
    """

    def __init__(self, most: int = MAX_QUEUED_ROWS) -> None:
        self._most = most
        self._rows = 0
        self._changing = threading.Lock()

    @contextmanager
    def of(self, rows: int) -> Iterator[None]:
        """Reserve so many rows until the block ends.

        Raises:
            Unavailable: there is no capacity for them now.
        """
        with self._changing:
            if self._rows + rows > self._most:
                raise Unavailable(
                    f"{self._rows} rows are under way and {rows} more would be over"
                    f" {self._most}; send the batch later"
                )
            self._rows += rows
        try:
            yield
        finally:
            with self._changing:
                self._rows -= rows

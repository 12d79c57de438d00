"""Read the present moment in one place, so that tests can replace the clock."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_now"]


def utc_now() -> datetime:
    """Return the present moment.

    >>> utc_now().tzinfo
    datetime.timezone.utc
    """
    return datetime.now(UTC)

"""Check that times in requests lie within the span of sensible times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from aggregators.errors import TimestampError
from aggregators.times import moment_to_us
from services.core.clock import utc_now
from services.core.errors import InvalidRequest, Unavailable

__all__ = ["moment_of", "us_of"]


def us_of(moment: datetime, field: str) -> int:
    """Return a time of a request in microseconds UTC.

    Raises:
        InvalidRequest: the time is outside the span of sensible times; names the field.

    >>> us_of(datetime(1, 1, 1, tzinfo=UTC), "as_of")
    Traceback (most recent call last):
    ...
    services.core.errors.InvalidRequest: as_of: the time is 0001-01-01T00:00:00+00:00, outside ...
    """
    try:
        return moment_to_us(moment, "the time")
    except TimestampError as error:
        raise InvalidRequest(str(error), field=field) from None


def moment_of(given: datetime | None, clock: Callable[[], datetime] = utc_now) -> datetime:
    """Return the ``as_of`` of a request in UTC; the present moment by default.

    Raises:
        InvalidRequest: the time is outside the span of sensible times.
        Unavailable: the present moment is outside; this machine's clock is wrong.
    """
    if given is None:
        now = clock()
        try:
            moment_to_us(now, "this machine's clock")
        except TimestampError as error:
            raise Unavailable(f"as_of is needed: {error}") from None
        return now
    us_of(given, "as_of")
    return given.astimezone(UTC)  # within the span, every time zone has such a time

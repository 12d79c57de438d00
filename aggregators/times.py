"""Moments and durations: everything becomes int64 microseconds UTC here, and nowhere else."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from aggregators.errors import DefinitionError, TimestampError

if TYPE_CHECKING:
    import pandas as pd

    from aggregators.typing import Int64Array

__all__ = ["NEVER", "column_to_us", "duration_to_us", "format_duration", "from_us", "moment_to_us"]

NEVER = np.iinfo(np.int64).max
"""The time of an event that has not happened; later than every ``as_of``."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Sums and differences of two moments stay far inside int64: years -95,000 to +99,000.
MOMENT_LIMIT_US = 3_000_000_000_000_000_000

_UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_DURATION = re.compile(r"\s*(\d+)\s*(us|ms|s|min|h|d)\s*")
_LOCALISE = "localise it first, e.g. series.dt.tz_localize('UTC') or time.replace(tzinfo=UTC)"


def moment_to_us(value: object, what: str) -> int:
    """Return a timezone-aware datetime, or int microseconds UTC, as int microseconds UTC.

    Nanoseconds are cut off (towards the past). Raises :class:`TimestampError` for naive datetimes
    and everything else; ``what`` names the value in the message.

    >>> moment_to_us(datetime(1970, 1, 1, 1, tzinfo=UTC), "as_of")
    3600000000
    """
    if isinstance(value, datetime):
        if value != value:  # pandas.NaT is a datetime that equals nothing
            raise TimestampError(f"{what} is missing (NaT); expected a timezone-aware datetime")
        if value.tzinfo is None:
            raise TimestampError(
                f"{what} is the naive datetime {value}; expected a timezone-aware one: {_LOCALISE}"
            )
        delta = value - EPOCH
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if abs(int(value)) > MOMENT_LIMIT_US:
            raise TimestampError(f"{what} is {value}; expected microseconds since 1970 (UTC)")
        return int(value)
    if isinstance(value, np.datetime64):
        raise TimestampError(
            f"{what} is a numpy.datetime64, which has no time zone ({value}); expected a"
            " timezone-aware datetime, e.g. pandas.Timestamp(value, tz='UTC')"
        )
    raise TimestampError(
        f"{what} is {value!r} ({type(value).__name__}); expected a timezone-aware datetime"
    )


def from_us(time_us: int) -> datetime:
    """Return int microseconds UTC as a timezone-aware datetime.

    >>> from_us(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=int(time_us))


def duration_to_us(value: object, what: str) -> int:
    """Return a positive duration such as ``"15min"``, ``"1h"`` or a timedelta in microseconds.

    Units: us, ms, s, min, h, d. Raises :class:`DefinitionError` for anything else.

    >>> duration_to_us("15min", "window")
    900000000
    """
    if isinstance(value, timedelta):
        result = value // timedelta(microseconds=1)
    else:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise DefinitionError(
                f"{what} is {value!r}; expected a positive duration such as '15min', '1h' or a"
                " timedelta (units: us, ms, s, min, h, d)"
            )
        result = int(match[1]) * _UNITS_US[match[2]]
    if not 0 < result < MOMENT_LIMIT_US:
        raise DefinitionError(f"{what} is {value!r}; expected a duration longer than zero")
    return result


def format_duration(duration_us: int) -> str:
    """Return microseconds in the largest unit that divides them: the inverse of parsing.

    >>> format_duration(900_000_000), format_duration(90_000_000)
    ('15min', '90s')
    """
    for unit in ("d", "h", "min", "s", "ms"):
        if duration_us % _UNITS_US[unit] == 0:
            return f"{duration_us // _UNITS_US[unit]}{unit}"
    return f"{duration_us}us"


def column_to_us(column: pd.Series[Any], what: str) -> Int64Array:
    """Return a column of timezone-aware datetimes as int64 microseconds, missing as ``NEVER``.

    Any unit and time zone is taken; nanoseconds are cut off. Raises :class:`TimestampError`, naming
    the column and the first offending row, when it holds naive datetimes or something else.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.ArrowDtype):
        column = _from_arrow(column, what)
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        column = _checked_objects(column, what)
    raw = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    unit = np.datetime_data(raw.dtype)[0]
    ticks: Int64Array = raw.view(np.int64)
    result: Int64Array
    if unit == "us":
        result = ticks.copy()
    elif unit == "ns":
        result = ticks // 1_000
    else:
        result = ticks * _UNITS_US[unit]  # a missing value overflows here and is replaced below
    result[np.isnat(raw)] = NEVER
    if len(result) and not result.min() > -MOMENT_LIMIT_US:
        raise TimestampError(f"{what}: timestamps are out of range; expected years 1 to 9999")
    return result


def _from_arrow(column: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Return an Arrow-backed column as pandas' own datetimes."""
    import pandas as pd
    import pyarrow as pa

    dtype: Any = column.dtype
    arrow_type = dtype.pyarrow_dtype
    if pa.types.is_null(arrow_type):
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[us, UTC]")
    if not pa.types.is_timestamp(arrow_type):
        raise TimestampError(f"{what} has type {arrow_type}; expected timezone-aware timestamps")
    if arrow_type.tz is None:
        raise TimestampError(f"{what} holds naive timestamps; {_LOCALISE}")
    target: Any = f"datetime64[{arrow_type.unit}, UTC]"
    result: pd.Series[Any] = column.astype(target)
    return result


def _checked_objects(column: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Return a column of datetime objects as datetimes, after looking at each of them."""
    import pandas as pd

    if pd.api.types.is_datetime64_dtype(column.dtype):
        raise TimestampError(f"{what} holds naive timestamps ({column.dtype}); {_LOCALISE}")
    missing = column.isna()
    if missing.all():
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[us, UTC]")
    for label, value in column[~missing].items():
        if not isinstance(value, datetime):
            raise TimestampError(
                f"{what}, row {label!r}: {value!r} ({type(value).__name__}) is not a timestamp;"
                " expected timezone-aware datetimes, e.g. pandas.to_datetime(column, utc=True)"
            )
        if value.tzinfo is None:
            raise TimestampError(f"{what}, row {label!r}: {value} is naive; {_LOCALISE}")
    return pd.to_datetime(column, utc=True)

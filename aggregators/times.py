"""Convert moments and durations: everything becomes int64 microseconds UTC here, and only here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from aggregators.errors import DefinitionError, TimestampError
from aggregators.time_span import check_moment_us, current_bounds_us, outside

if TYPE_CHECKING:
    import pandas as pd

    from aggregators.typing import Int64Array

__all__ = [
    "NEVER",
    "aware_to_us",
    "column_to_us",
    "duration_to_us",
    "format_duration",
    "from_us",
    "moment_to_us",
]

NEVER: int = np.iinfo(np.int64).max
"""The time of an event that has not happened; later than every ``as_of``."""

BLOCK_TICKS = 32_768
"""How many times are converted at a time: the steps between stay in the processor's cache."""

NOT_A_TIME: int = np.iinfo(np.int64).min
"""The ticks of a missing time in a numpy array."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DURATION_LIMIT_US = 3_000_000_000_000_000_000
"""No duration is as long: a moment and a duration stay far inside int64."""

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

    Nanoseconds are cut off (towards the past). Raises :class:`TimestampError` for naive datetimes,
    moments outside the span of sensible times and everything else. ``what`` names the value in the
    message.

    >>> moment_to_us(datetime(2026, 1, 1, 1, tzinfo=UTC), "as_of")
    1767229200000000
    """
    if isinstance(value, datetime):
        return check_moment_us(_datetime_to_us(value, what), what)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return check_moment_us(int(value), what)
    if isinstance(value, np.datetime64):
        raise TimestampError(
            f"{what} is a numpy.datetime64, which has no time zone ({value}); expected a"
            " timezone-aware datetime, e.g. pandas.Timestamp(value, tz='UTC')"
        )
    raise TimestampError(
        f"{what} is {value!r} ({type(value).__name__}); expected a timezone-aware datetime"
    )


def _datetime_to_us(value: datetime, what: str) -> int:
    """Return a datetime as microseconds, whatever its year."""
    if value != value:  # pandas.NaT is a datetime that equals nothing
        raise TimestampError(f"{what} is missing (NaT); expected a timezone-aware datetime")
    if value.tzinfo is None:
        raise TimestampError(
            f"{what} is the naive datetime {value}; expected a timezone-aware one: {_LOCALISE}"
        )
    if type(value) is not datetime and hasattr(
        value, "as_unit"
    ):  # a pandas Timestamp knows years that no calendar has
        timestamp: Any = value
        return _ticks_to_us(int(timestamp.asm8.astype(np.int64)), timestamp.unit)
    return aware_to_us(value)


def aware_to_us(value: datetime) -> int:
    """Return a timezone-aware datetime in microseconds, whether it is sensible or not.

    >>> aware_to_us(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    delta = value - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _ticks_to_us(ticks: int, unit: str) -> int:
    """Return ticks of a unit as microseconds, cut towards the past; integers of any size."""
    return ticks // 1_000 if unit == "ns" else ticks * _UNITS_US[unit]


def from_us(time_us: int) -> datetime:
    """Return int microseconds UTC as a timezone-aware datetime.

    >>> from_us(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=int(time_us))


def duration_to_us(value: object, what: str, *, or_zero: bool = False) -> int:
    """Return a positive duration such as ``"15min"``, ``"1h"`` or a timedelta in microseconds.

    Units: us, ms, s, min, h, d. Raises :class:`DefinitionError` for anything else; ``or_zero``
    allows no time at all.

    >>> duration_to_us("15min", "window"), duration_to_us("0s", "at_least", or_zero=True)
    (900000000, 0)
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
    if not (0 if or_zero else 1) <= result < DURATION_LIMIT_US:
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


def column_to_us(column: pd.Series[Any], what: str, *, out: Int64Array | None = None) -> Int64Array:
    """Return a column of timezone-aware datetimes as int64 microseconds, missing as ``NEVER``.

    Any unit and time zone is taken; nanoseconds are cut off (towards the past). Raises
    :class:`TimestampError`, naming the column and the first offending row, when it holds naive
    datetimes, times outside the span of sensible times, or something else. The result is written
    into ``out`` where it is given.
    """
    import pandas as pd

    result = np.empty(len(column), np.int64) if out is None else out
    if isinstance(column.dtype, pd.ArrowDtype):
        ticks, unit = _from_arrow(column, what)
    elif isinstance(column.dtype, pd.DatetimeTZDtype):
        values: Any = column.array
        ticks, unit = values.view(np.int64), column.dtype.unit  # in UTC, whatever the zone is
    else:
        result[:] = _objects_to_us(column, what)
        return result
    for start in range(0, len(ticks), BLOCK_TICKS):
        block = slice(start, start + BLOCK_TICKS)
        _ticks_into(ticks[block], unit, result[block], start, column, what)
    return result


def _ticks_into(
    ticks: Int64Array, unit: str, out: Int64Array, start: int, column: pd.Series[Any], what: str
) -> None:
    """Write ticks from row ``start`` of a column on as microseconds, missing as ``NEVER``.

    Raises for the first time outside the span; in its own unit, where nothing can overflow.
    """
    if unit == "ns":
        low, high = (bound * 1_000 for bound in current_bounds_us())
    else:  # rounded up: a tick at or after a bound has its whole second at or after it
        low, high = (-(-bound // _UNITS_US[unit]) for bound in current_bounds_us())
    low, high = max(low, NOT_A_TIME + 1), min(high, NEVER + 1)  # in ns a span may be longer
    # As numbers without a sign, those below the lowest wrap around to above the highest.
    outside_span = (ticks - low).view(np.uint64) >= np.uint64(high - low)
    missing = None
    if outside_span.any():
        missing = ticks == NOT_A_TIME
        wrong = outside_span & ~missing
        if wrong.any():
            place = int(np.argmax(wrong))
            shown = np.datetime64(int(ticks[place]), unit)  # type: ignore[call-overload]
            time_us = _ticks_to_us(int(ticks[place]), unit)
            raise outside(time_us, f"{what}, row {column.index[start + place]!r}", f"{shown}Z")
    if unit == "us":
        out[:] = ticks
    elif unit == "ns":
        np.floor_divide(ticks, 1_000, out=out)
    else:
        np.multiply(ticks if missing is None else np.where(missing, 0, ticks), _UNITS_US[unit], out)
    if missing is not None:
        np.copyto(out, NEVER, where=missing)


def _from_arrow(column: pd.Series[Any], what: str) -> tuple[Int64Array, str]:
    """Return the ticks of an Arrow-backed column, missing as numpy has them, and their unit.

    Arrow's own conversion goes by pandas' nanoseconds, in which far times wrap around.
    """
    import pyarrow as pa

    dtype: Any = column.dtype
    arrow_type = dtype.pyarrow_dtype
    if pa.types.is_null(arrow_type):
        return np.full(len(column), NOT_A_TIME, np.int64), "us"
    if not pa.types.is_timestamp(arrow_type):
        raise TimestampError(f"{what} has type {arrow_type}; expected timezone-aware timestamps")
    if arrow_type.tz is None:
        raise TimestampError(f"{what} holds naive timestamps; {_LOCALISE}")
    ticks = pa.array(column).cast(pa.int64()).fill_null(NOT_A_TIME)
    return ticks.to_numpy(), arrow_type.unit


def _objects_to_us(column: pd.Series[Any], what: str) -> Int64Array:
    """Return a column of datetime objects as microseconds, one after the other as events are."""
    import pandas as pd

    if pd.api.types.is_datetime64_dtype(column.dtype):
        raise TimestampError(f"{what} holds naive timestamps ({column.dtype}); {_LOCALISE}")
    missing = column.isna().to_numpy(dtype=np.bool_)
    times_us = np.full(len(column), NEVER, np.int64)
    for place in np.flatnonzero(~missing).tolist():
        label, value = column.index[place], column.iloc[place]
        if not isinstance(value, datetime):
            raise TimestampError(
                f"{what}, row {label!r}: {value!r} ({type(value).__name__}) is not a timestamp;"
                " expected timezone-aware datetimes, e.g. pandas.to_datetime(column, utc=True)"
            )
        if value.tzinfo is None:
            raise TimestampError(f"{what}, row {label!r}: {value} is naive; {_LOCALISE}")
        times_us[place] = moment_to_us(value, f"{what}, row {label!r}")
    return times_us
